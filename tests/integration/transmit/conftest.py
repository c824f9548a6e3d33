"""A gateway on a simulated bus, a fan on that bus, and what each of them saw."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys

import can
import pytest

from firmware_sim.testing import START_TIMEOUT_S, start, unique_name
from gateway.errors import GatewayError
from gateway.supervisor.instance import ask

DBC = """VERSION ""
BU_: Gateway Engine
BO_ 256 EngineStatus: 2 Engine
 SG_ TEMP : 0|16@1+ (0.01,-40) [-40|600] "degC" Gateway
BO_ 512 FanControl: 2 Gateway
 SG_ SPEED : 0|8@1+ (0.5,0) [0|100] "%" Engine
 SG_ MODE : 8|2@1+ (1,0) [0|3] "" Engine
VAL_ 512 MODE 0 "off" 1 "on" 2 "auto" ;
"""

LISTENING = """
[gateway]
name = "car"

[alarms]
journal = "alarms.jsonl"

[[source]]
name = "can0"
type = "can"
interface = "firmware_sim"
channel = "{channel}"
dbc = ["car.dbc"]
"""

RULE = """
[[rule]]
name = "hot"
signal = "TEMP"
above = 110
"""

ARMED = """
[[transmit]]
name = "fan"
source = "can0"
message = "FanControl"
values = { MODE = "on" }
rate = 100
burst = 100

[[transmit]]
name = "rare"
source = "can0"
message = "FanControl"
values = { MODE = "auto", SPEED = 50 }
rate = 0.01
"""

ACTIONS = """\
on_raise = { transmit = "fan", values = { SPEED = 100 } }
on_clear = { transmit = "fan", values = { SPEED = 0, MODE = "off" } }
"""


class Bench:
    """A folder with a configuration; a bus; commands to run there."""

    def __init__(self, folder, stack):
        self.folder = folder
        self._stack = stack
        self.channel = unique_name("tx")
        (folder / "car.dbc").write_text(DBC)

    @property
    def environment(self):
        return {**os.environ, "RUNTIME_DIRECTORY": str(self.folder / "run")}

    def bus(self):
        """Start the bus; it ends with the test, or with `end_bus`."""
        arguments = ("bus", self.channel, "--log-format", "json")
        process = start(*arguments, stdout=subprocess.PIPE)
        self._stack.callback(_end, process)
        return process

    def end_bus(self, process):
        """Stop the bus; return the frames that each node sent, by its name."""
        process.send_signal(signal.SIGTERM)
        said = [
            json.loads(line)
            for line in process.communicate(timeout=START_TIMEOUT_S)[0].splitlines()
        ]
        return {each["name"]: each["sent"] for each in said if each["event"] == "node"}

    def node(self, name="engine"):
        """A python-can node on the bus."""
        bus = can.Bus(self.channel, interface="firmware_sim", node_name=name)
        self._stack.callback(bus.shutdown)
        return bus

    def run(self, text, *prefix):
        """Run the gateway with this configuration, killed with the test if it still runs."""
        (self.folder / "car.toml").write_text(text.replace("{channel}", self.channel))
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "gateway", "run", "car.toml"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(_end, process)
        self.wait_for(lambda status: all(p["state"] == "running" for p in status["processes"]))
        return process

    def stop(self, process):
        """Stop the gateway in order; return what it printed, and its log."""
        os.kill(self.status()["pid"], signal.SIGINT)  # it may have been started by another
        printed, log = process.communicate(timeout=60)
        assert process.returncode == 0, log
        assert "every stage adds up" in printed
        return printed, log

    def gateway(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "gateway", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def send(self, *words):
        """Run `gateway send`; return its exit status, and what it says."""
        # With a name, since another gateway may run on the machine.
        done = self.gateway("send", "car.toml", *words)
        return done.returncode, (done.stdout + done.stderr).strip()

    def sending(self, *words):
        """Begin `gateway send` and return its process."""
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "send", "car.toml", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._stack.callback(_end, process)
        return process

    def status(self):
        return self.ask({"request": "status"})

    def ask(self, question):
        """Return what the gateway answers: at once, whereas a command takes its time to start."""
        for path in (self.folder / "run").glob("*.sock"):
            with contextlib.suppress(GatewayError):
                return ask(path, question, timeout_s=60)
        return None

    def wait_for(self, condition):
        """Return the first status for which *condition* holds."""
        while (status := self.status()) is None or not condition(status):
            # A pause, so that what is waited for has the processor.
            select.select([], [], [], 0.01)
        return status

    def account(self, status=None):
        """The transmitter's row of the ledger; by default once every loss has its reason."""
        if status is None:
            status = self.wait_for(lambda status: _is_explained(self.account(status)))
        [row] = [row for row in status["ledger"] if row["stage"] == "can0.tx"]
        assert row["received"] == row["delivered"] + row["lost"]
        return row

    def process(self, name="can0.tx", status=None):
        [process] = [p for p in (status or self.status())["processes"] if p["name"] == name]
        return process


def _is_explained(row):
    return row["lost"] == sum(row["reasons"].values())


def _end(process):
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


@pytest.fixture
def bench(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Bench(tmp_path, stack)


@pytest.fixture
def listening():
    """A configuration that only listens."""
    return LISTENING + RULE


@pytest.fixture
def armed():
    """One that may send, when a rule or a person says so."""
    return LISTENING + ARMED + RULE + ACTIONS


@pytest.fixture
def fan_frames():
    """Return the data of the next *count* frames that told the fan something."""

    def fan_frames(node, count):
        found = []
        while len(found) < count:
            message = node.recv(30)
            assert message is not None, f"only {found} came"
            if message.arbitration_id == 512:
                found.append(message.data.hex())
        return found

    return fan_frames


@pytest.fixture
def temperature():
    """Make a frame that says how hot the engine is."""

    def temperature(degrees):
        data = round((degrees + 40) * 100).to_bytes(2, "little")
        return can.Message(arbitration_id=256, is_extended_id=False, data=data)

    return temperature
