"""What is armed is sent when it is asked for, once, in time, and counted; nothing else is."""

import json
import os
import signal
import time

import pytest

pytestmark = pytest.mark.slow


def test_a_person_sends_an_armed_message_and_hears_that_it_was_sent(bench, armed, fan_frames):
    bench.bus()
    bench.run(armed)
    engine = bench.node()
    assert bench.send("fan", "SPEED=62.5", "MODE=auto") == (0, "fan: sent")
    assert fan_frames(engine, 1) == ["7d02"]
    assert bench.send("fan", "SPEED=0x32") == (0, "fan: sent")
    assert fan_frames(engine, 1) == ["6401"]
    done = bench.gateway("send", "fan", "SPEED=1", "--json")
    assert json.loads(done.stdout) == {"transmit": "fan", "outcome": "sent", "reason": ""}


def test_a_rule_sends_once_when_it_raises_and_once_when_it_clears(
    bench, armed, fan_frames, temperature
):
    bench.bus()
    gateway = bench.run(armed)
    engine = bench.node()
    for degrees in (90, 120, 121, 122, 90, 80, 120):
        engine.send(temperature(degrees))
    assert fan_frames(engine, 3) == ["c801", "0000", "c801"]
    printed, _ = bench.stop(gateway)
    assert "3            3        0        0 commands" in printed
    assert engine.recv(0.2) is None


def test_what_is_refused_says_why_and_is_counted(bench, armed):
    bus = bench.bus()
    gateway = bench.run(armed)
    assert bench.send("fan", "SPEED=100.5") == (
        1,
        "gateway: fan: refused: SPEED: got 100.5, expected 0 to 100 %",
    )
    assert bench.send("fan") == (
        1,
        "gateway: fan: refused: SPEED: got nothing, expected a value",
    )
    assert bench.send("fun", "SPEED=1") == (
        1,
        "gateway: fun: refused: got 'fun', expected what the configuration arms: fan or rare",
    )
    assert bench.send("rare") == (0, "rare: sent")
    status, said = bench.send("rare")
    assert status == 1
    assert said.startswith("gateway: rare: refused: more often than 0.01 a second; possible again")
    row = bench.account()
    assert (row["received"], row["delivered"], row["waiting"]) == (4, 1, 0)
    assert row["reasons"] == {"expired": 0, "refused": 3, "process ended": 0}
    printed, _ = bench.stop(gateway)
    assert "3 refused" in printed
    assert bench.end_bus(bus) == {"can0": 0, "can0.tx": 1}


def test_after_an_outage_nothing_that_expired_in_it_is_sent(bench, armed, fan_frames):
    bus = bench.bus()
    bench.run(armed)
    engine = bench.node()
    bench.end_bus(bus)
    engine.shutdown()
    bench.wait_for(lambda status: bench.process(status=status)["state"] == "link lost")
    for speed in ("1", "2"):
        status, said = bench.send("fan", f"SPEED={speed}")
        assert status == 1
        assert said == f"gateway: fan: expired: no simulated bus '{bench.channel}' is running"
    bus = bench.bus()
    engine = bench.node()
    bench.wait_for(lambda status: all(p["state"] == "running" for p in status["processes"]))
    assert bench.send("fan", "SPEED=3") == (0, "fan: sent")
    assert fan_frames(engine, 1) == ["0601"]
    row = bench.account()
    assert (row["received"], row["delivered"]) == (3, 1)
    assert row["reasons"]["expired"] == 2
    assert row["notes"]["outages"] == 1


def test_a_command_that_the_link_comes_back_for_in_time_is_sent(bench, armed):
    bus = bench.bus()
    bench.run(armed.replace("burst = 100", 'burst = 100\nexpiry = "60s"'))
    bench.end_bus(bus)
    bench.wait_for(lambda status: bench.process(status=status)["state"] == "link lost")
    sender = bench.sending("fan", "SPEED=100")
    bench.wait_for(lambda status: bench.account(status)["waiting"] == 1)
    bench.bus()
    assert sender.communicate()[0] == "fan: sent\n"
    assert bench.account()["delivered"] == 1


