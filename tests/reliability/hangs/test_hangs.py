"""Processes are stopped (SIGSTOP): they neither work nor end, as one that waits for a driver."""

import os
import random
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HEARTBEAT_S = 5.0
"""`ProcessSpec.heartbeat_timeout_s`."""

HELD = (str(Path(__file__).with_name("held.py")),)

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

[[transmit]]
name = "answer"
source = "can0"
message = "Answer"
rate = 1000
burst = 100

[[rule]]
name = "count"
signal = "N"
above = 0.5
on_raise = {{ transmit = "answer", values = {{ CODE = 1 }} }}

[[rule]]
name = "level"
signal = "LEVEL"
above = 0.5
"""


@pytest.fixture
def traffic(bench, channel, node):
    """Alarms all the time, so that every process has something to do."""
    bench.configure(CONFIG.format(channel=channel))
    over = threading.Event()

    def send():
        while not over.wait(0.02):
            node.drain()
            node.send([1, 0], [1, 0])

    thread = threading.Thread(target=send)
    thread.start()
    yield
    over.set()
    thread.join()


class Manager:
    """The service manager's end of $NOTIFY_SOCKET."""

    def __init__(self, folder):
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)

    def fed_within(self, seconds):
        """Wait for the watchdog to be fed; return whether it was."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                if b"WATCHDOG=1" in self._socket.recv(4096):
                    return True
            except TimeoutError:
                break
        return False

    def forget(self):
        """Pass over what was said so far."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(4096):
                pass
        except BlockingIOError:
            return

    def close(self):
        self._socket.close()


@pytest.fixture
def manager(tmp_path):
    manager = Manager(tmp_path)
    yield manager
    manager.close()


def by_name(status):
    return {each["name"]: each for each in status["processes"]}


def journalled(status):
    """How many events the journal has."""
    return next(each["delivered"] for each in status["ledger"] if each["stage"] == "journal")


def hang(bench, how):
    """Have the producer hang, see `held.py`; it looks at every moment, so the file comes whole."""
    new = bench.folder / "hang.new"
    new.write_text(how)
    new.rename(bench.folder / "hang")


def stop(bench, names):
    """Stop processes, wait until each was noticed and runs again; return the longest of both."""
    before = by_name(bench.answer())
    began = time.monotonic()
    for name in names:
        os.kill(before[name]["pid"], signal.SIGSTOP)

    def noticed(status):
        now = by_name(status)
        return all(now[name]["pid"] != before[name]["pid"] for name in names)

    def again(status):
        now = by_name(status)
        return all(now[name]["restarts"] > before[name]["restarts"] for name in names)

    bench.until(noticed)
    told = time.monotonic() - began
    bench.until(again)
    bench.running()
    for name in names:
        assert f"{name} hangs: no heartbeat for" in bench.log
    return told, time.monotonic() - began


@pytest.mark.usefixtures("traffic")
def test_whoever_is_stopped_is_noticed_and_started_again(bench, amount, limit, figure):
    bench.start()
    bench.running()
    everybody = list(by_name(bench.answer()))
    # All at once, then each by itself.
    victims = [everybody, *([each] for each in random.sample(everybody, len(everybody)))]
    told, back = zip(*(stop(bench, names) for names in victims[: amount(1, 100)]), strict=True)
    others = bench.answer()
    assert all(each["received"] == each["delivered"] + each["lost"] for each in others["ledger"])
    figure(f"{len(told)} times stopped: noticed within {max(told):.1f} s, back {max(back):.1f} s")
    assert max(told) < limit(2 * HEARTBEAT_S)
    bench.end()
    assert bench.process.returncode == 0, bench.log
    assert "every stage adds up" in bench.printed


@pytest.mark.usefixtures("traffic")
def test_one_that_is_stopped_with_a_lock_in_its_hands_holds_nobody_for_long(bench, limit, figure):
    bench.start(command=HELD)
    bench.running()
    hang(bench, "with locks")
    began = time.monotonic()
    slowest = 0
    while "can0 hangs" not in bench.log:
        slowest = max(slowest, bench.until(lambda _: True, what="an answer")[1])
        assert time.monotonic() - began < limit(2 * HEARTBEAT_S)
    told = time.monotonic() - began
    bench.until(lambda status: by_name(status)["can0"]["restarts"])
    bench.running()
    figure(f"stopped with locks: noticed within {told:.1f} s, status within {slowest:.2f} s")
    bench.end()
    assert bench.process.returncode == 0, bench.log


@pytest.mark.usefixtures("traffic")
def test_no_warning_waits_until_an_analyzer_that_is_stopped_is_noticed(bench):
    bench.start()
    bench.running()
    with bench.halted("analyzer-0"):
        before = journalled(bench.answer())
        bench.until(lambda status: journalled(status) > before + 20)  # more than were under way
        assert "analyzer-0 hangs" not in bench.log
    bench.end()
    assert bench.process.returncode == 0, bench.log


@pytest.mark.usefixtures("traffic")
def test_stop_ends_within_seven_seconds_though_everybody_hangs(bench, limit, figure):
    bench.start()
    bench.running()
    for process in bench.answer()["processes"]:
        os.kill(process["pid"], signal.SIGSTOP)
    took = bench.end()
    figure(f"stop after {took:.1f} s with everybody hanging")
    assert took < limit(7, slack=4)
    assert bench.process.returncode == 3
    assert "did not stop in time and had to be killed: can0, analyzer-0" in bench.log


@pytest.mark.usefixtures("traffic")
def test_one_that_cannot_be_killed_starves_the_watchdog_and_does_not_hold_up_the_end(
    bench, manager, limit, figure
):
    bench.start(command=HELD, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="1000000")
    bench.running()
    assert manager.fed_within(60)
    hang(bench, "unkillable")
    bench.until(lambda _: "can0 hangs" in bench.log)
    manager.forget()
    assert not manager.fed_within(2)
    took = bench.end()
    figure(f"the watchdog starves by one that cannot be killed, and stop ends after {took:.1f} s")
    assert took < limit(7, slack=4)
    assert bench.process.returncode == 3
    assert "can0 cannot be killed; it is left behind" in bench.log
