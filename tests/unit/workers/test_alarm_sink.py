"""An alarm sink writes each event once and in order, whenever it is killed and whatever fails.

It runs in the test's own thread. A kill is an exception at the moment in question: the place in
the ring is left as a killed process leaves it.
"""

import errno
import json

import numpy as np
import pytest

from gateway.clock import FakeClock
from gateway.record import ALARM, SAMPLE, AlarmKind
from gateway.ring import ReaderSpec, Ring
from gateway.sinks.journal import Journal
from gateway.sinks.ordering import AlarmMerge
from gateway.workers.alarm_sink import AlarmSink
from gateway.workers.board import Board

ANALYZERS = ("analyzer-0", "analyzer-1")
ROOM = 16
"""Events of each analyzer that the ring holds."""


class Killed(BaseException):
    """What ends the sink as SIGKILL does."""


class KilledOnceWritten(Journal):
    """A journal whose process is killed as soon as lines are on disk."""

    def write(self, lines=()):
        super().write(lines)
        if lines:
            raise Killed


class KilledInRound(FakeClock):
    """A clock, looked at once a round, whose process is killed in one of the rounds."""

    def __init__(self, number):
        super().__init__()
        self._left = number

    def monotonic_ns(self):
        self._left -= 1
        if not self._left:
            raise Killed
        return super().monotonic_ns()


class FullDisk(Journal):
    """A journal that takes nothing."""

    def _append(self, _):
        raise OSError(errno.ENOSPC, "No space left on device")


def line(alarm):
    return b'{"event":"raised","rule":"rule_%d","t_ns":%d}\n' % (alarm.rule, alarm.t_ns)


class Bench:
    """Two analyzers' ends of the rings, and a journal's process between them and a file."""

    def __init__(self, path):
        self.path = path
        self.samples = Ring.create(SAMPLE, 64, 1, [ReaderSpec(name=name) for name in ANALYZERS])
        self.alarms = Ring.create(ALARM, ROOM, 2, [ReaderSpec(name="journal")])
        self.board = Board(["journal"])
        self.judges = [self.samples.reader(name) for name in ANALYZERS]
        self.mouths = [self.alarms.writer(lane) for lane in range(2)]
        with self.samples.writer(0) as writer:
            writer.put(np.zeros(64, SAMPLE))

    def emit(self, analyzer, *samples):
        """Have an analyzer emit an event for each of these samples."""
        events = np.zeros(len(samples), ALARM)
        events["t_ns"] = events["order"] = samples
        events["rule"], events["kind"], events["analyzer"] = analyzer, AlarmKind.RAISED, analyzer
        self.mouths[analyzer].put(events, timeout_ns=0)

    def judge(self, analyzer, count):
        """Have an analyzer come past so many samples."""
        self.judges[analyzer].get(count, timeout_ns=0)

    def end(self):
        """Have both analyzers end."""
        for mouth in self.mouths:
            mouth.close()

    def run(self, output=Journal, clock=None):
        """Run the journal's process until it ends or is killed."""
        row, clock, merge = self.board["journal"], clock or FakeClock(), AlarmMerge(hold_ns=None)
        with output(self.path) as journal, self.alarms.reader("journal") as reader:
            parts = journal, line, merge, reader, self.samples, ANALYZERS, row, clock
            AlarmSink("journal", *parts).run()

    @property
    def written(self):
        """The events in the file: analyzer and sample."""
        events = [json.loads(line) for line in self.path.read_bytes().splitlines()]
        return [(int(event["rule"][-1]), event["t_ns"]) for event in events]

    @property
    def counts(self):
        """What the process says that it received, delivered and lost."""
        numbers = self.board["journal"].numbers
        return numbers["received"], numbers["delivered"], numbers["lost"]

    def close(self):
        for each in (*self.judges, *self.mouths, self.samples, self.alarms, self.board):
            each.close()
        vars(self).clear()  # the test still has it, and with it shared memory


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path / "journal.jsonl")
    yield bench
    bench.close()


def test_events_are_written_in_the_order_of_their_samples_whoever_emits_them_first(bench):
    bench.emit(1, 7, 9)
    bench.emit(0, 3, 8)
    bench.end()
    bench.run()
    assert bench.written == [(0, 3), (1, 7), (0, 8), (1, 9)]
    assert bench.counts == (4, 4, 0)


def test_an_event_is_written_as_soon_as_all_analyzers_have_come_past_its_sample(bench):
    bench.emit(0, 3, 5)
    for analyzer in range(2):
        bench.judge(analyzer, 4)
    with pytest.raises(Killed):
        bench.run(clock=KilledInRound(3))
    assert bench.written == [(0, 3)]


def test_what_an_analyzer_emits_while_the_sink_looks_is_written_in_its_order(bench, monkeypatch):
    def consumed(names):
        monkeypatch.undo()
        bench.emit(1, 2)
        for analyzer in range(2):
            bench.judge(analyzer, 10)
        bench.end()
        return bench.samples.consumed(names)

    bench.emit(0, 3)
    monkeypatch.setattr(bench.samples, "consumed", consumed)
    bench.run()
    assert bench.written == [(1, 2), (0, 3)]


def test_what_was_written_before_a_kill_is_not_written_again(bench):
    bench.emit(0, 3, 4)
    for analyzer in range(2):
        bench.judge(analyzer, 10)
    with pytest.raises(Killed):
        bench.run(KilledOnceWritten)
    bench.emit(0, 11)
    bench.end()
    bench.run()
    assert bench.written == [(0, 3), (0, 4), (0, 11)]
    assert bench.counts == (3, 3, 0)


def test_what_waits_for_another_analyzer_outlives_a_kill(bench):
    bench.emit(0, 3)
    bench.judge(0, 10)
    with pytest.raises(Killed):
        bench.run(clock=KilledInRound(5))
    assert bench.written == []
    bench.emit(1, 2)
    bench.end()
    bench.run()
    assert bench.written == [(1, 2), (0, 3)]
    assert bench.counts == (2, 2, 0)


def test_what_a_killed_analyzer_says_again_is_left_out_and_counted(bench):
    bench.emit(0, 3, 4)
    bench.emit(0, 3, 4, 5)
    bench.end()
    bench.run()
    assert bench.written == [(0, 3), (0, 4), (0, 5)]
    assert bench.board["journal"].read_facts()["repeated"] == 2


def test_a_full_disk_does_not_stop_the_analyzers(bench, caplog):
    for analyzer in range(2):
        bench.judge(analyzer, 64)
    bench.emit(0, *range(ROOM))
    with pytest.raises(Killed):
        bench.run(FullDisk, KilledInRound(2))
    assert bench.board["journal"].read_facts()["waiting"] == ROOM
    bench.emit(0, *range(ROOM, 2 * ROOM))  # there is room for as many again
    said = [record.message for record in caplog.records]
    assert said == ["No space left on device; events wait in memory"]


def test_what_finds_no_room_to_the_end_is_counted_as_lost(bench):
    bench.emit(0, 3, 4)
    bench.end()
    bench.run(FullDisk)
    assert bench.counts == (2, 0, 2)
