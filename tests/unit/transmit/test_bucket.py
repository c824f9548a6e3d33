"""The rate limit: so many at once, and so many a second in the long run."""

import pytest

from gateway.clock import NS_PER_MS, NS_PER_S, FakeClock
from gateway.transmit.bucket import TokenBucket


@pytest.fixture
def clock():
    return FakeClock(monotonic_ns=7 * NS_PER_S)


def test_the_burst_may_go_at_once_and_then_no_more(clock):
    bucket = TokenBucket(rate=10, burst=3)
    waits = [bucket.take(clock.monotonic_ns()) for _ in range(5)]
    assert waits == [0, 0, 0, 100 * NS_PER_MS, 100 * NS_PER_MS]


def test_it_says_how_long_to_wait_and_to_wait_so_long_is_enough(clock):
    bucket = TokenBucket(rate=2, burst=1)
    bucket.take(clock.monotonic_ns())
    clock.advance(200 * NS_PER_MS)
    wait_ns = bucket.take(clock.monotonic_ns())
    assert wait_ns == 300 * NS_PER_MS
    clock.advance(wait_ns - 1)
    assert bucket.take(clock.monotonic_ns()) == 1
    clock.advance(1)
    assert bucket.take(clock.monotonic_ns()) == 0


def test_what_is_refused_costs_nothing(clock):
    bucket = TokenBucket(rate=1, burst=1)
    bucket.take(clock.monotonic_ns())
    for _ in range(100):
        assert bucket.take(clock.monotonic_ns())
    clock.advance(NS_PER_S)
    assert bucket.take(clock.monotonic_ns()) == 0


def test_in_the_long_run_it_keeps_to_the_rate_however_it_is_asked(clock):
    bucket = TokenBucket(rate=7, burst=5)
    taken = 0
    for _ in range(100_000):
        taken += not bucket.take(clock.monotonic_ns())
        clock.advance(NS_PER_MS)
    assert taken == 5 + 7 * 100 - 1  # the token of the very end comes a step later


def test_a_rest_fills_it_up_to_the_burst_and_no_further(clock):
    bucket = TokenBucket(rate=10, burst=3)
    clock.advance(3600 * NS_PER_S)
    assert [bool(bucket.take(clock.monotonic_ns())) for _ in range(4)] == [False] * 3 + [True]
