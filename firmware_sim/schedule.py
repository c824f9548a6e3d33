"""Simulated time: which device steps next, what it hears, where what it sends goes."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol

from firmware_sim.devices.base import Device, Listener

HELD_RETRY_NS = 1_000_000
"""How soon a device whose outlet is held up, or a bus that cannot go on, is tried again."""

Action = Callable[[int], object]
"""Something that happens at a moment, in nanoseconds since the start, which it is told."""

Filter = Callable[[bytes, int], bytes]
"""What a fault does to what a device hears: given the data and nanoseconds since the start."""

_FIRST = -1  # what happens, and what is heard, at a moment comes before what is sent at it


class Outlet(Protocol):
    """Where a device's bytes go: a bus, a serial port."""

    @property
    def held(self) -> bool:
        """Whether it takes nothing now; the device then waits, and loses nothing."""
        ...

    def send(self, data: bytes, now_ns: int) -> None:
        """Take *data*. *now_ns* is CLOCK_MONOTONIC."""
        ...


class Carrier(Protocol):
    """What takes time to carry frames: a bus.

    Attributes:
        touched: Whether something was put on it since it was last advanced.
        due_ns: CLOCK_MONOTONIC at which it is to be advanced next; None for no need.
    """

    touched: bool
    due_ns: int | None

    def advance(self, now_ns: int) -> None:
        """Carry on to *now_ns*, CLOCK_MONOTONIC."""
        ...

    def heard(self, now_ns: int) -> list[tuple[int, Place, bytes]]:
        """Return, once, what reached devices: when (CLOCK_MONOTONIC), whom, and what."""
        ...


class Place:
    """A device in the schedule.

    Attributes:
        device: The device.
        listener: The device, if it hears; else None.
        outlet: Where its bytes go; a fault puts itself before it.
        carrier: What carries them there in simulated time, None for nothing.
        filters: What faults do to what it hears.
        after: Called after each of its steps.
    """

    __slots__ = (
        "after", "carrier", "device", "filters", "group", "listener", "order", "outlet", "queued"
    )  # fmt: skip

    def __init__(
        self,
        device: Device,
        outlet: Outlet,
        *,
        carrier: Carrier | None,
        group: object,
        order: int,
    ) -> None:
        self.device = device
        self.listener = device if isinstance(device, Listener) else None
        self.outlet = outlet
        self.carrier = carrier
        self.group = group
        self.order = order
        self.queued: int | None = None
        self.filters: list[Filter] = []
        self.after: list[Action] = []


# Moment, order at that moment, tie-breaker, the device, and what it hears; without a device, what
# happens; without anything, its step.
_Entry = tuple[int, int, int, Place | None, bytes | Action | None]


