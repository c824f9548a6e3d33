"""What joins devices to buses and ports."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable

from firmware_sim.bus import Bus, Node
from firmware_sim.ports import PtyPort
from firmware_sim.slcan import SlcanAdapter


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


class SlcanLink:
    """An slcan adapter between a bus and a port.

    When whoever has the port does not read, frames wait in the port, then in the adapter's place
    on the bus, and then are lost as in a real adapter: counted, and told by its status flags.

    Args:
        name: The adapter's name on the bus.
        bus: The bus.
        port: The port, with flow control.
        selector: The loop's.
        clock_ns: CLOCK_MONOTONIC.
    """

    def __init__(
        self,
        name: str,
        bus: Bus,
        port: PtyPort,
        selector: selectors.BaseSelector,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._bus = bus
        self._port = port
        self._selector = selector
        self._clock_ns = clock_ns
        self._node = Node(name, patience_ns=0, listen_only=True)  # until it is opened
        self._adapter = SlcanAdapter(self._transmit)
        bus.join(self._node)
        port.watch(selector, self._on_ready)

    def settle(self) -> int | None:
        """See `Settler`."""
        queue = self._node.queue
        while queue and not self._port.held:
            block = queue[0]
            self._port.write(self._adapter.hear(block))
            self._bus.took(self._node, len(block), self._clock_ns())
        self._port.flush()
        held = self._bus.holds(self._node) or self._port.held
        reads = 0 if held else selectors.EVENT_READ
        writes = selectors.EVENT_WRITE if self._port.backlog else 0
        self._port.watch(self._selector, self._on_ready, reads | writes)
        return None

    def _on_ready(self, events: int) -> None:
        if events & selectors.EVENT_READ:
            self._port.write(self._adapter.feed(self._port.read()))
            self._take_part()

    def _take_part(self) -> None:
        """Have the node acknowledge only while the adapter is open, and not to listen only."""
        listen_only = not self._adapter.takes_part
        if listen_only != self._node.listen_only:
            self._node.listen_only = listen_only
            if self._bus.line:
                self._bus.line.changed()

    def _transmit(self, record: bytes) -> None:
        self._take_part()  # it may have been opened in the same breath
        self._bus.offer(self._node, record, self._clock_ns())
