"""The bench, on a simulated car that runs in a process of its own."""

import os
import re
import signal
import socket
import threading

import pytest

from gateway.bench.errors import BenchError, NoAnswer
from gateway.bench.report import text_of
from gateway.bench.simulator import ANSWER_TIMEOUT_S
from gateway.clock import NS_PER_MS

HOT = "EngineStatus.LIMP_HOME == 1"


def test_an_expectation_is_fulfilled_by_what_a_stimulus_causes(bench):
    bench.set("engine.coolant_temp", 125.0)
    found = bench.expect(HOT, within="500ms")
    assert found
    assert 0.05 < found.after_s < 0.5
    assert bench.alarms.raised("engine_hot")
    assert bench.alarms.active == ["engine_hot"]


def test_a_value_that_does_not_come_is_told_with_the_moment_at_which_it_was_given_up(bench):
    with pytest.raises(NoAnswer, match=r"within 50 ms: nothing came of can0\.EngineReply"):
        bench.value("EngineReply.SEQUENCE", within="50ms")
    [line] = text_of(bench).splitlines()
    given_up_s, _, found = line.split(maxsplit=2)
    assert found.startswith("FAIL a value of EngineReply.SEQUENCE within 50 ms")
    assert 0.05 <= float(given_up_s) < 60


def test_what_was_set_in_one_test_is_released_before_the_next(bench):
    assert bench.value("ENGINE_TEMP") == pytest.approx(90.0)
    assert bench.value("EngineStatus.LIMP_HOME") == 0
    assert bench.alarms.none()


def test_a_test_begins_without_what_was_before(bench):
    assert bench.value("RPM") > 0
    history = bench.rig.observer
    for kept in (history.samples, history.frames):
        first_ns = min(int(part["t_ns"].min()) for part in kept.batches(0))
        assert first_ns > bench.timeline.begin_ns - 100 * NS_PER_MS


def test_an_expectation_that_fails_says_what_was_seen(bench):
    bench.set("engine.coolant_temp", 100.0)
    found = bench.expect("ENGINE_TEMP > 110", within="100ms")
    assert not found
    assert "ENGINE_TEMP > 110 within 100 ms of set engine.coolant_temp = 100" in repr(found)
    assert "not in 5 frames; last ENGINE_TEMP = 100" in repr(found)


def test_what_came_before_the_stimulus_has_no_say(bench):
    assert bench.value("ENGINE_TEMP") == pytest.approx(90.0)
    bench.set("engine.coolant_temp", 100.0)
    assert not bench.expect("ENGINE_TEMP < 95", within="60ms")


def test_a_second_expectation_counts_from_the_same_stimulus(bench):
    bench.set("engine.coolant_temp", 125.0)
    first = bench.expect(HOT, within="500ms")
    second = bench.expect("ENGINE_TEMP > 120", within="60ms")  # long past, and seen
    assert first
    assert second
    assert first.since_ns == second.since_ns


def test_it_does_not_matter_when_the_test_gets_round_to_looking(bench):
    bench.set("engine.coolant_temp", 125.0)
    threading.Event().wait(0.3)
    assert bench.expect("ENGINE_TEMP > 120", within="60ms")
    bench.release("engine.coolant_temp")
    threading.Event().wait(0.3)
    assert not bench.expect("ENGINE_TEMP > 120", within="250ms")


def test_never_finds_the_moment_at_which_it_was(bench):
    bench.set("engine.coolant_temp", 125.0)
    found = bench.never(HOT, during="400ms")
    assert not found
    assert "it was: LIMP_HOME = 1 after" in repr(found)


def test_never_begins_when_the_last_expectation_was_fulfilled(bench):
    bench.set("engine.coolant_temp", 125.0)
    assert bench.expect(HOT, within="500ms")
    assert bench.never("EngineStatus.LIMP_HOME == 0", during="200ms")


def test_never_is_not_true_of_silence(bench):
    bench.send("EcuCommand", TARGET="EngineEcu", OPCODE="hang", VALUE=0, SEQUENCE=1)
    found = bench.never("RPM < 0", during="100ms")
    assert not found
    assert "nothing came of can0.EngineStatus.RPM" in repr(found)


def test_steady_is_about_the_first_value(bench):
    assert bench.steady("ENGINE_TEMP", during="200ms", tolerance=0.2)
    bench.set("engine.coolant_temp", 90.0)
    assert bench.expect("ENGINE_TEMP > 0")
    bench.rig.simulator.ask("set", device="car", values={"ENGINE_TEMP": 95.0})
    found = bench.steady("ENGINE_TEMP", during="200ms", tolerance=1.0)
    assert not found
    assert "90 to 95" in repr(found)


def test_the_rate_of_a_message(bench):
    rate = bench.rate("VehicleDynamics", during="500ms")
    assert rate == pytest.approx(100, rel=0.02)
    assert rate.count in (50, 51)
    assert rate.shortest_s <= 0.0101
    assert rate.longest_s >= 0.0099
    assert bench.rate("can0.EngineStatus", during="200ms") == pytest.approx(50, rel=0.1)


def test_the_rate_of_what_does_not_come_is_zero(bench):
    assert bench.rate("FuelReply", during="100ms") == 0


def test_latency_from_a_stimulus_or_an_expression(bench):
    hot = bench.latency(lambda: bench.set("engine.coolant_temp", 125.0), "ENGINE_TEMP > 120")
    assert 0 < hot < 1
    limp = bench.latency("ENGINE_TEMP > 120", HOT)
    assert 0.05 < limp < 0.3
    none = bench.latency(lambda: bench.release("engine.coolant_temp"), "RPM < 0", within="60ms")
    assert not none < 1
    assert re.search("not in [1-4] frames?", repr(none))