class Schedule:
    """Steps devices at their own absolute moments, in one order on all machines.

    A device that comes late, because the machine or its outlet was held up, still takes every one
    of its steps, each told the moment at which it was due: what is sent depends on the scenario
    alone. What is heard, and what a time line asks for, lies at its own moment in the same order.

    Args:
        clock_ns: CLOCK_MONOTONIC.
        gather_ns: How far apart the moments are at which what has become due is done, as an adapter
            hands on in one go what came meanwhile; 0: at its own moment. Being woken costs more
            than a step.

    Attributes:
        now_ns: How far the simulation has come, in nanoseconds since the start.
        start_ns: CLOCK_MONOTONIC at the start.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns, gather_ns: int = 0) -> None:
        self._clock_ns = clock_ns
        self._gather_ns = gather_ns
        self.start_ns = 0
        self.now_ns = 0
        self._places = 0
        self._sequence = itertools.count()
        self._heap: list[_Entry] = []
        self._carriers: list[Carrier] = []
        self._stopped = False

    def add(
        self,
        device: Device,
        outlet: Outlet,
        *,
        carrier: Carrier | None = None,
        group: object = None,
    ) -> Place:
        """Have *device* send to *outlet*.

        Args:
            device: Of devices due at one moment, the first added is first.
            outlet: Where its bytes go.
            carrier: What carries them, if that takes simulated time; see `carry`.
            group: What it shares with other devices, such as a car; None for nothing. While one
                of a group is held up all of them are, for what they share is at one moment.
        """
        place = Place(device, outlet, carrier=carrier, group=group or device, order=self._places)
        self._places += 1
        self.changed(place)
        return place

    def carry(self, carrier: Carrier) -> None:
        """Have *carrier* carry what devices send to it, in simulated time."""
        self._carriers.append(carrier)

    def at(self, due_ns: int, action: Action) -> None:
        """Have *action* happen at *due_ns* since the start, before devices step at that moment."""
        self._push(due_ns, _FIRST, None, action)

    def hear(self, place: Place, data: bytes, due_ns: int | None = None) -> None:
        """Have a device hear *data* at *due_ns* since the start, None for now."""
        self._push(self.now_ns if due_ns is None else due_ns, _FIRST, place, data)

    def changed(self, place: Place) -> None:
        """Look anew when a device is due: it may be another moment after it was spoken to."""
        due_ns = place.device.due_ns
        if due_ns != place.queued:
            place.queued = due_ns
            if due_ns is not None:
                self._push(due_ns, place.order, place, None)

    def start(self) -> None:
        """Let the devices' time begin now."""
        self.start_ns = self._clock_ns()

    def stop(self) -> None:
        """Let no device do anything any more, whatever it hears.

        What is under way on a bus still arrives.
        """
        self._stopped = True
        self._heap.clear()

    def monotonic_ns(self) -> int:
        """Return how far the simulation has come, on CLOCK_MONOTONIC."""
        return self.start_ns + self.now_ns

    def settle(self) -> int | None:
        """Do what is due; return when the next will be, on CLOCK_MONOTONIC."""
        due_ns = self.run_to(self._clock_ns() - self.start_ns)
        if due_ns is not None and self._gather_ns:
            due_ns += (self.start_ns - due_ns) % self._gather_ns
        return due_ns

    def run_to(self, limit_ns: int) -> int | None:
        """Do what is due up to *limit_ns* since the start; return as `settle` does."""
        held: list[_Entry] = []
        heap = self._heap
        for each in self._carriers:
            self._advance(each)  # others may have been at it
        while True:
            carrier = self._first_carrier()
            carried_ns = carrier.due_ns - self.start_ns if carrier and carrier.due_ns else None
            if carrier and carried_ns is not None and (not heap or carried_ns <= heap[0][0]):
                if carried_ns > limit_ns:
                    break
                self.now_ns = max(self.now_ns, carried_ns)
                self._advance(carrier)
                self._let_go(held)
            elif heap and heap[0][0] <= limit_ns:
                entry = heapq.heappop(heap)
                self.now_ns = max(self.now_ns, entry[0])
                self._do(entry, held)
            else:
                break
            for each in self._carriers:
                if each.touched:
                    self._advance(each)
        self.now_ns = max(self.now_ns, limit_ns)
        due = [heap[0][0] + self.start_ns] if heap else []
        due += [each.due_ns for each in self._carriers if each.due_ns is not None]
        if held:
            due.append(self.start_ns + limit_ns + HELD_RETRY_NS)
            for entry in held:
                heapq.heappush(heap, entry)
        return min(due, default=None)

    def _do(self, entry: _Entry, held: list[_Entry]) -> None:
        due_ns, _, _, place, what = entry
        if place is None:
            assert callable(what)  # noqa: S101 - an entry without a device is an action
            what(due_ns)
            return
        if isinstance(what, bytes):
            self._tell(place, what, due_ns)
            return
        if place.queued != due_ns:
            return  # it is due at another moment by now
        if place.outlet.held or any(
            other is not None and other.group is place.group for _, _, _, other, _ in held
        ):
            held.append(entry)
            return
        data = place.device.step(due_ns)
        if data:
            place.outlet.send(data, self.start_ns + self.now_ns)
            if place.carrier is not None:
                place.carrier.touched = True
        self.changed(place)
        for action in place.after:
            action(due_ns)

    def _let_go(self, held: list[_Entry]) -> None:
        """Have those go on whose outlet, now that a frame has been carried, has room again."""
        free = [entry for entry in held if entry[3] and not entry[3].outlet.held]
        for entry in free:
            held.remove(entry)
            heapq.heappush(self._heap, entry)

    def _first_carrier(self) -> Carrier | None:
        first = None
        for each in self._carriers:
            due_ns = each.due_ns
            if due_ns is not None and (first is None or due_ns < (first.due_ns or 0)):
                first = each
        return first

    def _advance(self, carrier: Carrier) -> None:
        now_ns = self.start_ns + self.now_ns
        carrier.advance(now_ns)
        if carrier.due_ns is not None and carrier.due_ns <= now_ns:
            carrier.due_ns = now_ns + HELD_RETRY_NS
        for heard_ns, place, data in carrier.heard(now_ns):
            due_ns = heard_ns - self.start_ns
            if due_ns <= self.now_ns:
                self._tell(place, data, due_ns)
            else:
                self._push(due_ns, _FIRST, place, data)

    def _tell(self, place: Place, data: bytes, now_ns: int) -> None:
        for each in place.filters:
            data = each(data, now_ns)
        if data and place.listener is not None:
            place.listener.hear(data, now_ns)
            self.changed(place)

    def _push(
        self, due_ns: int, order: int, place: Place | None, what: bytes | Action | None
    ) -> None:
        if not self._stopped:
            heapq.heappush(self._heap, (due_ns, order, next(self._sequence), place, what))
