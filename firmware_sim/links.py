"""What joins a bus and a port, or two ports: adapters and cables, driven from both ends."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable

from firmware_sim.bus import Bus, Node
from firmware_sim.ports import PtyPort
from firmware_sim.slcan import SlcanAdapter


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


class NullModem:
    """A cable between two serial ports: what is written to one end is read from the other.

    Args:
        near: The port of the firmware.
        far: The port that others open. Without flow control it drops what nobody reads.
        selector: The loop's.
    """

    def __init__(self, near: PtyPort, far: PtyPort, selector: selectors.BaseSelector) -> None:
        self._ends = {near: far, far: near}
        self._selector = selector
        self._moves = {
            port: lambda events, port=port: self._on_ready(port, events) for port in self._ends
        }

    def settle(self) -> int | None:
        """See `Settler`. An end is read while the other has room."""
        for port, other in self._ends.items():
            port.flush()
            reads = 0 if other.held else selectors.EVENT_READ
            writes = selectors.EVENT_WRITE if port.backlog else 0
            port.watch(self._selector, self._moves[port], reads | writes)
        return None

    def _on_ready(self, port: PtyPort, events: int) -> None:
        if events & selectors.EVENT_READ:
            self._ends[port].write(port.read())
