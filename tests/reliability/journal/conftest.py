"""A gateway whose journal's disk is full for a while."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest

from gateway.errors import GatewayError
from gateway.supervisor.instance import ask

DBC = """VERSION ""
BU_: E
BO_ 256 M: 8 E
 SG_ VALUE : 0|16@1+ (1,0) [0|0] "" E
"""

CONFIG = """
[alarms]
journal = "{journal}"

[[source]]
name = "drive"
type = "replay"
path = "drive.log"
speed = 1.0
channels = {{ can0 = ["car.dbc"] }}

[[rule]]
name = "high"
signal = "VALUE"
above = 100
"""
PERIOD_MS = 20
"""Between one event and the next."""


class Gateway:
    """A running gateway, and what it says."""

    def __init__(self, folder, journal, process):
        self.folder = folder
        self.journal = journal
        self.process = process

    def status(self):
        """The status, once there is one."""
        return self.status_when(lambda _: True)

    def status_when(self, condition):
        """The first status for which *condition* holds."""
        while True:
            for socket in (self.folder / "run").glob("*.sock"):
                with suppress(GatewayError):  # one that is busy
                    status = ask(socket, {"request": "status"})
                    if status is not None and condition(status):
                        return status
            assert self.process.poll() is None, self.process.communicate()
            # A pause, so that what is waited for has the processor.
            select.select([], [], [], 0.01)

    def row(self, status, name="journal"):
        """What the status says of process *name*."""
        [row] = [each for each in status["processes"] if each["name"] == name]
        return row

    def told(self, count):
        """Wait until that many warnings more were printed."""
        for _ in range(count):
            assert select.select([self.process.stdout], [], [], 30)[0], "no more warnings"
            assert self.process.stdout.readline()

    def finish(self):
        """Wait for the end of the drive; return what was printed since, and the log."""
        out, log = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, log
        return out, log


def environ(folder):
    return {**os.environ, "RUNTIME_DIRECTORY": str(folder / "run")}


@pytest.fixture
def drive(tmp_path):
    """Start a gateway on a drive of so many events; it writes its journal to that file."""

    @contextmanager
    def drive(events, journal):
        (tmp_path / "car.dbc").write_text(DBC)
        (tmp_path / "car.toml").write_text(CONFIG.format(journal=journal))
        with (tmp_path / "drive.log").open("w") as log:
            for n in range(events):
                ms = 1_000_000 + n * PERIOD_MS
                value = "FF" if n % 2 == 0 else "00"
                log.write(f"({ms // 1000}.{ms % 1000:03d}000) can0 100#{value}00000000000000\n")
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "car.toml"],
            cwd=tmp_path,
            env=environ(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # so that what select says of the pipe is true of the file object
        )
        try:
            yield Gateway(tmp_path, journal, process)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()

    return drive


@pytest.fixture
def expected(tmp_path):
    """What a back-test of the drive raises: what the journal must hold."""

    def expected():
        command = [sys.executable, "-m", "gateway", "backtest", "car.toml", "drive.log"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout

    return expected
