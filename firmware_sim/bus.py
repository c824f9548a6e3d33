"""A CAN bus: who is on it, in which order frames cross it, who still has to get them.

No sockets and no clock: `server` moves the bytes, time comes in as an argument. A bus has one
order, which every node sees: the order of the calls of `Bus.offer`, which returns when the frames
are in every other node's queue.

Nothing is lost silently. A queue is bounded; while one is full the bus is `blocked`, and whoever
moves the bytes stops taking frames from senders until it is not (back-pressure). A node whose queue
is full and that has taken nothing at all for *patience* stops holding up the others: it is
*overrun*, as a real controller would be. What it misses is counted, and an error frame says how
much as soon as it reads again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from firmware_sim import wire
from firmware_sim.errors import WireError

QUEUE_FRAMES = 16_384
"""Frames that wait for one node before the bus does: 1.3 MB, 1.8 s of a full 1 Mbit/s bus."""

PATIENCE_NS = 2_000_000_000
"""How long a node whose queue is full may have taken nothing: longer than a loaded machine keeps a
process from running, shorter than a person takes for a hang."""


class Node:
    """One participant. Its transport takes `queue` from the left and reports it by `Bus.took`.

    Args:
        name: For people.
        own_frames: Whether its own frames come back to it.
        listen_only: Whether it must not send.
        receives: Whether frames are delivered to it; False for a device that only sends.
        patience_ns: Overrides the bus's own; 0 for hardware with a FIFO that simply overflows.

    Attributes:
        queue: Blocks of records that it has yet to get, oldest first.
        queued: Bytes in `queue`.
        sent: Frames it put on the bus.
        taken: Bytes it took.
        lost: Frames it missed because it was overrun.
        notices: Error frames queued for it to say so.
        overrun: Whether it is missing frames now.
        untold: Frames it missed that no notice has told it of yet.
        idle_since_ns: When it last took something, or had nothing to take.
    """

    def __init__(
        self,
        name: str,
        *,
        own_frames: bool = False,
        listen_only: bool = False,
        receives: bool = True,
        patience_ns: int | None = None,
    ) -> None:
        self.name = name
        self.own_frames = own_frames
        self.listen_only = listen_only
        self.receives = receives
        self.patience_ns = patience_ns
        self.queue: deque[memoryview] = deque()
        self.queued = 0
        self.taken = 0
        self.sent = 0
        self.lost = 0
        self.notices = 0
        self.overrun = False
        self.untold = 0
        self.idle_since_ns = 0


@dataclass(frozen=True, slots=True)
class NodeReport:
    """A node's part in the ledger.

    Every frame for it, and every notice of a loss, is delivered, lost, or left unread.

    Attributes:
        name: The node's name.
        sent: Frames it put on the bus.
        delivered: Frames it took, notices among them.
        notices: Error frames that told it of a loss.
        lost: Frames it missed because it was overrun.
        unread: Frames still in its queue; for a node that left, when it left.
    """

    name: str
    sent: int
    delivered: int
    notices: int
    lost: int
    unread: int


class Bus:
    """See the module.

    Args:
        name: Its name, which nodes join it by.
        bit_rate: Bits a second, as nodes are told; 0 is unlimited.
        queue_frames: Frames that may wait for one node before the bus waits.
        patience_ns: How long a full node may take nothing before it is overrun.

    Attributes:
        frames: Frames that crossed the bus.
    """

    def __init__(
        self,
        name: str,
        *,
        bit_rate: int = 0,
        queue_frames: int = QUEUE_FRAMES,
        patience_ns: int = PATIENCE_NS,
    ) -> None:
        self.name = name
        self.bit_rate = bit_rate
        self.frames = 0
        self._capacity = queue_frames * wire.RECORD_SIZE
        self._patience_ns = patience_ns
        self._nodes: list[Node] = []
        self._joined: list[Node] = []
        self._full: set[Node] = set()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Who is on the bus, in the order of joining."""
        return tuple(self._nodes)

    @property
    def blocked(self) -> bool:
        """Whether senders have to wait because a node's queue is full."""
        return bool(self._full)

    def join(self, node: Node) -> None:
        """Put *node* on the bus; it gets what is sent from now on."""
        self._nodes.append(node)
        self._joined.append(node)

    def leave(self, node: Node) -> None:
        """Give *node* nothing any more; its part in the ledger stays.

        It may still `offer` what it had sent before. Leaving twice is allowed.
        """
        if node not in self._nodes:
            return
        self._nodes.remove(node)
        self._full.discard(node)
        node.queue.clear()  # how much there was is still in `queued`

    def offer(self, sender: Node, data: bytes | bytearray | memoryview, now_ns: int) -> None:
        """Carry the records in *data*, which *sender* sent, to all others, stamped *now_ns*.

        Args:
            sender: A node on this bus.
            data: Any number of whole records.
            now_ns: CLOCK_MONOTONIC; never less than in an earlier call.

        Raises:
            WireError: *data* holds what no CAN bus can carry, or *sender* only listens; nothing
                was sent.
        """
        if sender.listen_only:
            raise WireError("got a frame from a node that said it only listens")
        block = wire.to_bus(data, now_ns)
        count = len(block) // wire.RECORD_SIZE
        sender.sent += count
        self.frames += count
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
            self._deliver(node, memoryview(notice), now_ns)

    def advance(self, now_ns: int) -> int | None:
        """Do what is due at *now_ns*; return when it is to be called again, None for no need."""
        for node in [node for node in self._full if self._deadline(node) <= now_ns]:
            self._full.discard(node)
            node.overrun = True
        return min(map(self._deadline, self._full), default=None)

    def report(self) -> list[NodeReport]:
        """Return the ledger, a row for each that ever joined, in that order."""
        return [_report(node) for node in self._joined]

    def _deliver(self, node: Node, block: memoryview, now_ns: int) -> None:
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


def _report(node: Node) -> NodeReport:
    delivered = node.taken // wire.RECORD_SIZE
    unread = -(-node.queued // wire.RECORD_SIZE)  # a frame that is half sent is not delivered
    return NodeReport(node.name, node.sent, delivered, node.notices, node.lost, unread)
