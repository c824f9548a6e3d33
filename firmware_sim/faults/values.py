"""Faults of sensors: between what an input is and what its device sees."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from firmware_sim.devices.inputs import Distortion, Inputs
from firmware_sim.faults.effect import Context
from firmware_sim.faults.kinds import Delayed, Intermittent, Noise, Slow, Wrong
from firmware_sim.faults.windows import Windows
from firmware_sim.section import LARGEST, duration_ns


class ValueEffect:
    """A fault on an input; it counts the values that it changed.

    Args:
        context: Its circumstances.
        distorter: Makes the distortion anew each time that the fault begins.
    """

    def __init__(self, context: Context, distorter: Callable[[Context], Distortion]) -> None:
        self.count = 0
        self._context = context
        self._distorter = distorter
        self._undo: Callable[[], None] = lambda: None

    def start(self, _now_ns: int) -> None:
        """See `Effect`."""
        target = self._context.target
        distort = self._distorter(self._context)

        def counted(value: float, now_ns: int) -> float:
            # Devices count on finite inputs.
            seen = max(-LARGEST, min(LARGEST, distort(value, now_ns)))
            self.count += seen != value
            return seen

        self._undo = _inputs(self._context).distort(target.input, counted)

    def stop(self, _now_ns: int) -> None:
        """See `Effect`."""
        self._undo()
        self._undo = lambda: None


def stuck(context: Context) -> Distortion:
    """Keep the value seen last; before there was one, the first."""
    kept = _last(context)

    def distort(value: float, _now_ns: int) -> float:
        nonlocal kept
        kept = value if kept is None else kept
        return kept

    return distort


def wrong(context: Context) -> Distortion:
    """Put another value in its place."""
    spec = context.spec
    assert isinstance(spec, Wrong)  # noqa: S101 - so is the table

    def distort(value: float, _now_ns: int) -> float:
        if not context.chance(spec.rate):
            return value
        return value * spec.factor + spec.offset if spec.value is None else spec.value

    return distort


def noise(context: Context) -> Distortion:
    """Add noise."""
    spec = context.spec
    assert isinstance(spec, Noise)  # noqa: S101 - so is the table

    def distort(value: float, _now_ns: int) -> float:
        if not context.chance(spec.rate):
            return value
        return value + context.random.gauss(0.0, spec.deviation)

    return distort


def slow(context: Context) -> Distortion:
    """Follow with a first-order lag."""
    spec = context.spec
    assert isinstance(spec, Slow)  # noqa: S101 - so is the table
    constant_ns = max(duration_ns(spec.delay), 1)
    seen, latest_ns = _last(context), context.rig.schedule.now_ns

    def distort(value: float, now_ns: int) -> float:
        nonlocal seen, latest_ns
        if seen is None:
            seen = value
        else:
            seen += (value - seen) * -math.expm1((latest_ns - now_ns) / constant_ns)
        latest_ns = now_ns
        return seen

    return distort


def delayed(context: Context) -> Distortion:
    """Show the value that there was; until then, the one at the beginning."""
    spec = context.spec
    assert isinstance(spec, Delayed)  # noqa: S101 - so is the table
    delay_ns = duration_ns(spec.delay)
    history: deque[tuple[int, float]] = deque()
    if (before := _last(context)) is not None:
        history.append((context.rig.schedule.now_ns, before))

    def distort(value: float, now_ns: int) -> float:
        history.append((now_ns, value))
        while len(history) > 1 and history[1][0] <= now_ns - delay_ns:
            history.popleft()
        return history[0][1]

    return distort


def intermittent(context: Context) -> Distortion:
    """Show a fixed value while the contact is open."""
    spec = context.spec
    assert isinstance(spec, Intermittent)  # noqa: S101 - so is the table
    windows = Windows(duration_ns(spec.period), spec.rate, context.random)

    def distort(value: float, now_ns: int) -> float:
        return spec.value if windows.open_at(now_ns) else value

    return distort


def _last(context: Context) -> float | None:
    """Return what the device saw last; None before it has seen anything."""
    return _inputs(context).last.get(context.target.input)


def _inputs(context: Context) -> Inputs:
    ((member, _),) = context.target.members
    return member.holding(context.target.input)
