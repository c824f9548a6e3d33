"""A CAN bus: who is on it, in which order frames cross it, who still has to get them.

No sockets and no clock: `server` moves the bytes, time comes in as an argument. A bus has one
order, which every node sees. Without a bit rate it is the order of the calls of `Bus.offer`, which
returns when the frames are in every other node's queue. With one, `line` decides it: a frame waits
in its node's mailbox until it wins the arbitration, and is delivered when it has ended.

Nothing is lost silently. A queue is bounded; while one is full the bus is `blocked`, and whoever
moves the bytes stops taking frames from senders until it is not (back-pressure). A node whose queue
is full and that has taken nothing at all for *patience* stops holding up the others: it is
*overrun*, as a real controller would be. What it misses is counted, and an error frame says how
much as soon as it reads again.
"""

from __future__ import annotations

import numpy as np

from firmware_sim import wire
from firmware_sim.bit_timing import BitRates
from firmware_sim.error_counters import ErrorState
from firmware_sim.errors import WireError
from firmware_sim.line import Line
from firmware_sim.node import Node, NodeReport
from firmware_sim.records import of_ids, to_bus

__all__ = ["Bus", "ErrorState", "Line", "Node", "NodeReport"]

QUEUE_FRAMES = 16_384
"""Frames that wait for one node before the bus does: 1.3 MB, 1.8 s of a full 1 Mbit/s bus."""

PATIENCE_NS = 2_000_000_000
"""How long a node whose queue is full may have taken nothing: longer than a loaded machine keeps a
process from running, shorter than a person takes for a hang."""

MAILBOX_FRAMES = 64
"""Frames of one node that wait for a bus with a bit rate before the node itself does."""

RESTART_MS = 100
"""How long after bus-off a node begins to recover."""


