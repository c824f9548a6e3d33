"""Faults of a device's supply and connections, and resets."""

from __future__ import annotations

from collections.abc import Callable

from firmware_sim.devices.base import Resettable
from firmware_sim.faults.effect import Context
from firmware_sim.faults.kinds import WrongBaud
from firmware_sim.faults.physical import hold, no_ack
from firmware_sim.faults.traffic import Silence, TrafficEffect, TrafficFilter
from firmware_sim.faults.uart import misread
from firmware_sim.ports import PtyPort
from firmware_sim.schedule import Filter


class Cut:
    """A device neither sends, nor hears, nor acknowledges.

    Args:
        context: Its circumstances.
        boots: Whether it boots afterwards, as after a loss of its supply.
    """

    def __init__(self, context: Context, *, boots: bool) -> None:
        self._context = context
        self._boots = boots
        self._silence = TrafficEffect(context, Silence)
        self._deafness = Hearing(context, lambda _data, _now_ns: b"")
        self._unmute: Callable[[int], None] = lambda _at_ns: None

    @property
    def count(self) -> int:
        """See `Effect`."""
        return self._silence.count

    def start(self, now_ns: int) -> None:
        """See `Effect`."""
        self._silence.start(now_ns)
        self._deafness.start()
        line = self._context.target.line
        if line is not None and line.bus.line is not None:
            nodes, at_ns = self._context.target.nodes, self._context.rig.schedule.monotonic_ns()
            self._unmute = hold(line, no_ack, nodes, at_ns)

    def stop(self, now_ns: int) -> None:
        """See `Effect`."""
        self._silence.stop(now_ns)
        self._deafness.stop()
        self._unmute(self._context.rig.schedule.monotonic_ns())
        if self._boots:
            reset(self._context, now_ns)


class Pulled:
    """A serial port's connector is pulled: the port vanishes."""

    def __init__(self, context: Context) -> None:
        self.count = 0
        self._context = context

    def start(self, _now_ns: int) -> None:
        """See `Effect`."""
        for member, _ in self._context.target.members:
            if member.port is not None:
                member.pulls += 1
                member.port.unplug()
                self.count += 1

    def stop(self, _now_ns: int) -> None:
        """See `Effect`."""
        for member, _ in self._context.target.members:
            if member.port is not None:
                member.pulls -= 1
                if not member.pulls:
                    member.port.plug()


class Shorted(TrafficFilter):
    """A serial line is shorted: the receiver sees it fall once, a 0 without an end, and no more."""

    def begin(self, now_ns: int) -> None:
        """See `TrafficFilter`."""
        self.tap.forward([b"\0"], self, now_ns)

    def alter(self, units: list[bytes], _now_ns: int) -> list[bytes]:
        """See `Filter`."""
        self.count += len(units)
        return []


class Misread(TrafficFilter):
    """A serial line whose ends disagree on the speed."""

    def alter(self, units: list[bytes], _now_ns: int) -> list[bytes]:
        """See `Filter`."""
        assert isinstance(self.context.spec, WrongBaud)  # noqa: S101 - so is the table
        self.count += len(units)
        received = misread(b"".join(units), self.context.spec.factor)
        return [received] if received else []


class WrongSpeed:
    """A serial device whose speed is wrong, both when it sends and when it hears."""

    def __init__(self, context: Context) -> None:
        spec = context.spec
        assert isinstance(spec, WrongBaud)  # noqa: S101 - so is the table
        self._sends = TrafficEffect(context, Misread)
        self._hears = Hearing(context, lambda data, _now_ns: misread(data, 1.0 / spec.factor))

    @property
    def count(self) -> int:
        """See `Effect`."""
        return self._sends.count

    def start(self, now_ns: int) -> None:
        """See `Effect`."""
        self._sends.start(now_ns)
        self._hears.start()

    def stop(self, now_ns: int) -> None:
        """See `Effect`."""
        self._sends.stop(now_ns)
        self._hears.stop()


class ResetEffect:
    """A device is reset, and held so for as long as the fault lasts."""

    def __init__(self, context: Context) -> None:
        self.count = 0
        self._context = context
        self._cut = Cut(context, boots=True)
        self._held = context.spec.for_ is not None

    def start(self, now_ns: int) -> None:
        """See `Effect`."""
        self.count += 1
        if self._held:
            self._cut.start(now_ns)
        else:
            reset(self._context, now_ns)

    def stop(self, now_ns: int) -> None:
        """See `Effect`."""
        if self._held:
            self._cut.stop(now_ns)


class Hearing:
    """What devices hear goes through a filter while it is started."""

    def __init__(self, context: Context, each: Filter) -> None:
        self._context = context
        self._filter = each

    def start(self) -> None:
        """Put it in."""
        for member, places in self._context.target.members:
            for place in places:
                place.filters.append(self._filter)
            if member.driven_from_outside and isinstance(member.port, PtyPort):
                member.port.hears.append(self._at_port)

    def stop(self) -> None:
        """Take it out."""
        for member, places in self._context.target.members:
            for place in places:
                place.filters.remove(self._filter)
            if member.driven_from_outside and isinstance(member.port, PtyPort):
                member.port.hears.remove(self._at_port)

    def _at_port(self, data: bytes) -> bytes:
        return self._filter(data, self._context.rig.schedule.now_ns)


def reset(context: Context, now_ns: int) -> None:
    """Reset what of the target can be."""
    for _, places in context.target.members:
        for place in places:
            if isinstance(place.device, Resettable):
                place.device.reset(now_ns)
                context.rig.schedule.changed(place)


def can_reset(context: Context) -> bool:
    """Return whether anything of the target can be reset."""
    places = (place for _, places in context.target.members for place in places)
    return any(isinstance(place.device, Resettable) for place in places)
