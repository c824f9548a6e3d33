from __future__ import annotations

import pytest

from gateway.clock import NS_PER_S, SYSTEM_CLOCK, FakeClock, format_utc, parse_duration


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("0s", 0),
        ("7ns", 7),
        ("2us", 2_000),
        ("500ms", 500_000_000),
        ("2s", 2_000_000_000),
        ("1.5m", 90_000_000_000),
        ("1.5min", 90_000_000_000),
        ("1h", 3_600_000_000_000),
        (" 2 s ", 2_000_000_000),
        ("0.1ns", 0),
        ("0.6ns", 1),
        ("9007199.254740993s", 9_007_199_254_740_993),  # a float has no room for the last 3
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, ns):
    assert parse_duration(text) == ns
    assert isinstance(parse_duration(text), int)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-1s", "+1s", "1e3s", "1,5s", ".5s", "5 days", "5S", "1m30s", "٣s"]
)
def test_anything_else_is_no_duration(text):
    with pytest.raises(ValueError, match="expected a duration such as '500ms'"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_795_291_200_123_456_789, "2026-11-21T20:00:00.123456789Z"),
        (1_000_000_001, "1970-01-01T00:00:01.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (-62_135_596_800 * NS_PER_S, "0001-01-01T00:00:00.000000000Z"),
        (-(10**30), "0001-01-01T00:00:00.000000000Z"),
        (10**30, "9999-12-31T23:59:59.000000000Z"),
    ],
)
def test_a_time_is_shown_to_the_nanosecond_in_utc(ns, text):
    assert format_utc(ns) == text


def test_the_fake_clock_moves_only_when_told():
    clock = FakeClock(monotonic_ns=5, wall_ns=100)
    assert (clock.monotonic_ns(), clock.wall_ns()) == (5, 100)
    clock.advance(3)
    assert (clock.monotonic_ns(), clock.wall_ns()) == (8, 103)


def test_setting_the_wall_clock_leaves_monotonic_time_alone():
    clock = FakeClock(monotonic_ns=5, wall_ns=100)
    clock.step_wall(-60)
    assert (clock.monotonic_ns(), clock.wall_ns()) == (5, 40)


def test_the_fake_clock_refuses_to_go_back():
    clock = FakeClock()
    with pytest.raises(ValueError, match="got -1 ns, expected a step forward"):
        clock.advance(-1)
    assert clock.monotonic_ns() == 0


def test_the_system_clock_goes_forward_in_integers():
    first, second = SYSTEM_CLOCK.monotonic_ns(), SYSTEM_CLOCK.monotonic_ns()
    assert isinstance(first, int)
    assert second >= first
    assert SYSTEM_CLOCK.wall_ns() > 1_700_000_000 * NS_PER_S
