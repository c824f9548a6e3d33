"""Every promise with its test and its figure: the rows of docs/reliability.md.

A row is a folder here. To add one:

1. Make ``tests/reliability/<row>/test_*.py``. A test takes its size from
   ``amount(short=20, long=1_000)``: short in ``make test``, where all rows together have 75 s; long
   in ``make soak``, or a part of that with ``make soak SCALE=0.1``. What cannot be short asks for
   the fixture ``long_form`` and is skipped in ``make test``.
   A promised time is ``limit(seconds)``.
2. Say what was measured, before asserting it: ``figure("1,000 kills, back within 0.9 s")``.
   Several figures of a row stand beside each other.
3. Add a line to the table in docs/reliability.md: promise, how it is tested, the command
   ``make soak ROW=<row>``, the figure with what was run. tests/unit/packaging checks that rows and
   folders are the same.

``make soak`` prints the table with the figures of its own run, and fails with a broken promise.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from firmware_sim import wire
from firmware_sim.client import connect
from firmware_sim.testing import running_bus
from gateway.errors import GatewayError
from gateway.supervisor.instance import ask

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reliability.md"
LONGEST_S = 6 * 3600
"""After so long a test of the long form hangs."""


class Row(NamedTuple):
    """A line of the table in docs/reliability.md."""

    promise: str
    how: str
    command: str
    figure: str

    @property
    def folder(self):
        return self.command.partition("ROW=")[2]


def rows():
    """Read the table of docs/reliability.md."""
    lines = [line for line in PAGE.read_text().splitlines() if "make soak ROW=" in line]
    cells = [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in lines]
    return [Row(*each) for each in cells]


def pytest_addoption(parser):
    group = parser.getgroup("reliability")
    group.addoption("--soak", action="store_true", help="the long forms, and the table at the end")
    group.addoption("--scale", type=float, default=1.0, help="this part of the long forms' size")


def is_soak(config):
    # Unknown where pytest was started for other tests, too: it had not read this file then.
    return config.getoption("--soak", default=False)


def pytest_collection_modifyitems(config, items):
    if is_soak(config):
        for item in items:
            if item.path.is_relative_to(HERE):
                # In front: the nearest one counts, and the short forms have their own.
                item.add_marker(pytest.mark.timeout(LONGEST_S), append=False)


@pytest.fixture
def amount(request):
    """How much to do: *short* in `make test`; *long*, or a part of it, in `make soak`."""

    def amount(short, long):
        if not is_soak(request.config):
            return short
        return max(short, round(long * request.config.getoption("--scale")))

    return amount


@pytest.fixture
def limit(request):
    """What something may take, in seconds say: as promised in `make soak`, which has the machine
    for itself; *slack* times as much in `make test`, where other tests run at the same time.
    """

    def limit(promised, slack=10):
        return promised if is_soak(request.config) else slack * promised

    return limit


@pytest.fixture
def long_form(request):
    """Skip the test in `make test`: it has no short form."""
    if not is_soak(request.config):
        pytest.skip("takes too long for every day; make soak runs it")


@pytest.fixture
def figure(record_property):
    """Report what was measured, for the table."""

    def figure(text):
        print(text)
        record_property("figure", text)

    return figure


def pytest_terminal_summary(terminalreporter, config):
    if not is_soak(config):
        return
    table = Table("promise", "how it is tested", "command", "figure", "", show_lines=True)
    for row in rows():
        figures, outcomes = [], set()
        for outcome in ("passed", "failed", "error", "skipped"):
            for report in terminalreporter.getreports(outcome):
                if f"/reliability/{row.folder}/" in report.nodeid:
                    outcomes.add(outcome)
                    found = [text for name, text in report.user_properties if name == "figure"]
                    figures += [text for text in found if text not in figures]
        if outcomes:
            verdict = (
                "[red]broken" if outcomes & {"failed", "error"}
                else "[green]held" if "passed" in outcomes
                else "not run"
            )  # fmt: skip
            promise, how = (re.sub(r"[*`]", "", text) for text in (row.promise, row.how))
            table.add_row(promise, how, row.command, "; ".join(figures), verdict)
    terminalreporter.ensure_newline()
    Console(width=None if sys.stdout.isatty() else 160).print(table)


# A gateway on a bus of its own, for the rows that need one.

DBC = """VERSION ""
BU_: Ecu Gateway
BO_ 256 Count: 8 Ecu
 SG_ N : 0|32@1+ (1,0) [0|4294967295] "" Gateway
 SG_ LEVEL : 32|32@1+ (1,0) [0|4294967295] "" Gateway
BO_ 512 Answer: 8 Gateway
 SG_ CODE : 0|8@1+ (1,0) [0|255] "" Ecu