class Bus:
    """See the module.

    Args:
        name: Its name, which nodes join it by.
        bit_rate: Bits a second; 0 is unlimited: each frame is delivered as it is offered.
        data_bit_rate: Of CAN FD frames that switch; 0 is *bit_rate*.
        restart_ms: How long after bus-off a node begins to recover; 0 for never by itself.
        acknowledge: Whether a frame needs another node's acknowledgement; None: where there is a
            bit rate.
        seed: Of what faults on the line hit.
        queue_frames: Frames that may wait for one node before the bus waits.
        patience_ns: How long a full node may take nothing before it is overrun.

    Attributes:
        line: Its wire, on which faults work; None without a bit rate.

    Raises:
        ValueError: *data_bit_rate* or *acknowledge* is given without *bit_rate*.
    """

    def __init__(
        self,
        name: str,
        *,
        bit_rate: int = 0,
        data_bit_rate: int = 0,
        restart_ms: float = RESTART_MS,
        acknowledge: bool | None = None,
        seed: int | str = 0,
        queue_frames: int = QUEUE_FRAMES,
        patience_ns: int = PATIENCE_NS,
    ) -> None:
        if not bit_rate and (data_bit_rate or acknowledge):
            raise ValueError("got a data bit rate or acknowledgement, expected a bit rate with it")
        self.name = name
        self.bit_rate = bit_rate
        self.data_bit_rate = data_bit_rate or bit_rate
        self._frames = 0
        self._last_ns = 0
        self._capacity = queue_frames * wire.RECORD_SIZE
        self._patience_ns = patience_ns
        self._nodes: list[Node] = []
        self._joined: list[Node] = []
        self._full: set[Node] = set()
        self.line: Line | None = None
        if bit_rate:
            self.line = Line(
                self._nodes,
                self._deliver,
                BitRates(bit_rate, data_bit_rate),
                restart_ms=restart_ms,
                acknowledge=acknowledge is not False,
                seed=seed,
            )

    @property
    def frames(self) -> int:
        """Frames that crossed the bus."""
        return self.line.frames if self.line else self._frames

    @property
    def errors(self) -> int:
        """Transmissions that failed."""
        return self.line.errors if self.line else 0

    @property
    def load(self) -> float:
        """The share of the last second that it was busy, 0 to 1; 0 without a bit rate."""
        return self.line.occupancy.share if self.line else 0.0

    @property
    def busy(self) -> bool:
        """Whether frames wait to cross that may."""
        return self.line is not None and self.line.busy

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Who is on the bus, in the order of joining."""
        return tuple(self._nodes)

    @property
    def blocked(self) -> bool:
        """Whether senders have to wait because a node's queue is full."""
        return bool(self._full)

    def holds(self, node: Node) -> bool:
        """Whether *node* has to wait before it offers more."""
        return bool(self._full) or len(node.mailbox) >= MAILBOX_FRAMES

    def join(self, node: Node, now_ns: int | None = None) -> None:
        """Put *node* on the bus; it gets what is sent from now on (*now_ns*, CLOCK_MONOTONIC)."""
        if self.line and now_ns is not None:
            self.advance(now_ns)
        node.number = len(self._joined)
        self._nodes.append(node)
        self._joined.append(node)
        if self.line:
            self.line.changed()

    def leave(self, node: Node, now_ns: int | None = None) -> None:
        """Give *node* nothing any more; its part in the ledger stays.

        It may still `offer` what it had sent before, and that is carried as long as somebody
        acknowledges it. Leaving twice is allowed.
        """
        if node not in self._nodes:
            return
        if self.line and now_ns is not None:
            self.advance(now_ns)
        node.left = True
        self._nodes.remove(node)
        self._full.discard(node)
        node.queue.clear()  # how much there was is still in `queued`
        if self.line:
            self.line.changed()

    def offer(self, sender: Node, data: bytes | bytearray | memoryview, now_ns: int) -> None:
        """Carry the records in *data*, which *sender* sent, to all others.

        Without a bit rate that is done on return, and *now_ns* is their stamp. With one they are
        in the sender's mailbox, and cross the bus in their turn, by `advance`.

        Args:
            sender: A node on this bus.
            data: Any number of whole records.
            now_ns: CLOCK_MONOTONIC at which they were sent; in the past if the process is late.
                Stamps do not go back for that.

        Raises:
            WireError: *data* holds what no CAN bus can carry, or *sender* only listens; nothing
                was sent.
        """
        if sender.listen_only:
            raise WireError("got a frame from a node that said it only listens")
        if self.line:
            self.line.offer(sender, to_bus(data, now_ns), now_ns)
            return
        if now_ns < self._last_ns:
            now_ns = self._last_ns
        self._last_ns = now_ns
        block = to_bus(data, now_ns)
        count = len(block) // wire.RECORD_SIZE
        sender.sent += count
        self._frames += count
        for node in self._nodes:
            if not node.receives:
                continue
            if node is not sender:
                self._deliver(node, block, now_ns)
            elif node.own_frames:
                self._deliver(node, _echo(block), now_ns)

    def took(self, node: Node, size: int, now_ns: int) -> None:
        """Say that *node* took the first *size* bytes of its queue."""
        node.taken += size
        node.queued -= size
        node.idle_since_ns = now_ns
        queue = node.queue
        while size:
            first = queue.popleft()
            if size < len(first):
                queue.appendleft(first[size:])
                break
            size -= len(first)
        if node.queued < self._capacity:
            self._full.discard(node)
        if node.overrun and node.queued <= self._capacity // 2:
            node.overrun = False
            notice = wire.overflow(node.untold, now_ns)
            node.untold = 0
            node.notices += 1
            self._deliver(node, notice, now_ns)

    def advance(self, now_ns: int) -> int | None:
        """Do what is due at *now_ns*; return when it is to be called again, None for no need.

        That is: lose patience with full nodes, and complete the transmissions that have ended.
        """
        following = None
        while True:
            for node in [node for node in self._full if self._deadline(node) <= now_ns]:
                self._full.discard(node)
                node.overrun = True
            if self.line:
                following = self.line.advance(now_ns, lambda: bool(self._full))
            deadlines = [self._deadline(node) for node in self._full]
            if not deadlines or min(deadlines) > now_ns:
                break
        if following is not None:
            deadlines.append(following)
        return min(deadlines, default=None)

    def report(self) -> list[NodeReport]:
        """Return the ledger, a row for each that ever joined, in that order."""
        return [NodeReport.of(node) for node in self._joined]

    def _deliver(self, node: Node, block: memoryview | bytes, now_ns: int) -> None:
        if node.accepts is not None:
            block = of_ids(block, node.accepts)
            if not block:
                return
        if node.overrun:
            count = len(block) // wire.RECORD_SIZE
            node.lost += count
            node.untold += count
            return
        if not node.queued:
            node.idle_since_ns = now_ns
        node.queue.append(block)
        node.queued += len(block)
        if node.queued >= self._capacity:
            self._full.add(node)

    def _deadline(self, node: Node) -> int:
        patience = self._patience_ns if node.patience_ns is None else node.patience_ns
        return node.idle_since_ns + patience


def _echo(block: memoryview) -> memoryview:
    records = np.frombuffer(block, wire.RECORD).copy()
    records["flags"] |= wire.ECHO
    return records.view(np.uint8).data
