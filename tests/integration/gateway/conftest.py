"""A small drive, recorded: a bus with two messages, and rules that it breaks."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.supervisor.instance import ask

DBC = """VERSION ""
BU_: Ecu
BO_ 256 EngineStatus: 8 Ecu
 SG_ ENGINE_TEMP : 0|16@1+ (0.01,-40) [-40|600] "degC" Ecu
 SG_ RPM : 16|16@1+ (1,0) [0|20000] "1/min" Ecu
BO_ 512 Tyre: 8 Ecu
 SG_ TYRE_PRESSURE : 0|16@1+ (0.001,0) [0|10] "bar" Ecu
"""

CONFIG = """
[gateway]
name = "bench"

[analyzers]
count = 3

[alarms]
journal = "journal.jsonl"

[[source]]
name = "drive"
type = "replay"
path = "drive.log"
speed = {speed}
channels = {{ can0 = ["car.dbc"] }}

[[rule]]
name = "engine_hot"
signal = "ENGINE_TEMP"
above = 110.0
deadband = 2.0
on_delay = "20ms"
message = "High engine temperature"

[[rule]]
name = "engine_very_hot"
signal = "ENGINE_TEMP"
above = 118.0
severity = "critical"

[[rule]]
name = "tyre_low"
signal = "Tyre.TYRE_PRESSURE"
below = 1.9
message = "Low tire pressure"

[[rule]]
name = "tyre_silent"
signal = "can0.Tyre.TYRE_PRESSURE"
stale_after = "300ms"

[[rule]]
name = "revving"
signal = "RPM"
rate_above = 2000.0
"""


def drive(seconds):
    """Yield the lines of a candump log: 1 kHz of two messages and one that no database knows."""
    for ms in range(int(seconds * 1000)):
        second = ms / 1000
        stamp = f"({100 + ms // 1000}.{ms % 1000:03d}000)"
        temp = 100 + 20 * (second % 2 > 1)  # degC: 100 for a second, 120 for a second
        rpm = 4000 + 3 * (ms % 1000)  # rises by 3000 a second, then falls at once
        yield f"{stamp} can0 100#{_le(round((temp + 40) * 100))}{_le(rpm)}00000000"
        if ms % 10 == 0 and not 2.5 <= second < 3.5:  # a second of silence
            pressure = 2.2 if second % 3 < 2 else 1.8
            yield f"{stamp} can0 200#{_le(round(pressure * 1000))}000000000000"
        if ms % 100 == 0:
            yield f"{stamp} can0 7FF#00"


def _le(value):
    return value.to_bytes(2, "little").hex().upper()


class Bench:
    """A folder with a drive, its database and a configuration, and the command to run in it."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "car.dbc").write_text(DBC)
        self.write_drive(6)
        self.configure()

    def write_drive(self, seconds):
        (self.folder / "drive.log").write_text("\n".join(drive(seconds)) + "\n")

    def configure(self, speed='"max"', text=CONFIG):
        (self.folder / "car.toml").write_text(text.format(speed=speed))

    @property
    def environment(self):
        return {**os.environ, "RUNTIME_DIRECTORY": str(self.folder / "run")}

    def gateway(self, *arguments, timeout=240):
        return subprocess.run(
            [sys.executable, "-m", "gateway", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @contextlib.contextmanager
    def running(self, *arguments, name="car.toml"):
        """Run the gateway in the background; killed at the end if it still runs."""
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", name, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            process.stderr.close()

    def status(self):
        """Return the status of the running gateway, waiting for it to start answering."""
        until = time.monotonic() + 60
        while True:
            # Not by `gateway status`, which a busy machine takes seconds to start.
            for path in (self.folder / "run").glob("*.sock"):
                with contextlib.suppress(GatewayError):
                    if status := ask(path, {"request": "status"}):
                        return status
            assert time.monotonic() < until, "no gateway is running"
            nap()

    def status_when(self, condition):
        """Return the first status for which *condition* holds."""
        while not condition(status := self.status()):
            nap()
        return status

    def pid_of(self, name, restarts):
        """Return the pid of process *name* once it runs after so many restarts."""

        def found(status):
            [process] = [each for each in status["processes"] if each["name"] == name]
            ready = process["state"] == "running" and process["restarts"] == restarts
            return ready and process["pid"]

        return found(self.status_when(found))

    def events(self, name="journal.jsonl"):
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @staticmethod
    def ledger_rows(text):
        """Return the printed ledger as {stage: (received, delivered, lost, waiting)}."""
        rows = {}
        for line in text.partition("\nstage ")[2].splitlines()[2:]:
            words = line.replace(",", "").split()
            numbers = [word for word in words if word.isdigit()]
            if len(numbers) >= 4:
                stage = " ".join(words[: words.index(numbers[0])])
                rows[stage] = tuple(int(number) for number in numbers[:4])
        return rows

    def read_until(self, stream, word):
        """Read lines from *stream* up to the first that holds *word*."""
        lines = []
        while word not in "".join(lines[-1:]):
            assert select.select([stream], [], [], 60)[0], f"no {word!r} in {lines}"
            line = stream.readline()
            assert line, f"no {word!r} in {lines}"
            lines.append(line)
        return lines


def nap():
    """The pause between two looks at the status, so that what is waited for has the processor."""
    select.select([], [], [], 0.01)


@pytest.fixture
def bench(tmp_path: Path):
    return Bench(tmp_path)