"""
SLICE_S = 0.05
LONG_S = 100
"""Never waited for in full but by a test that fails."""


class Node:
    """A node of the bus that sends whole arrays of numbered frames."""

    def __init__(self, channel):
        self.socket, _ = connect(channel, wire.Hello("ecu"))
        self.sent = 0

    def send(self, numbers, levels=0):
        """Send a Count for each of *numbers*."""
        records = np.zeros(len(numbers), wire.RECORD)
        records["can_id"], records["len"] = 256, 8
        data = records["data"].view(np.uint32)
        data[:, 0], data[:, 1] = numbers, levels
        self.socket.sendall(records.tobytes())
        self.sent += len(records)

    def drain(self):
        """Take what others have sent: who never reads would hold the bus up."""
        with contextlib.suppress(BlockingIOError):
            while self.socket.recv(1 << 16, socket.MSG_DONTWAIT):
                pass


class Bench:
    """A folder with a configuration, and the gateway that runs there; what it prints is in files.

    Attributes:
        folder: Where the configuration, its database, and what is printed are.
        process: The supervisor that was started last.
    """

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        self._killed = set()
        self.environment = {**os.environ, "RUNTIME_DIRECTORY": str(folder / "run")}
        (folder / "car.dbc").write_text(DBC)

    def configure(self, text):
        (self.folder / "car.toml").write_text(text)

    def start(self, *arguments, command=("-m", "gateway"), stdout=None, **environment):
        """Start `gateway run`; it need not be ready yet."""
        with (self.folder / "out").open("w") as out, (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, "run", "car.toml", *arguments],
                cwd=self.folder,
                env=self.environment | environment,
                stdout=stdout or out,
                stderr=log,
            )

    @property
    def log(self):
        """What was said on standard error; with a live view the view says it, see `printed`."""
        return (self.folder / "log").read_text()

    @property
    def printed(self):
        return (self.folder / "out").read_text()

    def events(self):
        """Return the events in the journal."""
        lines = (self.folder / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def status(self):
        """Return the status as `gateway status --json` shows it; None if nobody answers."""
        for path in (self.folder / "run").glob("*.sock"):
            with contextlib.suppress(GatewayError):
                return ask(path, {"request": "status"})
        return None

    def answer(self):
        """Return the status, once somebody answers."""
        return self.until(lambda _: True)[0]

    def until(self, condition, seconds=LONG_S, what="the status that is waited for"):
        """Return the first status for which *condition* holds, and the seconds it took."""
        since = time.monotonic()
        while True:
            status = self.status()
            took = time.monotonic() - since
            if status is not None and condition(status):
                return status, took
            assert self.process.poll() is None, f"the gateway ended: {self.log}"
            if took >= seconds:
                said = f"{status}; {self.log[-2000:]}; {self.printed[-2000:]}"
                pytest.fail(f"{what}: not within {seconds} s; {said}")
            nap()

    def running(self):
        """Wait until all processes run and samples have come through; return the seconds."""
        return self.until(
            lambda status: (
                all(each["state"] == "running" for each in status["processes"])
                and all(
                    entry["delivered"]
                    for entry in status["ledger"]
                    if entry["stage"].startswith("samples")
                )
            ),
            what="a start",
        )[1]

    def settled(self, sent):
        """Wait until *sent* frames have come from the first source, and nothing is under way.

        Returns:
            The status, and the seconds it took.
        """

        def is_settled(status):
            first = status["ledger"][0]
            # The notices of an overrun are frames, too, which nobody sent.
            come = first["received"] - first["notes"]["error frames"]
            return come == sent and all(
                each["waiting"] == 0
                # Reasons are told a few times a second.
                and (each["lost"] == sum(each["reasons"].values()) or " > " in each["stage"])
                for each in status["ledger"]
            )

        return self.until(is_settled, what=f"{sent:,} frames")

    def pid_of(self, name):
        """Return the process's id, once it runs: it may just be about to be started again, or the
        supervisor not yet know that it was killed.
        """

        def pid(status):
            pid = next(each["pid"] for each in status["processes"] if each["name"] == name)
            return pid not in self._killed and pid

        return pid(self.until(pid, what=f"{name} to run")[0])

    def kill_process(self, name):
        """Kill one process of the gateway's."""
        pid = self.pid_of(name)
        self._killed.add(pid)
        os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def halted(self, *names):
        """Let these processes stand still while the block lasts."""
        pids = [self.pid_of(name) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for name, pid in zip(names, pids, strict=True):
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pytest.fail(f"{name} was ended meanwhile: {self.log}{self.printed[-2000:]}")

    @contextlib.contextmanager
    def slowed(self, *names, share=0.5):
        """Let these processes run only for a share of the time while the block lasts."""
        pids = [self.pid_of(name) for name in names]
        over = threading.Event()

        def slow():
            while not over.is_set():
                for number, seconds in (
                    (signal.SIGSTOP, SLICE_S * (1 - share)),
                    (signal.SIGCONT, SLICE_S * share),
                ):
                    for pid in pids:
                        os.kill(pid, number)
                    over.wait(seconds)
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

        thread = threading.Thread(target=slow)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def end(self, number=signal.SIGTERM, seconds=LONG_S):
        """Ask the gateway to stop; return the seconds that took."""
        since = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(seconds)
        return time.monotonic() - since

    def kill(self):
        """Kill the supervisor; return the seconds until it and its children were gone."""
        since = time.monotonic()
        status = self.status()
        fds = [
            fd
            for each in (status or {"processes": []})["processes"]
            if each["pid"] and (fd := open_pidfd(each["pid"])) is not None
        ]
        self.process.kill()
        self.process.wait()
        try:
            for fd in fds:
                assert select.select([fd], [], [], LONG_S)[0], "an orphan"
        finally:
            for fd in fds:
                os.close(fd)
        return time.monotonic() - since


def open_pidfd(pid):
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def nap(seconds=0.01):
    """The pause between two looks at something that cannot be waited for."""
    select.select([], [], [], seconds)


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    if bench.process is not None and bench.process.poll() is None:
        bench.kill()


@pytest.fixture
def channel():
    """The name of a running bus."""
    with running_bus() as name:
        yield name


@pytest.fixture
def make_node():
    """Make a node of a bus, which sends."""
    with contextlib.ExitStack() as stack:

        def make_node(channel):
            made = Node(channel)
            stack.callback(made.socket.close)
            return made

        yield make_node


@pytest.fixture
def node(channel, make_node):
    """A node of the running bus."""
    return make_node(channel)
