"""The fan's firmware, built for this machine, on the car's bus."""

import pytest


@pytest.mark.parametrize(
    ("temperature", "duty"), [(80.0, 0.0), (95.0, 0.0), (105.0, 50.0), (115.0, 100.0)]
)
def test_the_duty_follows_the_temperature(bench, temperature, duty):
    bench.set("engine.coolant_temp", temperature)
    assert bench.expect(f"abs(FAN_DUTY - {duty}) <= 2", within="200ms")
    assert bench.steady("FAN_DUTY", during="300ms", tolerance=2)


def test_full_speed_when_the_temperature_is_lost(bench):
    fault = bench.inject("off", on="car.EngineEcu")
    assert bench.expect("FAN_TEMPERATURE_LOST == 1 and FAN_DUTY == 100", within="600ms")
    bench.clear(fault)
    assert bench.expect("FAN_TEMPERATURE_LOST == 0 and FAN_DUTY < 100", within="600ms")


def test_it_reports_every_50_ms(bench):
    assert bench.rate("FanStatus", during="1s") == pytest.approx(20, rel=0.1)


def test_it_is_back_soon_after_a_reset(bench):
    bench.reset("fan")
    assert bench.expect("FAN_TEMPERATURE_LOST == 0", within="1s")
    assert bench.alarms.none()