def test_send_and_reply(bench):
    bench.send("EcuCommand", TARGET="EngineEcu", OPCODE="version", VALUE=0, SEQUENCE=9)
    assert bench.expect("EngineReply.SEQUENCE == 9 and EngineReply.STATUS == 'ok'", within="100ms")


def test_request_by_iso_tp(bench):
    assert bench.request(b"\x09\x02", to="engine")[3:] == b"F1SGATEWAY0000044"
    assert bench.request(b"\x01\x00", to=(0x7E1, 0x7E9))[:2] == b"\x41\x00"
    with pytest.raises(NoAnswer, match=r"no answer to 01 00 \(7E6 > 7EE\) within 100 ms"):
        bench.request(b"\x01\x00", to=(0x7E6, 0x7EE), within="100ms")


def test_silence_raises_the_alarm_and_its_end_clears_it(bench):
    bench.send("EcuCommand", TARGET="EngineEcu", OPCODE="hang", VALUE=0, SEQUENCE=1)
    assert bench.alarms.raised("engine_silent", within="400ms")
    assert not bench.alarms.none()
    assert bench.alarms.cleared("engine_silent", within="800ms")
    assert not bench.alarms.cleared("engine_hot", within="1ms")


def test_an_alarm_that_stays_away_is_told_with_what_was(bench):
    found = bench.alarms.raised("engine_hot", within="50ms")
    assert not found
    assert "it was never on in this test" in repr(found)


def test_reset_is_seen_on_the_bus(bench):
    bench.reset("car")
    assert bench.expect("EngineStatus.ECU_STATE == 'self_test'", within="200ms")
    assert bench.expect("EngineStatus.ECU_STATE == 'normal'", within="400ms")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda b: b.set("engine.colant", 1),
            "expected a name of .set. in bench.toml; close: engi",
        ),
        (lambda b: b.expect("RPN > 1"), "got 'RPN', expected the name of a known signal; close:"),
        (lambda b: b.send("EcuComand"), "got 'EcuComand', expected a message of the databases; cl"),
        (lambda b: b.send("EcuCommand", OPCODE=1), "EcuCommand.TARGET, VALUE, SEQUENCE: got nothi"),
        (lambda b: b.send("EcuCommand", SPEED=1), "EcuCommand.SPEED: got 1, expected a signal of"),
        (lambda b: b.value("RPM / 60"), "signal: got 'RPM / 60', expected the name of a known"),
        (lambda b: b.steady("RPM > 1", "1s", 1), "got 'RPM > 1', expected the name of a known"),
        (lambda b: b.rate("EngineStat"), "rate: got 'EngineStat', expected .*; close: EngineSt"),
        (lambda b: b.rate("can7.EngineStatus"), "rate: got 'can7.E.*; close: can0.EngineStatus"),
        (lambda b: b.alarms.raised("hot"), "alarms: got 'hot', expected .* a rule: engine_hot or"),
        (lambda b: b.request(b"\x01", to="gearbox"), "to: got 'gearbox', expected .*: engine"),
        (
            lambda b: b.request(b"1", to=(0x7E0, 0x18DAF110)),
            "to: got 0x18daf110, expected an id as",
        ),
        (lambda b: b.request(b"", to="engine"), "request: got 0 bytes, expected 1 to 4095"),
        (lambda b: b.send("EcuCommand", source="x"), "send: source: got 'x', expected .*: can0"),
        (lambda b: b.request(b"1", to="engine", source="x"), "source: got 'x', expected .*: can0"),
        (lambda b: b.reset("lorry"), "reset: device: got 'lorry', expected one of 'car'"),
    ],
)
def test_what_a_test_asks_wrongly_is_told_in_a_line(bench, call, message):
    with pytest.raises(BenchError, match=message) as refused:
        call(bench)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("within", ["500", "half a second", "-1s"])
def test_a_duration_has_a_unit(bench, within):
    with pytest.raises(ValueError, match="expected a duration such as '500ms'"):
        bench.expect("RPM > 0", within=within)


def test_nothing_is_lost_while_a_test_does_something_else(bench):
    begin_ns = bench.timeline.begin_ns
    bench.mark("pause")
    threading.Event().wait(1.0)
    assert bench.rate("VehicleDynamics", during="1s").count in (100, 101)
    assert bench.timeline.mark_ns >= begin_ns + 1000 * NS_PER_MS


@pytest.mark.bench(leaks=True)
def test_a_leak_is_found(bench):
    assert bench.health.findings() == []
    bench.health.leaks_expected = False
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with socket.socket() as left:
        found = bench.health.findings()
        number = left.fileno()
    done.set()
    thread.join()
    assert any(f"descriptor: {number} (socket" in line for line in found)
    assert any("still running: 1 thread" in line for line in found)
    bench.health.leaks_expected = True
    assert bench.health.findings() == []


@pytest.mark.bench(bus_errors=True)
def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(bench):
    simulator = bench.rig.simulator
    [process] = simulator._processes
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    try:
        simulator._control.settimeout(0.05)
        with pytest.raises(BenchError, match="the simulator does not answer: timed out"):
            simulator.ask("inject", fault={"kind": "drop", "on": "car"})
    finally:
        os.kill(process.pid, signal.SIGCONT)
    simulator._control.settimeout(ANSWER_TIMEOUT_S)
    assert "car" in simulator.ask("state")["devices"]
    bench.clear()


@pytest.mark.bench(bus_errors=True)
def test_a_simulator_that_stands_still_is_no_reason_to_hang(bench):
    [process] = bench.rig.simulator._processes
    os.kill(process.pid, signal.SIGSTOP)
    try:
        bench.mark()
        assert not bench.expect("RPM > 0", within="100ms")
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert bench.expect("RPM > 0", within="5s")
