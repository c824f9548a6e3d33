"""Faults of what a device sends: frames on a bus, sentences or bytes on a serial port."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from firmware_sim.faults.effect import Context
from firmware_sim.faults.kinds import Corrupt, Delayed, Intermittent, Slow, Truncate
from firmware_sim.faults.tap import Tap, release, taps_of
from firmware_sim.faults.windows import Windows
from firmware_sim.rig import Member
from firmware_sim.section import duration_ns


class TrafficFilter:
    """Passes everything on. The base of what a fault does at one tap.

    Attributes:
        count: Units that it changed, or made up.
    """

    def __init__(self, context: Context, tap: Tap) -> None:
        self.count = 0
        self.context = context
        self.tap = tap

    def begin(self, now_ns: int) -> None:
        """Start what it does by itself."""

    def end(self, now_ns: int) -> None:
        """Send what it kept back."""

    def alter(self, units: list[bytes], now_ns: int) -> list[bytes]:
        """See `Filter`."""
        return [altered for unit in units for altered in self.one(unit, now_ns)]

    def one(self, unit: bytes, _now_ns: int) -> list[bytes]:
        """Return what becomes of one unit."""
        return [unit]


class MakesFilter(Protocol):
    """Makes what a fault does at one tap."""

    def __call__(self, context: Context, tap: Tap, /) -> TrafficFilter:
        """Make it."""
        ...


class TrafficEffect:
    """A fault at every tap of what it is on.

    Args:
        context: Its circumstances.
        make: Makes what it does at a tap.
    """

    def __init__(self, context: Context, make: MakesFilter) -> None:
        self._context = context
        self._make = make
        self._before = 0
        self._filters: list[tuple[Member, TrafficFilter]] = []

    @property
    def count(self) -> int:
        """See `Effect`."""
        return self._before + sum(each.count for _, each in self._filters)

    def start(self, now_ns: int) -> None:
        """See `Effect`."""
        for member, places in self._context.target.members:
            for tap in taps_of(member, places, self._context.rig.schedule):
                each = self._make(self._context, tap)
                tap.add(each)
                self._filters.append((member, each))
                each.begin(now_ns)

    def stop(self, now_ns: int) -> None:
        """See `Effect`."""
        self._before = self.count
        filters, self._filters = self._filters, []
        for member, each in filters:
            each.end(now_ns)
            if each.tap.remove(each):
                release(member, each.tap)


class Silence(TrafficFilter):
    """Nothing is sent."""

    def alter(self, units: list[bytes], _now_ns: int) -> list[bytes]:
        """See `Filter`."""
        self.count += len(units)
        return []


class Repeat(TrafficFilter):
    """Each unit is the first of its kind: of a CAN id, of a sentence type."""

    def __init__(self, context: Context, tap: Tap) -> None:
        super().__init__(context, tap)
        self._first: dict[bytes, bytes] = {}

    def one(self, unit: bytes, _now_ns: int) -> list[bytes]:
        """See `TrafficFilter`."""
        kept = self._first.setdefault(self.tap.medium.kind_of(unit), unit)
        self.count += kept != unit
        return [kept]


class Thin(TrafficFilter):
    """Of each kind of unit, one in so many."""

    def __init__(self, context: Context, tap: Tap) -> None:
        super().__init__(context, tap)
        assert isinstance(context.spec, Slow)  # noqa: S101 - so is the table
        self._factor = context.spec.factor
        self._seen: dict[bytes, int] = {}

    def one(self, unit: bytes, _now_ns: int) -> list[bytes]:
        """See `TrafficFilter`."""
        kind = self.tap.medium.kind_of(unit)
        seen = self._seen.get(kind, 0)
        self._seen[kind] = seen + 1
        if seen % self._factor == self._factor - 1:
            return [unit]
        self.count += 1
        return []


class Late(TrafficFilter):
    """Everything is sent later; what is still under way at the fault's end, then."""

    def __init__(self, context: Context, tap: Tap) -> None:
        super().__init__(context, tap)
        assert isinstance(context.spec, Delayed)  # noqa: S101 - so is the table
        self._delay_ns = duration_ns(context.spec.delay)
        self._under_way: deque[list[bytes]] = deque()

    def alter(self, units: list[bytes], now_ns: int) -> list[bytes]:
        """See `Filter`."""
        if units:
            self.count += len(units)
            self._under_way.append(units)
            self.tap.schedule.at(now_ns + self._delay_ns, self._arrive)
        return []

    def end(self, now_ns: int) -> None:
        """See `TrafficFilter`."""
        while self._under_way:
            self._arrive(now_ns)

    def _arrive(self, now_ns: int) -> None:
        if self._under_way:
            self.tap.forward(self._under_way.popleft(), self, now_ns)


class LooseContact(TrafficFilter):
    """Nothing is sent while the contact is open."""

    def __init__(self, context: Context, tap: Tap) -> None:
        super().__init__(context, tap)
        spec = context.spec
        assert isinstance(spec, Intermittent)  # noqa: S101 - so is the table
        self._windows = Windows(duration_ns(spec.period), spec.rate, context.random)

    def alter(self, units: list[bytes], now_ns: int) -> list[bytes]:
        """See `Filter`."""
        if not self._windows.open_at(now_ns):
            return units
        self.count += len(units)
        return []


class SomeUnits(TrafficFilter):
    """Does to a share *rate* of the units what `struck` does."""

    def one(self, unit: bytes, now_ns: int) -> list[bytes]:
        """See `TrafficFilter`."""
        if not self.context.chance(getattr(self.context.spec, "rate", 1.0)):
            return [unit]
        self.count += 1
        return self.struck(unit, now_ns)

    def struck(self, _unit: bytes, _now_ns: int) -> list[bytes]:
        """Return what becomes of a unit that the fault strikes: nothing."""
        return []


class Twice(SomeUnits):
    """Units are sent twice."""

    def struck(self, unit: bytes, _now_ns: int) -> list[bytes]:
        """See `SomeUnits`."""
        return [unit, unit]


class Overtaken(TrafficFilter):
    """Units come after the one that follows them."""

    def __init__(self, context: Context, tap: Tap) -> None:
        super().__init__(context, tap)
        self._kept: list[bytes] = []

    def one(self, unit: bytes, _now_ns: int) -> list[bytes]:
        """See `TrafficFilter`."""
        if self._kept:
            sent, self._kept = [unit, *self._kept], []
            return sent
        if not self.context.chance(getattr(self.context.spec, "rate", 1.0)):
            return [unit]
        self.count += 1
        self._kept = [unit]
        return []

    def end(self, now_ns: int) -> None:
        """See `TrafficFilter`."""
        kept, self._kept = self._kept, []
        self.tap.forward(kept, self, now_ns)


class Changed(SomeUnits):
    """Units are wrong."""

    def struck(self, unit: bytes, _now_ns: int) -> list[bytes]:
        """See `SomeUnits`."""
        assert isinstance(self.context.spec, Corrupt)  # noqa: S101 - so is the table
        return [self.tap.medium.corrupt(unit, self.context.spec, self.context.random)]


class Cut(SomeUnits):
    """Units end too early."""

    def struck(self, unit: bytes, _now_ns: int) -> list[bytes]:
        """See `SomeUnits`."""
        assert isinstance(self.context.spec, Truncate)  # noqa: S101 - so is the table
        return [self.tap.medium.truncate(unit, self.context.spec.length, self.context.random)]
