"""Everything that runs is killed at random moments, many times, and the gateway goes on."""

import contextlib
import os
import random
import signal
import statistics
import subprocess
import threading
import time

import pytest

from firmware_sim.ports import PtyPort

pytestmark = pytest.mark.slow

CONFIG = """
[gateway]
name = "car"

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

[[source]]
name = "uart"
type = "serial"
port = "{folder}/port"
protocol = "lines"
fields = [{{ name = "a" }}]

[[transmit]]
name = "answer"
source = "can0"
message = "Answer"
rate = 1000
burst = 100

[[rule]]
name = "can"
signal = "N"
above = 0.5
on_raise = {{ transmit = "answer", values = {{ CODE = 1 }} }}

[[rule]]
name = "serial"
signal = "uart.line.a"
above = 0.5
"""

STAGE = {
    "can0": "can0",
    "uart": "uart",
    "analyzer-0": "samples > analyzer-0",
    "analyzer-1": "samples > analyzer-1",
    "journal": "journal",
    "can0.tx": "can0.tx",
    "view": "samples > view",
    "console": "console",
}
"""Where in the ledger each process shows that it works."""

HEALTHY_S = 2.2
"""Who has run for so long is started again for ever; who has not, with longer and longer pauses."""

IN_FLIGHT_S = 0.5
"""What a process that reads a link may have taken from it, and not passed on, when it is killed."""


class Feed:
    """Sends numbered alarms on both links; each number is raised, and cleared at once."""

    def __init__(self, node, port):
        self._node = node
        self._port = port
        self._over = threading.Event()
        self.sent = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        number = 0
        while not self._over.wait(0.02):
            number += 1
            self.sent.append((number, time.monotonic()))
            self._node.drain()
            self._node.send([number, 0])
            self._port.write(b"a=%d\na=0\n" % number)

    def end(self):
        """Send no more; ending twice is allowed."""
        self._over.set()
        self._thread.join()


@pytest.fixture
def feed(bench, channel, node):
    bench.configure(CONFIG.format(channel=channel, folder=bench.folder))
    with PtyPort(bench.folder / "port") as port:
        feed = Feed(node, port)
        yield feed
        feed.end()


class Kills:
    """Kills, and what is known of them.

    Args:
        bench: Where they happen.
        in_flight_s: See `IN_FLIGHT_S`.

    Attributes:
        count: How many there were.
        reported: Seconds until the status told of each.
        back: Seconds until data came through each again.
        gaps: By rule: when its link was not read, pairs of seconds of the monotonic clock.
    """

    def __init__(self, bench, in_flight_s):
        self._bench = bench
        self._in_flight_s = in_flight_s
        self._is_live = False
        self._started = {}
        self.count = 0
        self.reported, self.back = [], []
        self.gaps = {"can": [], "serial": []}

    def start(self):
        """Start the gateway, with one or the other view."""
        began = time.monotonic()
        self._is_live = random.choice((False, True))
        self._bench.start(*["--live"] * self._is_live)
        self._bench.running()
        self._started = dict.fromkeys(by_name(self._bench.answer()), time.monotonic())
        self._gap(self._started, began)

    def some(self):
        """Kill some processes at once, and wait until all of them work again."""
        before = by_name(self._bench.answer())
        healthy = self._healthy()
        names = random.sample(healthy, min(len(healthy), random.choice((1, 1, 1, 2, 3, 9))))
        began = time.monotonic()
        for name in names:
            os.kill(before[name]["pid"], signal.SIGKILL)
        self.count += len(names)
        untold, away = set(names), dict.fromkeys(names)
        while away:
            status = self._bench.answer()
            took = time.monotonic() - began
            assert adds_up(status)
            for name, process in by_name(status).items():
                again = process["restarts"] > before[name]["restarts"]
                if name in untold and (again or process["state"] != "running"):
                    untold.remove(name)
                    self.reported.append(took)
                if name in away and again and process["state"] == "running":
                    count = entry(status, STAGE[name])["delivered"]
                    if away[name] is None:
                        away[name] = count
                        self._started[name] = time.monotonic()
                    elif count > away[name]:
                        del away[name]
                        self.back.append(took)
            assert took < 60, f"{away} not back; {status}; {self._bench.log}"
        if not self._is_live:  # or else the view shows the log
            assert all(f"{name} ended (killed by SIGKILL)" in self._bench.log for name in names)
        self._gap(names, began)

    def supervisor(self):
        """Kill the supervisor, and start the gateway again."""
        began = time.monotonic()
        self.reported.append(self._bench.kill())
        self.count += 1
        self.start()
        self.back.append(time.monotonic() - began)
        self._gap(STAGE, began)

    def _healthy(self):
        while True:
            ripe = time.monotonic() - HEALTHY_S
            if healthy := [name for name, since in self._started.items() if since < ripe]:
                return healthy
            self._bench.status()

    def _gap(self, names, began):
        for name, rule in (("can0", "can"), ("uart", "serial")):
            if name in names:
                self.gaps[rule].append((began - self._in_flight_s, time.monotonic()))


