"""When each device takes its next step, and where what it sends goes."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from firmware_sim.devices.base import Device

HELD_RETRY_NS = 1_000_000
"""How soon a device whose outlet is held up is tried again."""


class Outlet(Protocol):
    """Where a device's bytes go: a bus, a serial port."""

    @property
    def held(self) -> bool:
        """Whether it takes nothing now; the device then waits, and loses nothing."""
        ...

    def send(self, data: bytes, now_ns: int) -> None:
        """Take *data*. *now_ns* is CLOCK_MONOTONIC."""
        ...


class _Entry(NamedTuple):
    due_ns: int
    order: int
    device: Device
    outlet: Outlet
    group: object


class Schedule:
    """Steps devices at their own absolute moments, in one order on all machines.

    A device that comes late, because the machine or its outlet was held up, still takes every one
    of its steps, each told the moment at which it was due: what is sent depends on the scenario
    alone.

    Args:
        clock_ns: CLOCK_MONOTONIC.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._start_ns = 0
        self._order = 0
        self._heap: list[_Entry] = []

    def add(self, device: Device, outlet: Outlet, *, group: object = None) -> None:
        """Have *device* send to *outlet*.

        Args:
            device: Of devices due at one moment, the first added is first.
            outlet: Where its bytes go.
            group: What it shares with other devices, such as a car; None for nothing. While one
                of a group is held up all of them are, for what they share is at one moment.
        """
        if device.due_ns is not None:
            order = self._order
            self._order += 1
            entry = _Entry(device.due_ns, order, device, outlet, group or device)
            heapq.heappush(self._heap, entry)

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start."""
        return self._clock_ns() - self._start_ns

    def start(self) -> None:
        """Let the devices' time begin now."""
        self._start_ns = self._clock_ns()

    def settle(self) -> int | None:
        """Step whoever is due; return when the next will be, on CLOCK_MONOTONIC."""
        now_ns = self._clock_ns()
        held: list[_Entry] = []
        while self._heap and self._heap[0].due_ns + self._start_ns <= now_ns:
            entry = heapq.heappop(self._heap)
            if entry.outlet.held or any(entry.group is other.group for other in held):
                held.append(entry)
                continue
            data = entry.device.step(entry.due_ns)
            if data:
                entry.outlet.send(data, now_ns)
            if entry.device.due_ns is not None:
                heapq.heappush(self._heap, entry._replace(due_ns=entry.device.due_ns))
        following = [self._heap[0].due_ns + self._start_ns] if self._heap else []
        if held:
            following.append(now_ns + HELD_RETRY_NS)
        for entry in held:
            heapq.heappush(self._heap, entry)
        return min(following, default=None)
