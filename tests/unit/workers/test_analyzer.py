"""An analyzer emits each event once, wherever it is killed and however full the ring of events is.

It runs in the test's own thread. A kill is an exception at the moment in question: the places in
the rings are left as a killed process leaves them.
"""

import select
from contextlib import suppress

import numpy as np
import pytest

from gateway.analysis.quiet import QuietRules, QuietTable
from gateway.analysis.resumable import ResumableEngine
from gateway.analysis.rules import Rule
from gateway.clock import NS_PER_MS, FakeClock
from gateway.config.model import RuleConfig
from gateway.errors import RingClosed, RingTimeout
from gateway.record import ALARM, SAMPLE, AlarmKind
from gateway.ring import ReaderSpec, Ring
from gateway.signals import SignalTable
from gateway.workers import analyzer
from gateway.workers.board import Board, Row, RowState
from gateway.workers.rhythm import Rhythm

BATCHES = [(5, 81, 82), (83, 5), (6,), (90, 5, 91)]
"""What the analyzer finds each time that it looks; its rule is on values above 80."""

RAISED, CLEARED = AlarmKind.RAISED, AlarmKind.CLEARED
EVENTS = [(RAISED, 81), (CLEARED, 5), (RAISED, 90), (CLEARED, 5), (RAISED, 91)]

MOMENTS = 30
"""Before and after each call that others see something of: three batches of events are emitted,
four of samples judged, and four given back; those who wait for events are woken at the start and
after each of the three."""


class Killed(BaseException):
    """What ends the analyzer as SIGKILL does."""


class Life:
    """So many moments before and after calls of an analyzer's that others see something of."""

    def __init__(self, length=0):
        self._length = length
        self.passed = 0

    def _pass(self):
        self.passed += 1
        if self.passed == self._length:
            raise Killed

    def of(self, thing, name):
        """Have the calls of the method *name* belong to this life."""
        method = getattr(thing, name)

        def call(*arguments, **options):
            self._pass()
            returned = method(*arguments, **options)
            self._pass()
            return returned

        setattr(thing, name, call)
        return thing


class Bench:
    """A producer's end of the samples, a sink's end of the events, and an analyzer in between."""

    def __init__(self, batches, room):
        self.to_come = list(batches)
        self.samples = Ring.create(SAMPLE, 64, 1, [ReaderSpec(name="analyzer")])
        self.alarms = Ring.create(ALARM, room, 1, [ReaderSpec(name="sink")])
        self.board = Board(["analyzer"])
        self.producer, self.sink = self.samples.writer(0), self.alarms.reader("sink")
        signal = SignalTable().add("can0", "M", "s", "")
        self.rules = [Rule.from_config(RuleConfig(name="r", signal="s", above=80.0), 0, signal, 0)]
        self.state = np.zeros(ResumableEngine.size(1, 1), np.uint8)
        self.quiet = np.zeros(QuietTable.size(1, 1, 1), np.uint8)
        self._emitted = {}

    def turn(self):
        """Take what was emitted, and have the next samples come, or the end of them."""
        with suppress(RingTimeout, RingClosed):
            for alarm in self.sink.get(timeout_ns=0).records:
                event = AlarmKind(alarm["kind"]), alarm["value"]
                # What comes twice is left out by whoever merges it.
                self._emitted[alarm["order"], alarm["kind"]] = event
        if not self.to_come:
            self.producer.close()
            return
        batch = self.to_come.pop(0)
        samples = np.zeros(len(batch), SAMPLE)
        samples["value"] = batch
        self.producer.put(samples, timeout_ns=0)

    def run(self, life):
        """Run the analyzer's process until it ends or is killed."""
        clock, row = FakeClock(), self.board["analyzer"]
        engine = life.of(ResumableEngine(self.rules, 1, self.state), "commit")
        table = QuietTable(self.quiet, self.rules, np.zeros(1, np.uint8), 1, 1)
        quiet = QuietRules(table, 0, self.rules, engine.state)
        with self.samples.reader("analyzer") as samples, self.alarms.writer(0) as alarms:
            rings = life.of(samples, "commit"), life.of(life.of(alarms, "put"), "wake_readers")
            parts = *rings, np.array([True]), row, clock, Rhythm(clock, 0), quiet
            analyzer.Analyzer(0, engine, *parts).run()
        self.turn()

    @property
    def events(self):
        return list(self._emitted.values())

    def close(self):
        for each in (self.producer, self.sink, self.samples, self.alarms, self.board):
            each.close()
        vars(self).clear()  # the test still has it, and with it shared memory


@pytest.fixture
def make_bench(monkeypatch):
    """Make a bench on which time goes on with the analyzer's heartbeat."""
    made = []

    def make_bench(batches=BATCHES, room=64):
        made.append(Bench(batches, room))
        monkeypatch.setattr(Row, "beat", lambda *_: made[-1].turn())
        return made[-1]

    yield make_bench
    for each in made:
        each.close()


def test_an_analyzer_judges_all_that_comes_and_ends_with_it(make_bench):
    bench, life = make_bench(), Life()
    bench.run(life)
    assert bench.events == EVENTS
    assert life.passed == MOMENTS
    assert bench.board["analyzer"].state is RowState.DONE
    assert bench.samples.statistics().reader("analyzer").delivered == sum(map(len, BATCHES))


@pytest.mark.parametrize("moment", range(1, MOMENTS + 1))
def test_wherever_it_is_killed_its_successor_emits_the_rest_and_nothing_else(make_bench, moment):
    bench = make_bench()
    with pytest.raises(Killed):
        bench.run(Life(moment))
    bench.run(Life())
    assert bench.events == EVENTS


def test_events_for_which_the_ring_has_no_room_wait_for_it(make_bench, monkeypatch):
    monkeypatch.setattr(analyzer, "IDLE_BEAT_NS", NS_PER_MS)
    bench = make_bench([(81, 5) * 10], room=2)
    bench.run(Life())
    assert bench.events == [(RAISED, 81), (CLEARED, 5)] * 10


class Watch(Life):
    """A life that notes at each moment whether the sink, asleep since the start, was woken."""

    def __init__(self, sink, length=0):
        super().__init__(length)
        self.woken = []
        self._sink = sink

    def _pass(self):
        self.woken.append(bool(select.select([self._sink], [], [], 0)[0]))
        if len(self.woken) == 2:
            self._sink.arm()
        super()._pass()


def test_the_sink_is_woken_once_the_samples_are_given_back(make_bench):
    bench = make_bench([(81,)])
    watch = Watch(bench.sink)
    bench.run(watch)
    emitted, judged, given_back = [False] * 2, [False] * 2, [False] * 2
    assert watch.woken[2:] == [*emitted, *judged, *given_back, False, True]


def test_the_sink_is_woken_for_what_a_killed_analyzer_had_emitted(make_bench):
    bench = make_bench([(81,)])
    killed = Watch(bench.sink, 9)
    with pytest.raises(Killed):
        bench.run(killed)
    assert not any(killed.woken[2:])
    after = Watch(bench.sink)
    bench.run(after)
    assert after.woken[:2] == [False, True]