def test_a_bus_that_stands_still_is_given_one_frame_and_not_a_burst(bench, armed):
    bus = bench.bus()
    bench.run(armed)
    bus.send_signal(signal.SIGSTOP)
    outcomes = []
    for n in range(3):
        question = {"request": "send", "transmit": "fan", "values": {"SPEED": n}}
        answer = bench.ask(question | {"asked_ns": time.monotonic_ns()})
        outcomes.append((answer["outcome"], answer["reason"]))
    bus.send_signal(signal.SIGCONT)
    assert outcomes == [
        ("expired", "the bus did not confirm it in time"),
        ("expired", "the bus did not take it in time"),
        ("expired", "the bus did not take it in time"),
    ]
    bench.wait_for(lambda status: bench.account(status)["notes"]["late"] == 1)
    assert bench.account()["reasons"]["expired"] == 3
    assert bench.send("fan", "SPEED=3") == (0, "fan: sent")
    assert bench.end_bus(bus)["can0.tx"] == 2


def test_a_transmitter_that_is_killed_repeats_nothing_and_goes_on(
    bench, armed, fan_frames, temperature
):
    bench.bus()
    gateway = bench.run(armed)
    engine = bench.node()
    engine.send(temperature(120))
    assert fan_frames(engine, 1) == ["c801"]
    os.kill(bench.process()["pid"], signal.SIGKILL)
    bench.wait_for(
        lambda status: (
            bench.process(status=status)["restarts"] == 1
            and bench.process(status=status)["state"] == "running"
        )
    )
    engine.send(temperature(90))
    assert fan_frames(engine, 1) == ["0000"]
    assert bench.send("fan", "SPEED=1") == (0, "fan: sent")
    row = bench.account()
    assert (row["received"], row["delivered"], row["lost"]) == (3, 3, 0)
    bench.stop(gateway)
    assert engine.recv(0.1).data.hex() == "0201", "what was asked for last"
    assert engine.recv(0.1) is None


def test_what_a_killed_transmitter_held_is_counted_as_lost(bench, armed):
    bus = bench.bus()
    bench.run(armed.replace("burst = 100", 'burst = 100\nexpiry = "60s"'))
    bench.end_bus(bus)
    bench.wait_for(lambda status: bench.process(status=status)["state"] == "link lost")
    bench.sending("fan", "SPEED=100")
    status = bench.wait_for(lambda status: bench.account(status)["waiting"] == 1)
    os.kill(bench.process(status=status)["pid"], signal.SIGKILL)
    bench.wait_for(lambda status: bench.account(status)["lost"] == 1)
    assert bench.account()["reasons"]["process ended"] == 1


def test_whoever_waits_when_the_gateway_stops_is_told(bench, armed):
    bus = bench.bus()
    gateway = bench.run(armed.replace("burst = 100", 'burst = 100\nexpiry = "60s"'))
    bench.end_bus(bus)
    bench.wait_for(lambda status: bench.process(status=status)["state"] == "link lost")
    sender = bench.sending("fan", "SPEED=100")
    bench.wait_for(lambda status: bench.account(status)["waiting"] == 1)
    printed, _ = bench.stop(gateway)
    assert sender.communicate()[0] == "gateway: fan: refused: the gateway is stopping\n"
    assert sender.returncode == 1
    assert "(1 refused" in printed


def test_with_no_gateway_running_the_status_is_3(bench):
    assert bench.send("fan") == (3, "gateway: no gateway is running with car.toml")


@pytest.mark.parametrize(
    "words",
    [(), ("SPEED=1",), ("a", "b", "c"), ("fan", "SPEED="), ("fan", "SPEED=1", "SPEED=2")],
    ids=["nothing", "no name", "too many names", "no value", "a signal twice"],
)
def test_wrong_usage_is_2(bench, words):
    assert bench.gateway("send", *words).returncode == 2


def test_the_process_table_says_what_may_be_sent(bench, armed):
    (bench.folder / "car.toml").write_text(armed)
    assert "may send fan, rare on CAN firmware_sim" in bench.gateway("check", "car.toml").stdout
