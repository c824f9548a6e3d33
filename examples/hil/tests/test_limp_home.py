"""The engine's ECU protects the engine."""


def test_limp_home_when_the_engine_overheats(bench):
    bench.set("engine.coolant_temp", 125.0)
    assert bench.expect("EngineStatus.LIMP_HOME == 1", within="500ms")
    assert bench.alarms.raised("engine_hot")


def test_no_limp_home_just_below_the_limit(bench):
    bench.set("engine.coolant_temp", 119.0)
    assert bench.expect("ENGINE_TEMP > 118", within="100ms")
    assert bench.never("EngineStatus.LIMP_HOME == 1", during="300ms")
