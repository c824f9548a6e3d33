"""Where faults sit in what a device sends: between it and its bus or port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from firmware_sim.faults.medium import CanMedium, Medium, SerialMedium
from firmware_sim.ports import PtyPort
from firmware_sim.rig import Member
from firmware_sim.schedule import Carrier, Outlet, Place, Schedule


class Filter(Protocol):
    """A fault on traffic."""

    def alter(self, units: list[bytes], now_ns: int) -> list[bytes]:
        """Return what becomes of *units*, frames or sentences sent at *now_ns* since the start."""
        ...


class Tap:
    """An outlet with faults before it.

    Args:
        outlet: The outlet.
        schedule: The simulation's time.
        medium: What travels there.
        carrier: What carries it in simulated time.
    """

    def __init__(
        self, outlet: Outlet, schedule: Schedule, medium: Medium, carrier: Carrier | None = None
    ) -> None:
        self.outlet = outlet
        self.schedule = schedule
        self.medium = medium
        self._carrier = carrier
        self._filters: list[Filter] = []

    @property
    def held(self) -> bool:
        """See `Outlet`."""
        return self.outlet.held

    def send(self, data: bytes, now_ns: int) -> None:
        """See `Outlet`."""
        self._pass(self.medium.split(data), self._filters, now_ns - self.schedule.start_ns)

    def forward(self, units: list[bytes], after: Filter | None, now_ns: int) -> None:
        """Send on what *after* kept back, or made up; None: what nothing is to alter."""
        rest: Sequence[Filter] = ()
        if after in self._filters:
            rest = self._filters[self._filters.index(after) + 1 :]
        self._pass(units, rest, now_ns)

    def add(self, each: Filter) -> None:
        """Put a fault behind those that are there."""
        self._filters.append(each)

    def remove(self, each: Filter) -> bool:
        """Take a fault out; return whether none is left."""
        if each in self._filters:
            self._filters.remove(each)
        return not self._filters

    def _pass(self, units: list[bytes], filters: Sequence[Filter], now_ns: int) -> None:
        for each in tuple(filters):
            units = each.alter(units, now_ns)
        if units:
            self.outlet.send(b"".join(units), self.schedule.start_ns + now_ns)
            if self._carrier is not None:
                self._carrier.touched = True


class _RawPort:
    """A port that others than a device of this process write to: an adapter, a cable."""

    def __init__(self, port: PtyPort) -> None:
        self._port = port

    @property
    def held(self) -> bool:
        return self._port.held

    def send(self, data: bytes, _now_ns: int) -> None:
        self._port.transmit(data)


def taps_of(member: Member, places: Sequence[Place], schedule: Schedule) -> list[Tap]:
    """Return the taps of *places*, a device's parts, or of its port; made if needed."""
    port = member.port
    if isinstance(port, PtyPort) and member.driven_from_outside:
        if member.tap is None:
            tap = Tap(_RawPort(port), schedule, SerialMedium(member.type))
            member.tap = tap
            port.tap = lambda data: tap.send(data, schedule.monotonic_ns())
        assert isinstance(member.tap, Tap)  # noqa: S101 - nothing else sets it
        return [member.tap]
    return [_tap_of(place, member.type, schedule) for place in places]


def release(member: Member, tap: Tap) -> None:
    """Take *tap* out, which has no faults any more."""
    if member.tap is tap and isinstance(member.port, PtyPort):
        member.tap = member.port.tap = None
    for place in member.places:
        if place.outlet is tap:
            place.outlet = tap.outlet


def _tap_of(place: Place, kind: str, schedule: Schedule) -> Tap:
    if isinstance(place.outlet, Tap):
        return place.outlet
    medium: Medium = CanMedium() if place.carrier is not None else SerialMedium(kind)
    tap = Tap(place.outlet, schedule, medium, place.carrier)
    place.outlet = tap
    return tap