def by_name(status):
    return {each["name"]: each for each in status["processes"]}


def entry(status, stage):
    return next(each for each in status["ledger"] if each["stage"] == stage)


def adds_up(status):
    return all(each["received"] == each["delivered"] + each["lost"] for each in status["ledger"])


def settled(status):
    return all(each["waiting"] == 0 for each in status["ledger"])


@pytest.mark.timeout(300)
def test_whoever_is_killed_comes_back_and_nothing_is_lost(bench, feed, amount, limit, figure):
    total = amount(short=20, long=1_000)
    kills = Kills(bench, limit(IN_FLIGHT_S, slack=4))
    kills.start()
    while kills.count < total:
        if random.random() < 0.1 or kills.count == total - 1:
            kills.supervisor()
        else:
            kills.some()
    feed.end()
    status = bench.until(settled)[0]
    figure(
        f"{kills.count} kills: told within {max(kills.reported):.2f} s, data again within"
        f" {max(kills.back):.2f} s (median {statistics.median(kills.back):.2f} s)"
    )
    assert max(kills.reported) < limit(1)
    assert max(kills.back) < limit(3)

    # No published record is unaccounted, and no emitted alarm lost.
    for source, analyzer in (("can0", "analyzer-0"), ("uart", "analyzer-1")):
        judged = entry(status, f"samples > {analyzer}")
        assert entry(status, f"{source} > samples")["delivered"] == judged["delivered"]
        assert judged["lost"] == 0
    emitted = entry(status, "alarms > journal")["delivered"]
    assert entry(status, "journal")["delivered"] == emitted
    assert entry(status, "alarms > can0.tx")["delivered"] == emitted
    journal = bench.events()
    for rule, gaps in kills.gaps.items():
        numbers = [e["value"] for e in journal if (e["rule"], e["event"]) == (rule, "raised")]
        assert len(numbers) == len(set(numbers)), "an alarm twice"
        missing = {number: sent for number, sent in feed.sent if number not in set(numbers)}
        lost = {
            number
            for number, sent in missing.items()
            if not any(begin <= sent <= end for begin, end in gaps)
        }
        assert not lost, f"{rule}: {lost}"
        assert len(numbers) > len(feed.sent) / 10
    figure(f"{len(journal):,} alarms, none lost and none twice")

    assert bench.end() < limit(7)
    assert bench.process.returncode == 0, bench.log
    assert "every stage adds up" in bench.printed


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("feed")
def test_a_gateway_killed_at_any_moment_can_be_started_at_once(bench, amount, limit, figure):
    cycles = amount(short=3, long=250)
    took = []
    for _ in range(cycles):
        # One that has not come far, then one that must work.
        bench.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            bench.process.wait(random.uniform(0, 1.5))
            pytest.fail(f"a failed start: {bench.log}")
        bench.kill()
        bench.start()
        took.append(bench.running())
        bench.kill()
    figure(
        f"{2 * cycles} kill-and-start cycles without a failed start, the first sample after"
        f" {statistics.median(took):.2f} s (median), {max(took):.2f} s at most"
    )
    assert max(took) < limit(3)
