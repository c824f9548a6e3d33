"""One participant of a bus: its CAN controller, what it has yet to send, what it has yet to get."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from firmware_sim import wire
from firmware_sim.error_counters import ErrorCounters, ErrorState
from firmware_sim.frame import Frame


class Node:
    """One participant. Its transport takes `queue` from the left and reports it by `Bus.took`.

    Args:
        name: For people.
        own_frames: Whether its own frames come back to it.
        listen_only: Whether it must not send. It acknowledges nothing, and counts no errors.
        receives: Whether frames are delivered to it; False for a device that only sends.
        accepts: Its acceptance filter: the only ids that are delivered to it; None for all.
        patience_ns: Overrides the bus's own; 0 for hardware with a FIFO that simply overflows.

    Attributes:
        queue: Blocks of records that it has yet to get, oldest first.
        queued: Bytes in `queue`.
        sent: Frames it put on the bus.
        unsent: Frames it offered that were discarded: it was bus-off, was reset, or left with
            nobody there to acknowledge them.
        taken: Bytes it took.
        lost: Frames it missed because it was overrun.
        notices: Error frames queued for it to say so.
        overrun: Whether it is missing frames now.
        untold: Frames it missed that no notice has told it of yet.
        idle_since_ns: When it last took something, or had nothing to take.
        counters: Its error counters; always 0 on a bus without a bit rate.
        mailbox: Frames it has yet to send, oldest first; on a bus without a bit rate, none.
        muted: Whether a fault keeps it from acknowledging.
        quiet_until_ns: Before this it does not start a transmission.
        left: Whether it has left the bus; its mailbox is still sent.
        number: How many had joined the bus before it.
        tx_errors: Transmissions of its own that failed.
        rx_errors: Errors it saw in frames of others.
    """

    def __init__(
        self,
        name: str,
        *,
        own_frames: bool = False,
        listen_only: bool = False,
        receives: bool = True,
        accepts: frozenset[int] | None = None,
        patience_ns: int | None = None,
    ) -> None:
        self.name = name
        self.own_frames = own_frames
        self.listen_only = listen_only
        self.receives = receives
        self.accepts = accepts
        self.patience_ns = patience_ns
        self.queue: deque[memoryview | bytes] = deque()
        self.queued = 0
        self.taken = 0
        self.sent = 0
        self.unsent = 0
        self.lost = 0
        self.notices = 0
        self.overrun = False
        self.untold = 0
        self.idle_since_ns = 0
        self.counters = ErrorCounters()
        self.mailbox: deque[Frame] = deque()
        self.muted = False
        self.quiet_until_ns = 0
        self.left = False
        self.number = 0
        self.tx_errors = 0
        self.rx_errors = 0

    @property
    def tec(self) -> int:
        """The transmit error counter."""
        return self.counters.tec

    @property
    def rec(self) -> int:
        """The receive error counter."""
        return self.counters.rec

    @property
    def state(self) -> ErrorState:
        """The error state of its controller."""
        return self.counters.state

    @property
    def stuck(self) -> bool:
        """Whether its next frame has failed before."""
        return bool(self.mailbox and self.mailbox[0].tries)

    @property
    def acknowledges(self) -> bool:
        """Whether it acknowledges the frames of others."""
        return not (self.listen_only or self.muted) and self.state is not ErrorState.BUS_OFF


@dataclass(frozen=True, slots=True)
class NodeReport:
    """A node's part in the ledger.

    Every frame for it, and every notice of a loss, is delivered, lost, or left unread. Every frame
    it offered is sent, or unsent.

    Attributes:
        name: The node's name.
        sent: Frames it put on the bus.
        delivered: Frames it took, notices among them.
        notices: Error frames that told it of a loss.
        lost: Frames it missed because it was overrun.
        unread: Frames still in its queue; for a node that left, when it left.
        unsent: Frames it offered that have not crossed the bus: discarded, or still waiting.
        tx_errors: Transmissions of its own that failed.
        rx_errors: Errors it saw in frames of others.
    """

    name: str
    sent: int
    delivered: int
    notices: int
    lost: int
    unread: int
    unsent: int = 0
    tx_errors: int = 0
    rx_errors: int = 0

    @classmethod
    def of(cls, node: Node) -> NodeReport:
        """Return the part of *node*."""
        return cls(
            node.name,
            node.sent,
            node.taken // wire.RECORD_SIZE,
            node.notices,
            node.lost,
            -(-node.queued // wire.RECORD_SIZE),  # a frame that is half sent is not delivered
            node.unsent + len(node.mailbox),
            node.tx_errors,
            node.rx_errors,
        )
