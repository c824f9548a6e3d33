"""The engine's ECU protects the engine."""

import pytest


def test_limp_home_when_the_engine_overheats(bench):
    bench.set("engine.coolant_temp", 125.0)
    assert bench.expect("EngineStatus.LIMP_HOME == 1", within="500ms")
    assert bench.alarms.raised("engine_hot")


def test_no_limp_home_just_below_the_limit(bench):
    bench.set("engine.coolant_temp", 119.0)
    assert bench.expect("ENGINE_TEMP > 118", within="200ms")
    assert bench.never("EngineStatus.LIMP_HOME == 1", during="300ms")


def test_limp_home_when_the_oil_pressure_stays_low(bench):
    bench.set("engine.oil_pressure", 0.5)
    assert bench.expect("EngineStatus.LIMP_HOME == 1", within="400ms")


def test_a_short_dip_of_the_oil_pressure_is_no_reason(bench):
    bench.set("engine.oil_pressure", 0.5)
    assert bench.expect("OIL_PRESSURE < 1", within="200ms")
    bench.release("engine.oil_pressure")
    assert bench.never("EngineStatus.LIMP_HOME == 1", during="400ms")


def test_limp_home_outlasts_its_cause(bench):
    bench.set("engine.coolant_temp", 125.0)
    assert bench.expect("EngineStatus.ECU_STATE == 'limp_home'", within="500ms")
    assert bench.alarms.raised("engine_hot")
    bench.release("engine.coolant_temp")
    assert bench.expect("ENGINE_TEMP < 95", within="200ms")
    assert bench.never("EngineStatus.LIMP_HOME == 0", during="300ms")
    assert bench.alarms.cleared("engine_hot")


@pytest.mark.parametrize("temperature", [60.0, 90.0, 109.0])
def test_all_is_quiet_at_usual_temperatures(bench, temperature):
    bench.set("engine.coolant_temp", temperature)
    assert bench.expect(f"abs(ENGINE_TEMP - {temperature}) < 1", within="200ms")
    assert bench.never("EngineStatus.MIL == 1", during="200ms")
    assert bench.alarms.none("engine_hot", "low_fuel")


def test_the_reaction_takes_its_time_of_confirmation_and_little_more(bench):
    latency = bench.latency(
        lambda: bench.set("engine.coolant_temp", 125.0), "EngineStatus.LIMP_HOME == 1"
    )
    assert 0.08 < latency < 0.3
