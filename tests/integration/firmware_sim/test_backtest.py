"""The same scenario, live and recorded: the gateway raises the same alarms."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_sim import testing
from firmware_sim.control import ask
from gateway.errors import GatewayError
from gateway.supervisor.instance import the_instance

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0
START_S = 1_783_260_000
"""The time of day at a recording's start."""

# The gateway finds the bus and the port within half a second of their coming; nothing happens
# before 2 s.
SCENARIO = """
[[bus]]
name = "can0"
bit_rate = 500_000
[[device]]
name = "car"
type = "f1-car"
bus = "can0"
[device.initial]
ENGINE_TEMP = 90.0
[[device]]
name = "gps"
type = "gps"
car = "car"
port = "gps"

[[step]]
at = "2s"
set = { "car.ENGINE_TEMP" = 108.0 }

[[fault]]
kind = "noise"
on = "car.ENGINE_TEMP"
deviation = 1.5
at = "2100ms"
for = "600ms"

[[fault]]
kind = "intermittent"
on = "car"
period = "100ms"
at = "2700ms"
for = "300ms"

[[fault]]
kind = "drop"
on = "car"
at = "3s"
for = "1s"

[[step]]
when = "car.ENGINE_TEMP > 111.5"
set = { "car.ENGINE_TEMP" = 112.0 }

[[fault]]
kind = "drop"
on = "gps"
at = "3s"
for = "1s"

[[step]]
at = "4200ms"
release = ["car.ENGINE_TEMP"]
"""
CONFIG = """
[gateway]
name = "same"

[analyzers]
count = 2

[[source]]
name = "can0"
type = "can"
interface = "firmware_sim"
channel = "{namespace}.can0"
dbc = ["{dbc}"]

[[source]]
name = "gps"
type = "serial"
port = "{ports}/gps"
protocol = "nmea0183"

[[rule]]
name = "hot"
signal = "ENGINE_TEMP"
above = 110.0
deadband = 0.5

[[rule]]
name = "hot_for_long"
signal = "ENGINE_TEMP"
above = 107.0
on_delay = "300ms"

[[rule]]
name = "jumpy"
signal = "ENGINE_TEMP"
rate_above = 40.0

# Live, silence is judged by the clock: shorter than this, a busy machine makes it by itself.
[[rule]]
name = "silent"
signal = "SPEED"
stale_after = "800ms"

[[rule]]
name = "gps_silent"
signal = "GGA.latitude"
stale_after = "800ms"
"""
EVENTS_FROM_S, EVENTS_TO_S = 1.5, 4.9


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    return tmp_path


def told(lines, start_ns):
    """Return the events within the time that is compared, by their times since the start."""
    events = []
    for event in map(json.loads, lines):
        since_s = (event["t_ns"] - start_ns) / 1e9
        if EVENTS_FROM_S <= since_s <= EVENTS_TO_S:
            what = (event["rule"], event["event"], event["signal"], event.get("rate"))
            events.append((event["t_ns"] - start_ns, *what, event["value"]))
    return sorted(events, key=lambda event: (event[1:4], event[0]))


def run(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
        **more,
    )


def live(folder, config, namespace):
    """Return the alarm events of the gateway on the running scenario, and its start."""
    journal = folder / "live.jsonl"
    gateway = subprocess.Popen(
        [sys.executable, "-m", "gateway", "run", str(config), "--alarms", str(journal)],
        env={**os.environ, "RUNTIME_DIRECTORY": str(folder / "run")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ends = time.monotonic() + PATIENCE_S
        while not is_waiting(config):
            assert time.monotonic() < ends
        with testing.running(
            "run", str(folder / "scenario.toml"), "--namespace", namespace,
            "--ports", str(folder / "ports"),
        ):  # fmt: skip
            state = ask(namespace, {"do": "state"})
            while state["t_ns"] < (EVENTS_TO_S + 1.0) * 1e9:
                assert time.monotonic() < ends + PATIENCE_S
                state = ask(namespace, {"do": "state"})
                is_waiting(config)  # takes a while, and leaves the processor to others
    finally:
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(PATIENCE_S)
    return told(journal.read_text().splitlines(), state["start_ns"])


def is_waiting(config):
    """Return whether the gateway runs, without its links."""
    try:
        status = the_instance(str(config)).status
    except GatewayError:
        return False
    links = {row["name"]: row["link"] for row in status["processes"] if row["link"]}
    return all("absent" in links[name]["states"] for name in ("can0", "gps") if name in links)


def test_the_alarms_live_are_those_of_the_back_test_over_the_recording(folder, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder / "run"))
    namespace = testing.unique_name("same")
    config = folder / "gateway.toml"
    dbc = ROOT / "firmware_sim" / "data" / "f1.dbc"
    text = CONFIG.format(namespace=namespace, dbc=dbc, ports=folder / "ports")
    config.write_text(text)

    out = folder / "out"
    scenario = folder / "scenario.toml"
    run("firmware_sim", "record", scenario, "--seconds", "6", "--out", out)
    done = run("gateway", "backtest", config, out / "can.log", out / "gps.nmea")
    recorded = told(done.stdout.splitlines(), START_S * 1_000_000_000)
    seen = live(folder, config, namespace)

    def of(events, *rules):
        return [event for event in events if event[1] in rules]

    # Frames are stamped by the bus, in simulated time: to the nanosecond.
    frames = ("hot", "hot_for_long", "jumpy", "silent")
    assert {event[1] for event in of(recorded, *frames)} == set(frames)
    assert of(seen, *frames) == of(recorded, *frames)
    # Sentences are stamped when they are read, on a machine that may be late.
    there = [event[2:] for event in of(recorded, "gps_silent")]
    assert [what[0] for what in there] == ["cleared", "raised"]
    assert [event[2:] for event in of(seen, "gps_silent")] == there
