"""What successes and errors do to the nodes of a line: counters, states, who is told what."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from firmware_sim import error_frames, wire
from firmware_sim.error_counters import ErrorState
from firmware_sim.node import Node

Deliver = Callable[[Node, bytes, int], None]

_T_NS = struct.Struct("=q")


class Confinement:
    """Fault confinement among the nodes of a line.

    Args:
        nodes: Who is on the bus; the bus's own list.
        deliver: Gives a record to a node.
        switched_off: Called with a node that has gone bus-off, and when.
    """

    def __init__(
        self, nodes: Sequence[Node], deliver: Deliver, switched_off: Callable[[Node, int], None]
    ) -> None:
        self._nodes = nodes
        self._deliver = deliver
        self._switched_off = switched_off
        self._told: dict[Node, int] = {}
        self._disturbed: dict[Node, None] = {}  # those whose REC is not 0
        self._hearing: list[Node] = []
        self._acknowledging: list[Node] = []

    def changed(self) -> None:
        """Work out anew who hears and who acknowledges: a node came, went, or was changed."""
        self._hearing = [node for node in self._nodes if node.state is not ErrorState.BUS_OFF]
        self._acknowledging = [node for node in self._hearing if node.acknowledges]

    def acknowledged(self, sender: Node) -> bool:
        """Whether another node acknowledges what *sender* sends."""
        others = self._acknowledging
        return len(others) > 1 or (len(others) == 1 and others[0] is not sender)

    def answered(self, sender: Node) -> bool:
        """Whether another node answers an error flag of *sender* with one that all see."""
        return any(
            node is not sender and not node.listen_only and node.state is ErrorState.ACTIVE
            for node in self._hearing
        )

    def carry(self, sender: Node, body: bytes, t_ns: int) -> None:
        """Give a frame (a record without its stamp) that was sent to all who hear it."""
        sender.sent += 1
        if sender.tec:
            sender.counters.sent()
            self.tell(sender, t_ns)
        for node in tuple(self._disturbed):
            if node is not sender:
                node.counters.received()
                self.tell(node, t_ns)
                if not node.rec:
                    del self._disturbed[node]
        record = _T_NS.pack(t_ns) + body
        for node in self._hearing:
            if node is not sender:
                if node.receives:
                    self._deliver(node, record, t_ns)
            elif node.own_frames:
                self._deliver(node, _echoed(record), t_ns)

    def miss(self, sender: Node, t_ns: int, *, first: bool) -> None:
        """Count a frame of *sender* that nobody acknowledged.

        A driver that told of each try would drown its readers: a frame is told of once.
        """
        was_active = sender.state is ErrorState.ACTIVE
        sender.tx_errors += 1
        sender.counters.missed_acknowledgement()
        if first:
            self._report(sender, error_frames.not_acknowledged(sender.counters, t_ns), t_ns)
        self.tell(sender, t_ns)
        if was_active:
            # Its error flag begins in the ACK delimiter, which must be recessive.
            self.see(sender, t_ns, wire.ERR_FORM, wire.ERR_AT_ACK_DELIMITER, told=first)

    def fail(self, sender: Node, t_ns: int, where: int) -> None:
        """Count a bit error that *sender* saw in its own frame."""
        sender.tx_errors += 1
        sender.counters.failed_to_send()
        what = wire.ERR_BIT | wire.ERR_TX
        self._report(sender, error_frames.bus_error(sender.counters, t_ns, what, where), t_ns)
        self.tell(sender, t_ns)

    def see(self, sender: Node, t_ns: int, what: int, where: int, *, told: bool = True) -> None:
        """Count an error that all others saw in a frame of *sender*."""
        for node in self._hearing:
            if node is sender:
                continue
            node.rx_errors += 1
            if not node.listen_only:
                node.counters.failed_to_receive()
                self._disturbed[node] = None
            if told:
                self._report(node, error_frames.bus_error(node.counters, t_ns, what, where), t_ns)
            self.tell(node, t_ns)

    def tell(self, node: Node, t_ns: int) -> None:
        """Tell *node* of the state that it has come to, if that is another; act on bus-off."""
        level = error_frames.level(node.counters)
        if level == self._told.get(node, error_frames.ERROR_ACTIVE):
            return
        self._told[node] = level
        self._report(node, error_frames.state_changed(node.counters, t_ns), t_ns)
        self.changed()
        if level == error_frames.BUS_OFF:
            self._switched_off(node, t_ns)

    def restart(self, node: Node, t_ns: int) -> None:
        """Set the counters of *node* to 0; tell it if it was bus-off."""
        was_off = node.state is ErrorState.BUS_OFF
        node.counters.reset()
        node.counters.force(node.counters.forced)
        self._disturbed.pop(node, None)
        if was_off and node.state is not ErrorState.BUS_OFF:
            self._told[node] = error_frames.ERROR_ACTIVE
            self._report(node, error_frames.restarted(node.counters, t_ns), t_ns)
        self.tell(node, t_ns)
        self.changed()

    def _report(self, node: Node, record: bytes, t_ns: int) -> None:
        if node.receives and not node.left:
            self._deliver(node, record, t_ns)


def _echoed(record: bytes) -> bytes:
    return record[:13] + bytes((record[13] | wire.ECHO,)) + record[14:]
