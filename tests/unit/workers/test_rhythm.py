"""The moments at which processes look for what has come."""

import pytest

from gateway.clock import NS_PER_MS, FakeClock
from gateway.ring import Event
from gateway.workers.rhythm import Rhythm


@pytest.fixture
def clock():
    return FakeClock(monotonic_ns=7 * NS_PER_MS)


def test_moments_are_the_multiples_of_the_period_for_everybody(clock):
    assert Rhythm(clock, 10 * NS_PER_MS).left_ns() == 3 * NS_PER_MS
    assert Rhythm(clock, 4 * NS_PER_MS).left_ns() == 1 * NS_PER_MS


def test_who_comes_at_a_moment_waits_for_the_next(clock):
    assert Rhythm(clock, 7 * NS_PER_MS).left_ns() == 7 * NS_PER_MS


def test_who_comes_after_others_has_moments_a_little_later(clock):
    assert Rhythm(clock, 10 * NS_PER_MS, 2 * NS_PER_MS).left_ns() == 5 * NS_PER_MS
    clock.advance(4 * NS_PER_MS)  # 11 ms: one has passed for the first, not yet for the second
    assert Rhythm(clock, 10 * NS_PER_MS).left_ns() == 9 * NS_PER_MS
    assert Rhythm(clock, 10 * NS_PER_MS, 2 * NS_PER_MS).left_ns() == 1 * NS_PER_MS


def test_later_is_a_quarter_of_the_period_at_most(clock):
    assert Rhythm(clock, 4 * NS_PER_MS, 3 * NS_PER_MS).left_ns() == 2 * NS_PER_MS


def test_without_a_period_nobody_waits(clock):
    rhythm = Rhythm(clock, 0, 3 * NS_PER_MS)
    assert rhythm.left_ns() == 0
    assert rhythm.wait() is False


def test_an_event_ends_the_wait_at_once(clock):
    stop = Event()
    rhythm = Rhythm(clock, 3600 * 1000 * NS_PER_MS)
    stop.set()
    assert rhythm.wait([stop]) is True
    stop.close()


def test_the_wait_ends_by_itself(clock):
    stop = Event()
    assert Rhythm(clock, 2 * NS_PER_MS).wait([stop]) is False
    stop.close()
