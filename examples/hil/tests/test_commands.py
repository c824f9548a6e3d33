"""Commands over CAN, each with its reply."""

import pytest


@pytest.mark.parametrize(
    ("target", "reply"),
    [
        ("EngineEcu", "EngineReply"),
        ("ChassisEcu", "ChassisReply"),
        ("TyreEcu", "TyreReply"),
        ("FuelEcu", "FuelReply"),
    ],
)
def test_every_ecu_tells_its_version(bench, target, reply):
    bench.send("EcuCommand", TARGET=target, OPCODE="version", VALUE=0, SEQUENCE=17)
    assert bench.expect(f"{reply}.STATUS == 'ok' and {reply}.SEQUENCE == 17", within="200ms")
    assert bench.value(f"{reply}.VALUE") == 0x0102


def test_limp_home_can_be_left_once_its_cause_is_gone(bench):
    bench.set("engine.coolant_temp", 125.0)
    assert bench.expect("EngineStatus.LIMP_HOME == 1", within="500ms")
    bench.send("EcuCommand", TARGET="EngineEcu", OPCODE="clear_limp_home", VALUE=0, SEQUENCE=1)
    assert bench.expect("EngineReply.STATUS == 'wrong_state'", within="200ms")
    bench.release("engine.coolant_temp")
    assert bench.expect("ENGINE_TEMP < 95", within="200ms")
    bench.send("EcuCommand", TARGET="EngineEcu", OPCODE="clear_limp_home", VALUE=0, SEQUENCE=2)
    assert bench.expect("EngineReply.STATUS == 'ok' and EngineReply.SEQUENCE == 2", within="200ms")
    assert bench.expect("EngineStatus.LIMP_HOME == 0", within="200ms")


@pytest.mark.parametrize("limit", [3999, 15_001])
def test_a_limit_of_the_engines_speed_that_makes_no_sense_is_refused(bench, limit):
    bench.send("EcuCommand", TARGET="EngineEcu", OPCODE="set_rpm_limit", VALUE=limit, SEQUENCE=1)
    assert bench.expect("EngineReply.STATUS == 'bad_value'", within="200ms")


def test_an_unknown_command_is_refused(bench):
    bench.send("EcuCommand", TARGET="EngineEcu", OPCODE=99, VALUE=0, SEQUENCE=1)
    assert bench.expect("EngineReply.STATUS == 'unknown_opcode'", within="200ms")


def test_nobody_answers_for_others(bench):
    bench.send("EcuCommand", TARGET="FuelEcu", OPCODE="version", VALUE=0, SEQUENCE=1)
    assert bench.expect("FuelReply.STATUS == 'ok'", within="200ms")
    assert bench.rate("EngineReply", during="300ms").count == 0


def test_a_command_is_answered_within_its_time(bench):
    latency = bench.latency(
        lambda: bench.send("EcuCommand", TARGET="EngineEcu", OPCODE="status", VALUE=0, SEQUENCE=5),
        "EngineReply.SEQUENCE == 5",
    )
    assert latency < 0.2


def test_the_watchdog_resets_an_ecu_that_hangs(bench):
    bench.send("EcuCommand", TARGET="EngineEcu", OPCODE="hang", VALUE=0, SEQUENCE=1)
    assert bench.alarms.raised("engine_silent", within="400ms")
    assert bench.expect("EngineStatus.ECU_STATE == 'self_test'", within="500ms")
    assert bench.expect("EngineStatus.ECU_STATE == 'normal'", within="600ms")
    assert bench.alarms.cleared("engine_silent")
