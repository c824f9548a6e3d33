"""Ten times more comes in than the analyzers manage: nothing grows, nothing is lost uncounted."""

import contextlib
import itertools
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from firmware_sim.testing import running, unique_name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONFIG = """
[gateway]
name = "car"
ring_capacity = 32768

[analyzers]
count = 2

[alarms]
journal = "journal.jsonl"

[[source]]
name = "can0"
type = "can"
interface = "firmware_sim"
channel = "{channel}"
dbc = ["car.dbc"]

[[rule]]
name = "every_thousandth"
signal = "LEVEL"
above = 0.5
"""
WORK = """
[[rule]]
name = "never_{number}"
signal = "{signal}"
above = 4294967295
"""
RULES = 100
"""Work for each analyzer."""

CHUNK = 500
EVERY = 1_000
SHARE = 0.1
"""Of their time that the analyzers have: they manage a tenth of what they otherwise do."""

GROWTH_MB = 64
"""What a process may take to work off a whole ring at once. What comes in is gigabytes."""

RING_FULL = 30_000
"""Samples that wait for the analyzers when the ring has no room for what is read at once."""
MOST_UNDER_WAY = 50_000
"""Frames that were sent and not judged yet: half as many as the ring has samples, and what the bus
and its sockets keep. Where nobody is held back there are more in a second or two.
"""

WAITS = "patience_s = 3600.0\n"
DOES_NOT = "queue = 4096\npatience_s = 0.0\n"
"""A real bus does not wait. So much is kept for who is late as a large socket buffer keeps."""


class Flood:
    """Sends numbered frames as fast as the bus takes them, until it is ended."""

    def __init__(self, node):
        self._node = node
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._over.is_set():
            numbers = np.arange(self._node.sent, self._node.sent + CHUNK)
            self._node.send(numbers, np.where(numbers % EVERY, 0, numbers))

    def rate(self, seconds):
        """Return the frames that were sent a second, over so long."""
        before, since = self._node.sent, time.monotonic()
        self._over.wait(seconds)
        return (self._node.sent - before) / (time.monotonic() - since)

    def end(self):
        self._over.set()
        self._thread.join()


def memory_mb(pids, what):
    """Return VmRSS or VmHWM, what they take or at most took, of each process."""
    lines = {pid: Path(f"/proc/{pid}/status").read_text() for pid in pids}
    return {
        pid: int(text.partition(f"{what}:")[2].split()[0]) / 1024 for pid, text in lines.items()
    }


def stages(status, what):
    """Return a number of the stages in which the analyzers take samples."""
    return [each[what] for each in status["ledger"] if "> analyzer-" in each["stage"]]


@pytest.fixture
def flooded(bench, make_node):
    """Start the gateway on a bus of a kind, and the flood."""
    bus = unique_name("flood")
    with contextlib.ExitStack() as stack:

        def flooded(kind):
            scenario = bench.folder / "scenario.toml"
            scenario.write_text(f'[[bus]]\nname = "bus"\n{kind}')
            stack.enter_context(running("run", str(scenario), "--namespace", bus))
            node = make_node(f"{bus}.bus")
            text = CONFIG.format(channel=f"{bus}.bus")
            for number in range(2 * RULES):
                text += WORK.format(number=number, signal="N" if number % 2 else "LEVEL")
            bench.configure(text)
            bench.start()
            bench.until(lambda s: all(each["state"] == "running" for each in s["processes"]))
            flood = Flood(node)
            stack.callback(flood.end)
            return node, flood

        yield flooded


@pytest.mark.parametrize("kind", [WAITS, DOES_NOT], ids=["a bus that waits", "one that does not"])
def test_overload_is_held_back_or_counted_and_passes(bench, flooded, amount, figure, kind):
    node, flood = flooded(kind)
    usual = flood.rate(1)
    pids = [each["pid"] for each in bench.answer()["processes"]]
    before = memory_mb(pids, "VmRSS")
    with bench.slowed("analyzer-0", "analyzer-1", share=SHARE):
        bench.until(lambda s: max(stages(s, "waiting")) > RING_FULL, what="an overload")
        during = flood.rate(amount(short=2, long=60))
        under_way = node.sent - max(stages(bench.answer(), "delivered")) / 2
    flood.end()

    status, took = bench.settled(node.sent)
    grown = max(most - before[pid] for pid, most in memory_mb(pids, "VmHWM").items())
    can0 = status["ledger"][0]
    figure(
        f"{'a bus that waits' if kind == WAITS else 'one that does not'}: {usual:,.0f} frames/s,"
        f" then {during:,.0f} with a tenth of the analyzers; {can0['lost']:,} of {node.sent:,} lost"
        f" and counted, {grown:.0f} MB more memory, all worked off {took:.1f} s later"
    )
    assert grown < GROWTH_MB
    assert can0["lost"] == 0 if kind == WAITS else can0["lost"] > 0
    assert all(each["restarts"] == 0 for each in status["processes"])

    events = bench.events()
    raised = [int(each["value"]) for each in events if each["event"] == "raised"]
    assert all(a < b for a, b in itertools.pairwise(raised)), "out of order"
    assert [each["event"] for each in events] == ["raised", "cleared"] * len(raised)
    if kind == WAITS:
        assert raised == list(range(EVERY, node.sent, EVERY))
        assert under_way < MOST_UNDER_WAY
    bench.end()
    assert bench.process.returncode == 0, bench.log
    assert "every stage adds up" in bench.printed
