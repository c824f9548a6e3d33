"""What holds for every source that has to ask."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from gateway.clock import SYSTEM_CLOCK, FakeClock
from gateway.config.model import Duration
from gateway.decode.slot import Slot
from gateway.errors import LinkClosedError, LinkLostError
from gateway.signals import SignalTable
from gateway.sources.link import LinkState
from gateway.sources.polled import PolledSource, Unanswered, Value

MS = 1_000_000


class Question:
    """Answers what it is given, one after the other; then waits until it is let go."""

    def __init__(self, signal, answers, every_ns=MS):
        self.every_ns = every_ns
        self.signals = [signal.index]
        self._slot = Slot.of(signal)
        self._answers = iter(answers)
        self.finished = threading.Event()
        self.let_go = threading.Event()

    def ask(self):
        answer = next(self._answers, None)
        if answer is None:
            self.finished.set()
            self.let_go.wait(30)
            raise Unanswered("let go")
        if isinstance(answer, Exception):
            raise answer
        return [Value(self._slot, answer)]


class Inquirer:
    def __init__(self, questions):
        self.questions = questions
        self.is_open = False

    def open(self):
        self.is_open = True

    def close(self):
        self.is_open = False


@pytest.fixture
def make():
    """Make a source that asks two questions, with answers of their own."""
    questions = []

    def make_source(first, second=(), mute_after="10s", clock=SYSTEM_CLOCK):
        table = SignalTable()
        signals = tuple(table.add("unit", "all", name) for name in ("a", "b"))
        questions[:] = [Question(signals[0], first), Question(signals[1], second)]
        config = SimpleNamespace(name="unit", mute_after=Duration.parse(mute_after))
        return PolledSource(config, signals, 3, Inquirer(questions), clock)

    yield make_source
    for question in questions:
        question.let_go.set()


def let_go(source):
    for question in source._inquirer.questions:
        question.let_go.set()


def test_answers_come_as_samples_stamped_when_they_came(make, read_until):
    source = make([1.5, 2.5])
    source.select([0])
    with source:
        samples = read_until(source, 2)
        let_go(source)
    assert samples["value"].tolist() == [1.5, 2.5]
    assert samples["signal"].tolist() == [0, 0]
    assert samples["source"].tolist() == [3, 3]
    assert (samples["t_ns"][1:] >= samples["t_ns"][:-1]).all()


def test_a_request_is_answered_or_lost_for_a_reason(make, read_until):
    source = make([1.0, Unanswered("no answer"), Unanswered("garbled answer"), 2.0])
    source.select([0])
    with source:
        samples = read_until(source, 4)
        let_go(source)
    assert samples["value"].tolist() == [1.0, 2.0]
    assert source.counters.delivered == 2
    assert source.counters.lost["no answer"] == 1
    assert source.counters.lost["garbled answer"] == 1


def test_what_nobody_asks_for_is_not_asked_of_the_device(make, read_until):
    source = make([1.0], [7.0])
    source.select([1])
    with source:
        samples = read_until(source, 1)
        let_go(source)
    assert samples["value"].tolist() == [7.0]
    assert not source._inquirer.questions[0].finished.is_set()


class TimeThatPassesByWaiting:
    """An event for which nobody waits in earnest: the clock is advanced instead."""

    def __init__(self, clock):
        self._clock = clock
        self._is_set = False

    def set(self):
        self._is_set = True

    def clear(self):
        self._is_set = False

    def wait(self, seconds):
        if not self._is_set:
            self._clock.advance(round(seconds * 1e9))
        return self._is_set


def test_a_question_keeps_to_its_grid_of_time_and_passes_over_moments_that_it_missed(
    make, read_until
):
    clock = FakeClock()
    took_ms = (1, 7, 25, 3)  # the third until after the moment of the fourth

    def answers():
        for ms in took_ms:
            clock.advance(ms * MS)
            yield 1.0

    source = make(answers(), clock=clock)
    source.select([0])
    source._closing = TimeThatPassesByWaiting(clock)
    source._inquirer.questions[0].every_ns = 20 * MS
    with source:
        samples = read_until(source, 4)
        let_go(source)
    assert (samples["t_ns"] // MS).tolist() == [0 + 1, 20 + 7, 40 + 25, 80 + 3]


def test_a_link_that_is_gone_is_told_after_what_it_still_gave(make):
    source = make([1.0, LinkLostError("gone", LinkState.UNPLUGGED)])
    source.select([0])
    with source:
        source._thread.join(10)
        assert source.read(0)["value"].tolist() == [1.0]
        with pytest.raises(LinkLostError, match="gone"):
            source.read(1_000_000_000)


def test_one_that_nobody_answers_is_mute(make):
    source = make([Unanswered("no answer")], mute_after="1ms")
    source.select([0])
    with source:
        assert source._inquirer.questions[0].finished.wait(10)
        while not (states := source.link_states()):
            source.read(MS)
        let_go(source)
    assert list(states) == [LinkState.MUTE]


def test_one_that_is_asked_nothing_is_not_mute(make):
    source = make([], mute_after="1ns")
    source.select([])
    with source:
        assert source.link_states() == {}


def test_what_was_answered_but_not_read_when_it_closes_is_counted(make):
    source = make([1.0, 2.0])
    source.select([0])
    with source:
        assert source._inquirer.questions[0].finished.wait(10)
        let_go(source)
    assert source.counters.received == source.counters.lost.total()
    assert source.counters.lost["closed"] == 2
    assert not source._inquirer.is_open


def test_it_is_read_only_while_it_is_open(make):
    source = make([])
    with pytest.raises(LinkClosedError):
        source.read(0)
    assert source.fileno() is None
