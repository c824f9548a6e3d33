"""An analyzer in a process of its own sleeps through what changes nothing."""

import mmap
import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from gateway.analysis.quiet import QuietRules, QuietTable
from gateway.analysis.resumable import ResumableEngine
from gateway.analysis.rules import Rule
from gateway.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK
from gateway.config.model import Duration, RuleConfig
from gateway.record import ALARM, SAMPLE, TICK, AlarmKind
from gateway.ring import ReaderSpec, Ring
from gateway.signals import SignalTable
from gateway.workers import analyzer
from gateway.workers.board import Board
from gateway.workers.rhythm import Rhythm

LIMIT_NS = 20 * NS_PER_S
"""More than anything here takes; only what never comes is waited for so long."""


def shared(size):
    return np.frombuffer(mmap.mmap(-1, size), np.uint8)


class Judge:
    """One source, one signal, one analyzer with one rule, whose process can be killed."""

    def __init__(self, stack, **keys):
        signal_ = SignalTable().add("can0", "M", "s", "degC")
        config = RuleConfig(name="r", signal="s", **keys)
        self._rules = [Rule.from_config(config, 0, signal_, 0)]
        self.samples = stack.enter_context(Ring.create(SAMPLE, 1 << 10, 1, [ReaderSpec(name="a")]))
        self._alarms = stack.enter_context(Ring.create(ALARM, 64, 1, [ReaderSpec(name="sink")]))
        owner = np.zeros(1, np.uint8)
        self._quiet = QuietTable(shared(QuietTable.size(1, 1, 1)), self._rules, owner, 1, 1)
        self._state = shared(ResumableEngine.size(1, 1))
        self._board = Board(["a"])
        stack.callback(self._board.close)
        self._writer = self.samples.writer(0, lambda samples: self._quiet.stirs(0, samples))
        stack.callback(self._writer.close)
        self._sink = stack.enter_context(self._alarms.reader("sink"))
        self.pid = 0

    def start(self):
        self.pid = os.fork()
        if not self.pid:
            try:
                engine = ResumableEngine(self._rules, 1, self._state)
                analyzer.Analyzer(
                    0,
                    engine,
                    self.samples.reader("a"),
                    self._alarms.writer(0),
                    np.array([True]),
                    self._board["a"],
                    SYSTEM_CLOCK,
                    Rhythm(SYSTEM_CLOCK, 0),
                    QuietRules(self._quiet, 0, self._rules, engine.state),
                ).run()
            finally:
                os._exit(0)

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0

    def put(self, *values, t_s=1.0, tick=False):
        samples = np.zeros(len(values), SAMPLE)
        samples["value"], samples["t_ns"] = values, round(t_s * NS_PER_S)
        if tick:
            samples["signal"] = TICK
        self._writer.put(samples, LIMIT_NS)

    def wait_until_it_dozes(self):
        """Until it has taken everything and sleeps; it is then counted as up to date."""
        nap = threading.Event()
        while not self.samples._lanes[0].dozing:
            assert not nap.wait(NS_PER_MS / NS_PER_S)

    def is_up_to_date(self):
        return self.samples.consumed(["a"]) == [self.samples.statistics().published]

    def alarms(self):
        found = self._sink.get(timeout_ns=LIMIT_NS).records
        return [(AlarmKind(alarm["kind"]), float(alarm["value"])) for alarm in found]

    def wakings(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


@pytest.fixture
def judge(monkeypatch):
    # It never wakes by itself.
    monkeypatch.setattr(analyzer, "IDLE_BEAT_NS", 3600 * NS_PER_S)
    with ExitStack() as stack:

        def judge(**keys):
            made = Judge(stack, **keys)
            stack.callback(made.kill)
            made.start()
            return made

        yield judge


def test_it_is_woken_for_what_changes_something_and_for_little_else(judge):
    judge = judge(above=80.0)
    judge.put(5.0)
    judge.wait_until_it_dozes()
    wakings = judge.wakings()
    for _ in range(100):
        judge.put(79.0, 80.0)
        while not judge.is_up_to_date():
            os.sched_yield()
    judge.put(7.0, 81.0)
    assert judge.alarms() == [(AlarmKind.RAISED, 81.0)]
    assert judge.wakings() - wakings < 10


def test_an_alarm_that_is_on_is_slept_through_until_it_clears(judge):
    judge = judge(outside=(10.0, 80.0))
    judge.put(5.0)
    assert judge.alarms() == [(AlarmKind.RAISED, 5.0)]
    judge.wait_until_it_dozes()
    judge.put(4.0, 3.0)
    assert judge.is_up_to_date()
    judge.put(10.0)
    assert judge.alarms() == [(AlarmKind.CLEARED, 10.0)]


def test_what_changes_something_while_it_is_dead_is_judged_by_its_successor(judge):
    judge = judge(above=80.0)
    judge.put(5.0)
    judge.wait_until_it_dozes()
    judge.kill()
    judge.put(6.0)
    assert judge.is_up_to_date(), "nothing of it concerns anybody"
    judge.put(81.0)
    assert not judge.is_up_to_date()
    judge.start()
    assert judge.alarms() == [(AlarmKind.RAISED, 81.0)]


def test_silence_wakes_it_in_time(judge):
    judge = judge(stale_after=Duration(2 * NS_PER_S))
    judge.put(5.0, t_s=1.0)
    judge.wait_until_it_dozes()
    for n in range(1, 40):
        judge.put(0.0, t_s=1.0 + n / 20, tick=True)
        judge.wait_until_it_dozes()
    assert judge.is_up_to_date()
    judge.put(0.0, t_s=3.0, tick=True)
    assert judge.alarms() == [(AlarmKind.RAISED, 5.0)]


def test_a_rule_on_the_rate_keeps_it_awake(judge):
    judge = judge(rate_above=5.0)
    judge.put(1.0, t_s=1.0)
    while not judge.is_up_to_date():
        os.sched_yield()
    judge.put(10.0, t_s=2.0)
    assert judge.alarms() == [(AlarmKind.RAISED, 10.0)]


def test_it_ends_with_the_stream(judge):
    judge = judge(above=80.0)
    judge.put(5.0)
    judge.wait_until_it_dozes()
    judge.put(6.0)
    judge.samples.close_lane(0)
    pid, judge.pid = judge.pid, 0
    assert os.waitpid(pid, 0)[1] == 0
    statistics = judge.samples.statistics().reader("a")
    assert (statistics.delivered, statistics.waiting) == (2, 0)
