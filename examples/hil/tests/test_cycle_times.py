"""Every message comes as often as the database says."""

import pytest


@pytest.mark.parametrize(
    ("message", "cycle_ms"),
    [
        ("EngineStatus", 20),
        ("VehicleDynamics", 10),
        ("TyreStatus", 50),
        ("TyreTemperature", 100),
        ("FuelStatus", 100),
        ("LapStatus", 100),
    ],
)
def test_cycle_time(bench, message, cycle_ms):
    rate = bench.rate(message, during=f"{max(500, 10 * cycle_ms)}ms")
    assert rate == pytest.approx(1000 / cycle_ms, rel=0.1)


def test_the_counter_counts(bench):
    bench.mark()
    assert bench.expect("EngineStatus.COUNTER == 15", within="400ms")
    assert bench.expect("EngineStatus.COUNTER == 0", within="400ms")


def test_the_fuel_level_does_not_jump(bench):
    bench.set("fuel.level", 42.0)
    assert bench.expect("FUEL_LEVEL > 41 and FUEL_LEVEL < 43", within="200ms")
    assert bench.steady("FUEL_LEVEL", during="500ms", tolerance=0.5)
