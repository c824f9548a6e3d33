"""What a signal does over time, where nothing is simulated that would move it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from random import Random

NS_PER_S = 1_000_000_000
_LATEST_S = 1e9

Generator = Callable[[int], float]
"""A signal's physical value, given nanoseconds since the start; asked in the order of time."""


def constant(value: float) -> Generator:
    """Return the signal that stays at *value*."""
    return lambda _now_ns: value


def ramp(start: float, end: float, period_s: float, *, repeat: bool = True) -> Generator:
    """Return the signal that goes from *start* to *end* in *period_s* seconds.

    Then it begins again at *start*, or, without *repeat*, stays at *end*.
    """
    period_ns = period_s * NS_PER_S

    def at(now_ns: int) -> float:
        share = now_ns % period_ns / period_ns if repeat else min(now_ns / period_ns, 1.0)
        return start + (end - start) * share

    return at


def sine(low: float, high: float, period_s: float, phase_deg: float = 0.0) -> Generator:
    """Return the sine wave between *low* and *high*; it starts at their middle, going up."""
    middle, swing = (low + high) / 2, (high - low) / 2
    period_ns, phase = period_s * NS_PER_S, math.radians(phase_deg)
    return lambda now_ns: middle + swing * math.sin(math.tau * (now_ns / period_ns) + phase)


def noise(mean: float, deviation: float, random: Random) -> Generator:
    """Return normally distributed noise about *mean*, another value each time."""
    return lambda _now_ns: random.gauss(mean, deviation)


def table(points: Sequence[tuple[float, float]], *, repeat: bool = False) -> Generator:
    """Return the signal through *points*, in straight lines.

    Args:
        points: Seconds since the start, rising, and the value then. Before the first it has the
            first one's value, after the last one the last one's.
        repeat: Whether it begins again with the first one's value at the last one's time.

    Raises:
        ValueError: There are none, or their times do not rise from 0 or later.
    """
    times, values = _rising(points)

    def at(now_ns: int) -> float:
        time = now_ns % times[-1] if repeat and times[-1] else now_ns
        index = bisect_right(times, time)
        if index == 0:
            return values[0]
        if index == len(times):
            return values[-1]
        before, after = times[index - 1], times[index]
        share = (time - before) / (after - before)
        return values[index - 1] + share * (values[index] - values[index - 1])

    return at


def recording(points: Sequence[tuple[float, float]], *, repeat: bool = True) -> Generator:
    """Return the signal that has each of *points*' values until the next one's time.

    Args:
        points: Seconds since the start, rising, and the value from then on. Before the first it
            has the first one's value.
        repeat: Whether it begins again at the last one's time; else it stays.

    Raises:
        ValueError: See `table`.
    """
    times, values = _rising(points)

    def at(now_ns: int) -> float:
        time = now_ns % times[-1] if repeat and times[-1] else now_ns
        return values[max(bisect_right(times, time) - 1, 0)]

    return at


def _rising(points: Sequence[tuple[float, float]]) -> tuple[list[int], list[float]]:
    if not points:
        raise ValueError("got no points, expected at least one")
    for time, _ in points:
        if not abs(time) <= _LATEST_S:
            raise ValueError(f"got {time:g} s, expected 0 to {_LATEST_S:g} s")
    times = [round(time * NS_PER_S) for time, _ in points]
    for before, after in zip([-1, *times], times, strict=False):
        if after <= before:
            got = f"got {after / NS_PER_S:g} s"
            if before < 0:
                raise ValueError(f"{got}, expected no time before 0")
            raise ValueError(f"{got} after {before / NS_PER_S:g} s, expected rising times")
    return times, [value for _, value in points]
