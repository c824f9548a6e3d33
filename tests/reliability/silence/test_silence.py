"""A source that falls silent is told of in time, and one that talks is never said to be silent."""

import json
import random
import subprocess
import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest

from firmware_sim.ports import PtyPort
from firmware_sim.testing import running_bus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MS = 1_000_000
STALE_MS = 1_500
LATE_MS = 100
"""What may pass between a source's time limit and the warning."""

BUSES, PORTS = 3, 5

HEAD = """
[gateway]
name = "car"

[analyzers]
count = 2
"""
CAN = """
[[source]]
name = "{name}"
type = "can"
interface = "firmware_sim"
channel = "{channel}"
dbc = ["car.dbc"]

[[rule]]
name = "{name}"
signal = "{name}.Count.N"
stale_after = "{stale}ms"
"""
SERIAL = """
[[source]]
name = "{name}"
type = "serial"
port = "{port}"
protocol = "lines"
fields = [{{ name = "a" }}]

[[rule]]
name = "{name}"
signal = "{name}.line.a"
stale_after = "{stale}ms"
"""
REPLAY = """
[[source]]
name = "day"
type = "replay"
path = "day.log"
speed = "max"
channels = { can0 = ["car.dbc"], can1 = ["car.dbc"] }

[[rule]]
name = "can0"
signal = "can0.Count.N"
stale_after = "1s"

[[rule]]
name = "can1"
signal = "can1.Count.N"
stale_after = "1s"

[alarms]
journal = "journal.jsonl"
"""


class Talker:
    """A source that talks at uneven intervals, until it is told to be silent.

    Attributes:
        last_ns: When it last said something, CLOCK_MONOTONIC.
        longest_ns: The longest it was silent without having been told to.
    """

    def __init__(self, say):
        self._say = say
        self._lock = threading.Lock()
        self._silent = False
        self._next_ns = 0
        self.last_ns = time.monotonic_ns()
        self.longest_ns = 0

    def turn(self):
        with self._lock:
            now_ns = time.monotonic_ns()
            if self._silent or now_ns < self._next_ns:
                return
            self._say()
            self.longest_ns = max(self.longest_ns, now_ns - self.last_ns)
            self.last_ns = now_ns
            self._next_ns = now_ns + random.randrange(5, 60) * MS

    def kept_silent(self):
        """Return whether it was silent for too long though nobody told it to: the machine was busy
        with others.
        """
        with self._lock:
            since_ns = 0 if self._silent else time.monotonic_ns() - self.last_ns
            return max(self.longest_ns, since_ns) > (STALE_MS - LATE_MS) * MS

    def fall_silent(self):
        with self._lock:
            self._silent = True

    def talk(self):
        with self._lock:
            self._silent = False
            self.last_ns = time.monotonic_ns()


@pytest.fixture
def talkers(bench, make_node):
    """The talkers by name, and a configuration with a rule for each."""
    text, talkers, over = HEAD, {}, threading.Event()
    with ExitStack() as stack:
        for number in range(BUSES):
            name, channel = f"bus{number}", stack.enter_context(running_bus())
            node = make_node(channel)
            text += CAN.format(name=name, channel=channel, stale=STALE_MS)
            talkers[name] = Talker(lambda node=node: node.send([1]))
        for number in range(PORTS):
            name = f"port{number}"
            port = stack.enter_context(PtyPort(bench.folder / name))
            text += SERIAL.format(name=name, port=port.path, stale=STALE_MS)
            talkers[name] = Talker(lambda port=port: port.write(b"a=1\n"))
        bench.configure(text)

        def talk():
            while not over.wait(0.003):
                for talker in talkers.values():
                    talker.turn()

        for talker in talkers.values():
            talker.talk()
        thread = threading.Thread(target=talk)
        thread.start()
        yield talkers
        over.set()
        thread.join()


def test_every_source_that_falls_silent_is_told_of_in_time(bench, talkers, amount, limit, figure):
    wanted = amount(short=20, long=1_000)
    late_ms, told_wrongly, under_way = [], [], set()
    bench.start("--alarms", "-", stdout=subprocess.PIPE)
    enough = threading.Event()

    def listen():
        for line in bench.process.stdout:
            now_ns, event = time.monotonic_ns(), json.loads(line)
            name = event["rule"]
            if enough.is_set():
                continue  # all are told to talk again, at whatever moment
            if event["event"] == "cleared":
                under_way.discard(name)
            elif name not in under_way or event["t_ns"] < talkers[name].last_ns:
                if not talkers[name].kept_silent():
                    told_wrongly.append(event)
            else:
                late_ms.append((now_ns - talkers[name].last_ns) / MS - STALE_MS)
                talkers[name].talk()
                if len(late_ms) >= wanted:
                    enough.set()

    listener = threading.Thread(target=listen)
    bench.until(lambda s: all(each["state"] == "running" for each in s["processes"]))
    listener.start()
    began = time.monotonic()
    while not enough.wait(random.uniform(0, 0.2)):
        assert time.monotonic() - began < 60 + wanted, "somebody is silent, and nobody says so"
        talking = [name for name in talkers if name not in under_way]
        for name in random.sample(talking, min(len(talking), random.choice((1, 1, 2, 3)))):
            under_way.add(name)
            talkers[name].fall_silent()
    for talker in talkers.values():
        talker.talk()
    bench.end()
    listener.join()
    bench.process.stdout.close()
    late_ms.sort()
    in_time = sum(late <= LATE_MS for late in late_ms)
    figure(
        f"{in_time:,} of {len(late_ms):,} told within {LATE_MS} ms of the limit (median"
        f" {late_ms[len(late_ms) // 2]:.0f} ms, longest {late_ms[-1]:.0f} ms)"
    )
    assert late_ms[-1] <= limit(LATE_MS, slack=50)
    assert not told_wrongly, max(talker.longest_ns / MS for talker in talkers.values())


def test_a_day_has_as_many_silences_as_it_has_and_no_more(bench, amount, figure):
    hours = amount(short=1, long=24)
    dice = np.random.default_rng()
    times_ms = {}
    for channel in ("can0", "can1"):
        gaps_ms = dice.integers(1, 1_000, 7_200 * hours)  # up to just below the limit
        gaps_ms[dice.choice(len(gaps_ms) - 1, 3 * hours)] = dice.integers(1_001, 5_000)
        times_ms[channel] = 1_000_000_000 + np.cumsum(gaps_ms)
    end_ms = min(times[-1] for times in times_ms.values())
    lines, silences = [], {}
    for channel, times in times_ms.items():
        times = times[times <= end_ms]
        silences[channel] = int((np.diff(times, append=end_ms) > 1_000).sum())
        lines += [
            (ms, f"({ms / 1000:.6f}) {channel} 100#0100000000000000") for ms in times.tolist()
        ]
    lines.sort()
    (bench.folder / "day.log").write_text("\n".join(line for _, line in lines) + "\n")
    bench.configure(HEAD + REPLAY)
    bench.start()
    assert bench.process.wait(1_000) == 0, bench.log
    events = bench.events()
    told = {
        rule: sum((e["event"], e["rule"]) == ("raised", rule) for e in events) for rule in silences
    }
    figure(
        f"in a recorded day of {hours} hours {len(lines):,} frames, {sum(silences.values())}"
        f" silences, {sum(told.values())} told"
    )
    assert told == silences
