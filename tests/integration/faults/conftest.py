"""A scenario with a device of each kind, and a gateway on all of them, for the whole module."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_sim import testing
from gateway.supervisor.instance import the_instance

PATIENCE_S = 30.0
"""How long anything may take on a machine that is busy with other things."""

ROOT = Path(__file__).parents[3]

SCENARIO = """
[[bus]]
name = "can0"
bit_rate = 500_000
[[bus]]
name = "f1"
[[device]]
name = "engine"
type = "load"
bus = "can0"
rate = 100
period_ms = 10
[[device]]
name = "car"
type = "f1-car"
bus = "f1"
[device.initial]
ENGINE_TEMP = 90.0
[[device]]
name = "gps"
type = "gps"
car = "car"
port = "gps"
[[device]]
name = "wind"
type = "wind"
port = "wind"
"""

DBC = """VERSION ""
BU_: Engine Gateway
BO_ 256 Load: 8 Engine
 SG_ NUMBER : 0|32@1+ (1,0) [0|4294967295] "" Gateway
 SG_ TOOTH : 32|16@1+ (1,0) [0|65535] "" Gateway
BO_ 2032 Babble: 8 Engine
 SG_ BABBLE : 0|8@1+ (1,0) [0|255] "" Gateway
"""

# Some of these are on while all is well: what runs is known by its running.
CONFIG = """
[gateway]
name = "faults"

[[source]]
name = "can0"
type = "can"
interface = "firmware_sim"
channel = "{namespace}.can0"
dbc = ["engine.dbc"]

[[source]]
name = "f1"
type = "can"
interface = "firmware_sim"
channel = "{namespace}.f1"
dbc = ["f1.dbc"]

[[source]]
name = "gps"
type = "serial"
port = "{folder}/ports/gps"
protocol = "nmea0183"

[[source]]
name = "wind"
type = "serial"
port = "{folder}/ports/wind"
protocol = "nmea0183"

[[rule]]
name = "engine_silent"
signal = "can0.Load.NUMBER"
stale_after = "300ms"

[[rule]]
name = "engine_jumps"
signal = "can0.Load.NUMBER"
rate_above = 101.5

[[rule]]
name = "engine_counts"
signal = "can0.Load.NUMBER"
rate_above = 50.0

[[rule]]
name = "no_babble"
signal = "can0.Babble.BABBLE"
stale_after = "200ms"

[[rule]]
name = "engine_hot"
signal = "ENGINE_TEMP"
above = 110.0

[[rule]]
name = "car_silent"
signal = "ENGINE_TEMP"
stale_after = "300ms"

[[rule]]
name = "gps_silent"
signal = "gps.GGA.latitude"
stale_after = "400ms"

[[rule]]
name = "gps_runs"
signal = "gps.GGA.time_of_day"
rate_above = 0.2

[[rule]]
name = "wind_silent"
signal = "wind.MWV.wind_speed_relative"
stale_after = "300ms"
"""


class Bench:
    """A scenario and a gateway that run, and what a test asks of them."""

    def __init__(self, scenario, config, gateway):
        self._scenario = scenario
        self._config = config
        self._gateway = gateway
        self._partial = b""
        self._on = set()
        self._raised = []

    def set(self, device, **values):
        """Hold inputs of a device at values."""
        self._scenario.set(device, **values)

    def inject(self, kind, on, **keys):
        """Put a fault on something; return its number."""
        return self._scenario.inject(kind, on, **keys)

    def clear(self, number=None):
        """Take a fault back; return how often it took effect."""
        return self._scenario.clear(number)

    def state(self):
        """Return the state of the scenario."""
        return self._scenario.ask("state")

    def effects(self, number):
        """Return how often a fault has taken effect."""
        faults = self.state()["faults"]
        return next(fault["effects"] for fault in faults if fault["id"] == number)

    def status(self):
        """Return the gateway's status."""
        return the_instance(str(self._config)).status

    def source(self, name):
        """Return the ledger of one of the gateway's sources."""
        return next(row for row in self.status()["ledger"] if row["stage"] == name)

    def link(self, name):
        """Return the states of one of the gateway's links."""
        processes = self.status()["processes"]
        return set(next(row for row in processes if row["name"] == name)["link"]["states"])

    def is_on(self, rule):
        """Return whether an alarm is on, by the journal."""
        self._read(0.0)
        return rule in self._on

    def until(self, condition, what):
        """Wait, on the journal, until *condition* holds."""
        ends = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < ends, f"never seen: {what}; on: {self._on}"
            self._read(0.05)

    def until_on(self, rule):
        """Wait until an alarm is on."""
        self.until(lambda: self.is_on(rule), f"{rule} raised")

    def until_off(self, rule):
        """Wait until an alarm is off."""
        self.until(lambda: not self.is_on(rule), f"{rule} cleared")

    def times_raised(self, rule):
        """Return how often an alarm has been raised so far."""
        self._read(0.0)
        return self._raised.count(rule)

    def until_received(self, source, more):
        """Wait until a source of the gateway has received so many more."""
        upto = self.source(source)["received"] + more
        self.until(lambda: self.source(source)["received"] >= upto, f"{more} more on {source}")

    def until_steady(self, source, count):
        """Wait until *count* stays the same while a source receives twenty more."""

        def is_steady():
            before = count()
            self.until_received(source, 20)
            return count() == before

        self.until(is_steady, "a count that stays")

    def settle(self):
        """Wait until all is as it is without faults."""
        well = {"engine_counts", "gps_runs", "no_babble"}
        self.until(lambda: self._read(0.0) == well, f"only {well} on")

    def _read(self, timeout_s):
        while select.select([self._gateway.stdout], [], [], timeout_s)[0]:
            timeout_s = 0.0
            data = os.read(self._gateway.stdout.fileno(), 1 << 16)
            assert data, f"the gateway ended with {self._gateway.wait()}"
            *lines, self._partial = (self._partial + data).split(b"\n")
            for event in map(json.loads, lines):
                if event["event"] == "raised":
                    self._on.add(event["rule"])
                    self._raised.append(event["rule"])
                else:
                    self._on.discard(event["rule"])
        return self._on


@contextlib.contextmanager
def running_bench(folder):
    """Run the scenario and the gateway in *folder*."""
    (folder / "scenario.toml").write_text(SCENARIO)
    (folder / "engine.dbc").write_text(DBC)
    shutil.copy(ROOT / "firmware_sim" / "data" / "f1.dbc", folder)
    config = folder / "gateway.toml"
    runtime = {**os.environ, "RUNTIME_DIRECTORY": str(folder / "run")}
    with testing.running_scenario(folder / "scenario.toml", folder / "ports") as scenario:
        config.write_text(CONFIG.format(namespace=scenario.name, folder=folder))
        gateway = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", str(config), "--alarms", "-"],
            env=runtime,
            stdout=subprocess.PIPE,
        )
        try:
            yield Bench(scenario, config, gateway)
        finally:
            gateway.send_signal(signal.SIGTERM)
            try:
                gateway.wait(PATIENCE_S)
            finally:
                gateway.kill()
                gateway.wait()
                gateway.stdout.close()


@pytest.fixture(scope="module")
def shared_bench(tmp_path_factory):
    """One bench for all tests of the module."""
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNTIME_DIRECTORY", str(folder / "run"))
        with running_bench(folder) as bench:
            bench.settle()
            yield bench


@pytest.fixture
def bench(shared_bench):
    """The bench, without a fault before and after."""
    yield shared_bench
    shared_bench.clear()
    shared_bench.set("car", ENGINE_TEMP=90.0)
    shared_bench.settle()
