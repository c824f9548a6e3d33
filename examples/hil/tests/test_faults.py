"""What the ECUs, and the gateway, make of faults. All are cleared when the test ends."""

import pytest


def test_a_sensor_that_came_off_is_noticed(bench):
    with bench.inject("wrong", on="engine.coolant_temp", value=-40.0) as fault:
        assert bench.expect("EngineStatus.LIMP_HOME == 1", within="500ms")
        assert bench.request(b"\x03", to="engine") == bytes.fromhex("43 01 0117")  # P0117
    assert fault.effects > 0


def test_a_sensor_with_a_loose_contact_is_noticed(bench):
    bench.inject("intermittent", on="engine.oil_pressure", rate=0.5, period="1s", value=0.0)
    assert bench.expect("EngineStatus.MIL == 1", within="3s")


def test_an_ecu_without_supply_is_missed(bench):
    fault = bench.inject("off", on="car.EngineEcu")
    assert bench.alarms.raised("engine_silent", within="400ms")
    bench.clear(fault)
    assert bench.alarms.cleared("engine_silent", within="400ms")
    assert bench.expect("EngineStatus.ECU_STATE == 'normal'", within="500ms")


def test_half_of_the_frames_are_enough(bench):
    bench.inject("drop", on="car.EngineEcu", rate=0.5, seed=3)
    assert 15 < bench.rate("EngineStatus", during="1s") < 40
    assert bench.alarms.none("engine_hot", "low_fuel")


@pytest.mark.bench(needs=["inject.short_line"], bus_errors=True)
def test_after_a_short_of_the_line_all_are_back(bench):
    with bench.inject("short_line", on="can0"):
        assert bench.alarms.raised("engine_silent", within="400ms")
    assert bench.alarms.cleared("engine_silent", within="1s")
    assert bench.rate("EngineStatus", during="500ms") == pytest.approx(50, rel=0.2)
