"""What every test stands on: it leaves nothing behind, and fails itself if it does.

And what tests of links in several folders share: a producer that reads one.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK
from gateway.errors import RingTimeout
from gateway.record import SAMPLE, TICK
from gateway.ring import Event, ReaderSpec, Ring
from gateway.workers.board import Board, RowState
from gateway.workers.producer import Producer
from gateway.workers.rhythm import Rhythm

pytest_plugins = ["pytester"]

# How long an example takes is the machine's affair. What CI sets besides stays as it is.
settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# Tests send these to what they start. A shell has what it starts in the background ignore the one,
# and nohup the other, and whoever is started by that inherits it.
for _number, _usual in (signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

LONG_NS = 60 * NS_PER_S
"""Never waited for in full but by a test that fails."""

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def _children() -> set[int]:
    pid = os.getpid()
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def _descriptors() -> dict[int, str]:
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[int(entry.name)] = os.readlink(entry)
        except FileNotFoundError:
            continue  # the descriptor with which the folder itself is being read
    return found


def _named_memory() -> set[Path]:
    # What Python's own shared memory would leave; the folder is the whole machine's, and other
    # programs come and go in it.
    return set(Path("/dev/shm").glob("psm_*"))


@pytest.fixture(autouse=True)
def nothing_leaks():
    """Fail the test that leaks, not the innocent one that runs next."""
    before = _named_memory(), set(threading.enumerate()), _descriptors(), _children()

    def leaks() -> dict[str, object]:
        found = {
            "processes": _children() - before[3],
            "threads": set(threading.enumerate()) - before[1],
            "shared memory": _named_memory() - before[0],
            "descriptors": {fd: to for fd, to in _descriptors().items() if before[2].get(fd) != to},
        }
        return {what: left for what, left in found.items() if left}

    yield
    if leaks():
        # What only waits for the collector is no leak; collecting after each test would take
        # longer than most tests.
        for child in multiprocessing.active_children():
            child.join(0)
        gc.collect()
        left = leaks()
        assert not left, f"left behind: {left}"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings; the test is skipped, with the reason, where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the real recordings are not here ({SHARED})")
    return SHARED


class Reading:
    """What a producer at work delivers, and makes known of its link."""

    def __init__(self, row, reader):
        self._row = row
        self._reader = reader
        self._values = []

    def value(self, timeout_ns=LONG_NS):
        """Return the next value that was read; None if none comes in time."""
        until_ns = SYSTEM_CLOCK.monotonic_ns() + timeout_ns
        while not self._values:
            if (left_ns := until_ns - SYSTEM_CLOCK.monotonic_ns()) <= 0:
                return None
            with suppress(RingTimeout):
                records = self._reader.get(timeout_ns=left_ns).records
                self._values = records["value"][records["signal"] != TICK].tolist()
        return self._values.pop(0)

    def link(self, condition):
        """Wait until *condition* of the link's facts holds; return them."""
        until_ns = SYSTEM_CLOCK.monotonic_ns() + LONG_NS
        while (found := self._row.read_facts().get("link")) is None or not condition(found):
            assert SYSTEM_CLOCK.monotonic_ns() < until_ns, found
            with suppress(RingTimeout):
                self._reader.get(timeout_ns=NS_PER_MS)  # what comes meanwhile is of no interest
        return found

    def opened(self):
        """Wait until the link is open: what is sent before that is not heard."""
        self.link(lambda _: self._row.state is RowState.RUNNING)

    def until(self, *names):
        """Wait until the link is in these states, and in no other; return its facts."""
        return self.link(lambda link: set(link["states"]) == set(names))


@pytest.fixture
def reading():
    """Read a source in real time as the gateway does, by a producer in a thread."""

    @contextmanager
    def reading(source):
        source.select([signal.index for signal in source.signals])
        ring = Ring.create(SAMPLE, 1 << 12, 1, [ReaderSpec(name="test", lossless=False)])
        reader, board, start, stop = ring.reader("test"), Board([source.name]), Event(), Event()
        start.set()

        def produce():
            # A lane belongs to the thread that took it.
            row, writer = board[source.name], ring.writer(0)
            rhythm = Rhythm(SYSTEM_CLOCK, NS_PER_MS)
            Producer(source, 0, writer, row, start, stop, SYSTEM_CLOCK, rhythm).run()

        thread = threading.Thread(target=produce)
        thread.start()
        read = Reading(board[source.name], reader)
        try:
            yield read
        finally:
            stop.set()
            thread.join()
            vars(read).clear()  # the test still has it, and with it shared memory
            for each in (reader, ring, board, start, stop):
                each.close()

    return reading
