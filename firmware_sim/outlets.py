"""A device's place on a bus or a serial port: where what it sends goes, whence what it hears."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from firmware_sim import wire
from firmware_sim.bus import Bus, Node
from firmware_sim.schedule import Place


class Port(Protocol):
    """A serial port, as its device sees it.

    Attributes:
        path: Where it is to be found.
        written: Bytes that the device sent.
        dropped: Of those, the bytes that nobody got.
    """

    path: Path
    written: int
    dropped: int

    @property
    def plugged(self) -> bool:
        """Whether it is there."""
        ...

    @property
    def held(self) -> bool:
        """Whether it wants no more bytes now."""
        ...

    def write(self, data: bytes) -> None:
        """Send *data* to the other end."""
        ...

    def plug(self) -> None:
        """Put it there."""
        ...

    def unplug(self) -> None:
        """Take it away."""
        ...


class BusOutlet:
    """A device's place on a bus.

    Args:
        bus: The bus.
        name: The device's name on it.
        listens: Whether it gets what others send, by `take`.
        accepts: Of what ids, None for all.

    Attributes:
        bus: The bus.
        node: The device's node: its counters, its state; what faults on the line work on.
    """

    def __init__(
        self,
        bus: Bus,
        name: str,
        *,
        listens: bool = False,
        accepts: frozenset[int] | None = None,
    ) -> None:
        self.bus = bus
        self.node = Node(name, receives=listens, accepts=accepts)
        bus.join(self.node)

    @property
    def held(self) -> bool:
        """See `Outlet`."""
        return self.bus.holds(self.node)

    def send(self, data: bytes, now_ns: int) -> None:
        """See `Outlet`."""
        self.bus.offer(self.node, data, now_ns)

    def take(self, now_ns: int) -> bytes:
        """Return the records that the others have sent since it was last asked, b"" for none.

        Args:
            now_ns: CLOCK_MONOTONIC.
        """
        queue = self.node.queue
        if not queue:
            return b""
        data = b"".join(queue)
        self.bus.took(self.node, len(data), now_ns)
        return data


class BusLine:
    """A bus in simulated time, with the devices of this process on it; see `Carrier`.

    Attributes:
        bus: The bus.
        holds: What faults hold its wire and its nodes in, in the order of their coming; see
            `faults.physical.hold`.
    """

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.holds: list[Callable[[int], None]] = []
        self.touched = False
        self.due_ns: int | None = None
        self._ears: list[tuple[BusOutlet, Place]] = []
        self._keepers: list[tuple[BusOutlet, Callable[[bytes], object]]] = []

    def attach(self, outlet: BusOutlet, place: Place) -> None:
        """Have what *outlet* receives reach the device in *place*."""
        self._ears.append((outlet, place))

    def keep(self, name: str, keeper: Callable[[bytes], object]) -> None:
        """Put a node called *name* on the bus, and have *keeper* get all records that cross it."""
        self._keepers.append((BusOutlet(self.bus, name, listens=True), keeper))

    def advance(self, now_ns: int) -> None:
        """See `Carrier`."""
        self.touched = False
        self.due_ns = self.bus.advance(now_ns)

    def heard(self, now_ns: int) -> list[tuple[int, Place, bytes]]:
        """See `Carrier`."""
        for outlet, keeper in self._keepers:
            if data := outlet.take(now_ns):
                keeper(data)
        found = []
        for outlet, place in self._ears:
            if outlet.node.queue:
                data = outlet.take(now_ns)
                found += [(t_ns, place, block) for t_ns, block in _by_moment(data)]
        return found


class NoOutlet:
    """The place of a device that sends by itself."""

    held = False

    def send(self, data: bytes, now_ns: int) -> None:
        """See `Outlet`. Nothing comes here."""


class PortOutlet:
    """A device's serial port.

    Args:
        port: The port.
    """

    def __init__(self, port: Port) -> None:
        self.port = port

    @property
    def held(self) -> bool:
        """See `Outlet`."""
        return self.port.held

    def send(self, data: bytes, _now_ns: int) -> None:
        """See `Outlet`."""
        self.port.write(data)


def _by_moment(data: bytes) -> list[tuple[int, bytes]]:
    """Return records in blocks that share a time stamp, each with it."""
    if len(data) == wire.RECORD_SIZE:
        return [(wire.FRAME.unpack(data)[0], data)]
    blocks: list[tuple[int, bytes]] = []
    start, stamp = 0, None
    for index, (t_ns, *_) in enumerate(wire.FRAME.iter_unpack(data)):
        if stamp is not None and t_ns != stamp:
            blocks.append((stamp, data[start : index * wire.RECORD_SIZE]))
            start = index * wire.RECORD_SIZE
        stamp = t_ns
    if stamp is not None:
        blocks.append((stamp, data[start:]))
    return blocks
