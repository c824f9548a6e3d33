"""A day in two hours, with faults and with the clock being set: nothing grows, nothing is lost."""

import contextlib
import os
import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from firmware_sim.ports import PtyPort

CONFIG = """
[gateway]
name = "car"

[analyzers]
count = 3

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

[[rule]]
name = "silent"
signal = "N"
stale_after = "5s"

[[rule]]
name = "every_thousandth"
signal = "LEVEL"
above = 0.5

[[rule]]
name = "serial"
signal = "uart.line.a"
above = 0.5

[[rule]]
name = "serial_silent"
signal = "uart.line.a"
stale_after = "1s"
"""
LONG_S = 2 * 3_600
FRAMES_S, LINES_S = 3_000, 120
"""Twelve times what the simulated car sends in a second: its day passes in two hours."""
TURN_S = 0.02
EVERY = 1_000

VICTIMS = ("uart", "analyzer-2", "journal", "console")
"""Those that are killed. The others are the same processes from the first hour to the last."""
CLOCK_STEPS_S = (3_600, -3_600, 86_400, -86_400, 0)
FAULT_EVERY_S = 5
MOST_MB_A_DAY = 1.0


class Traffic:
    """What is on both links."""

    def __init__(self, node, port):
        self.node, self.port = node, port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def begin(self):
        self._thread.start()

    def _run(self):
        turn = 0
        while not self._over.wait(TURN_S):
            turn += 1
            numbers = np.arange(self.node.sent, self.node.sent + round(FRAMES_S * TURN_S))
            self.node.send(numbers, np.where(numbers % EVERY, 0, numbers))
            with contextlib.suppress(OSError):  # being unplugged at this moment
                self.port.write(b"a=%d\n" % (turn // 100 % 2) * round(LINES_S * TURN_S))

    def end(self):
        """Send no more; ending twice is allowed."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()


@pytest.fixture
def traffic(bench, channel, node):
    bench.configure(CONFIG.format(channel=channel, folder=bench.folder))
    with PtyPort(bench.folder / "port") as port:
        traffic = Traffic(node, port)
        yield traffic
        traffic.end()


class WallClock:
    """The clock on the gateway's wall, which libfaketime sets, where it is installed."""

    def __init__(self, folder):
        self._file = folder / "offset"
        self.library = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
        self.environment = {}
        if self.library:
            self.environment = {
                "LD_PRELOAD": str(self.library),
                "FAKETIME_TIMESTAMP_FILE": str(self._file),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
            }
        self.steps = 0
        self.set(0)

    def set(self, seconds):
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+}")
        new.rename(self._file)
        self.steps += bool(self.library)


class Watch:
    """What each process takes, look by look; by its name and its id."""

    def __init__(self):
        self.looks = {}

    def look(self, status):
        processes = [("supervisor", status["pid"])]
        processes += [(each["name"], each["pid"]) for each in status["processes"]]
        for name, pid in processes:
            with contextlib.suppress(OSError, IndexError):  # just killed
                facts = Path(f"/proc/{pid}/status").read_text()
                links = []
                for fd in os.listdir(f"/proc/{pid}/fd"):
                    with contextlib.suppress(OSError):
                        links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
                look = (
                    time.monotonic(),
                    int(facts.partition("RssAnon:")[2].split()[0]) / 1024,
                    # Who asks for the status has a socket while it is answered.
                    len([link for link in links if not link.startswith("socket:")]),
                    int(facts.partition("Threads:")[2].split()[0]),
                    len([link for link in links if "memfd:" in link or "/dev/shm" in link]),
                )
                self.looks.setdefault((name, pid), []).append(look)

    def growth(self, name, pid):
        """Return how many MB a process grew by a straight line through the last three quarters, as
        if the whole run had been like that, and whether all else that it has stayed the same."""
        looks = np.array(self.looks[name, pid])
        looks = looks[len(looks) // 4 :]
        slope = np.polyfit(looks[:, 0], looks[:, 1], 1)[0]
        return slope * (looks[-1, 0] - looks[0, 0]) * 4 / 3, bool(
            (looks[:, 2:] == looks[0, 2:]).all()
        )


def pause(seconds):
    threading.Event().wait(seconds)


def disturb(bench, port, clock):
    """Do one thing that happens to a gateway in the field; return what it was."""
    what = random.choice(("kill", "halt", "unplug", "rubbish", "clock"))
    if what == "kill":
        bench.kill_process(random.choice(VICTIMS))
    elif what == "halt":
        with bench.halted("analyzer-2"):
            pause(0.3)
    elif what == "unplug":
        port.unplug()
        pause(0.5)
        port.plug()
    elif what == "rubbish":
        port.write(os.urandom(2_000))
    else:
        clock.set(random.choice(CLOCK_STEPS_S))
    return what


@pytest.mark.slow
@pytest.mark.usefixtures("long_form")
def test_a_day_leaves_the_gateway_as_it_was(bench, traffic, amount, figure):
    seconds = amount(short=60, long=LONG_S)
    clock, watch, disturbances = WallClock(bench.folder), Watch(), 0
    named_memory = set(os.listdir("/dev/shm"))
    bench.start(**clock.environment)
    bench.until(lambda s: all(each["state"] == "running" for each in s["processes"]))
    traffic.begin()
    began = next_look = next_fault = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        if now >= next_fault:
            disturb(bench, traffic.port, clock)
            disturbances += 1
            next_fault = now + random.uniform(0, 2 * FAULT_EVERY_S)
        if now >= next_look:
            watch.look(bench.answer())
            next_look = now + seconds / 200
        pause(0.2)
    traffic.end()
    status = bench.until(lambda s: s["ledger"][0]["received"] == traffic.node.sent)[0]
    bench.end()
    for left in Path("/dev/shm").glob(f"*faketime_s[eh]m_{bench.process.pid}"):
        left.unlink()

    growths = {name: watch.growth(name, pid) for name, pid in watch.looks if name not in VICTIMS}
    worst = max(growths, key=lambda name: growths[name][0])
    hours = seconds / LONG_S * 24
    figure(
        f"{hours:.1f} simulated hours in {seconds / 60:,.0f} minutes: {traffic.node.sent:,} frames,"
        f" {disturbances} faults, {clock.steps} clock steps; {worst} grew most, by"
        f" {growths[worst][0]:.2f} MB"
    )
    assert bench.process.returncode == 0, bench.log
    assert "every stage adds up" in bench.printed
    assert growths.keys() == {"supervisor", "can0", "analyzer-0", "analyzer-1"}
    for name, (grown_mb, is_constant) in growths.items():
        assert grown_mb < MOST_MB_A_DAY, name
        assert is_constant, f"{name}: {watch.looks}"
    assert {each for each in os.listdir("/dev/shm") if "psm_" in each} <= named_memory
    # No alarm was lost, none was invented.
    events = bench.events()
    numbers = [
        int(e["value"]) for e in events if (e["rule"], e["event"]) == ("every_thousandth", "raised")
    ]
    assert numbers == list(range(EVERY, traffic.node.sent, EVERY))
    assert not [e for e in events if e["rule"] == "silent"]
    assert status["ledger"][0]["lost"] == 0
