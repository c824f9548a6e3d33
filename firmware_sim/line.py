"""The wire of a bus with a bit rate: who sends when, for how long, and with what success.

It works in event time. Each frame in a node's mailbox has the moment at which it was offered; the
line finds when the bus is next free, which of the frames offered by then wins, and when that one
ends. Nothing is decided before it has ended: so a process that is late comes to the same order and
the same stamps, and a frame that was offered in time takes part however late the line is told.

The model is one of whole frames: what happens within one is computed, not played. See
docs/virtual-bus.md for what that leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from firmware_sim import wire
from firmware_sim.attempt import Attempt, Outcome
from firmware_sim.bit_timing import (
    ECHO_FLAG,
    ERROR_DELIMITER,
    ERROR_FLAG,
    INTERMISSION,
    SUSPEND,
    TO_ACK,
    BitRates,
)
from firmware_sim.confinement import Confinement, Deliver
from firmware_sim.corruption import Corruptions
from firmware_sim.error_counters import PASSIVE_LIMIT, ErrorState
from firmware_sim.frame import Frame
from firmware_sim.node import Node
from firmware_sim.occupancy import Occupancy
from firmware_sim.recovery import Recoveries

HOPELESS_NS = 10_000_000
"""How often to look at a sender that nobody acknowledges: only who joins can change anything."""


class Line:
    """See the module. Nodes are put on it and taken off by `bus.Bus`.

    The methods from `corrupt` to `reset` are the faults of the physical layer: each takes effect at
    *now_ns* (CLOCK_MONOTONIC), also on the frame that is on the wire then, and lasts until it is
    taken back.

    Args:
        nodes: Who is on the bus; the bus's own list.
        deliver: Gives a record to a node.
        rates: The bit rates.
        restart_ms: How long after bus-off a node begins to recover; 0 for never by itself.
        acknowledge: Whether a frame needs another node's acknowledgement.
        seed: Of what faults hit.

    Attributes:
        frames: Frames that crossed.
        errors: Transmissions that failed.
        occupancy: How busy it is, interframe space included.
        shorted: Whether nothing gets through.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        deliver: Deliver,
        rates: BitRates,
        *,
        restart_ms: float,
        acknowledge: bool,
        seed: int | str,
    ) -> None:
        self.rates = rates
        self.frames = 0
        self.errors = 0
        self.occupancy = Occupancy()
        self.shorted = False
        self._restart_ns = round(restart_ms * 1e6)
        self._acknowledge = acknowledge
        self._nodes = Confinement(nodes, deliver, self._switch_off)
        self._recoveries = Recoveries(rates)
        self._corruptions = Corruptions(seed)
        self._senders: dict[Node, None] = {}
        self._free_ns = 0
        self._attempt: Attempt | None = None

    @property
    def busy(self) -> bool:
        """Whether frames wait that have not failed yet."""
        return any(not node.stuck for node in self._senders)

    def clear_ns(self, now_ns: int) -> int:
        """Return when what is on the wire at *now_ns* has ended; *now_ns* where nothing is."""
        attempt = self._attempt
        return max(now_ns, attempt.end_ns) if attempt and attempt.start_ns <= now_ns else now_ns

    def corrupt(
        self, node: Node, probability: float, now_ns: int, *, count: int | None = None
    ) -> None:
        """Have bit errors destroy transmissions of *node*: error frame, counters, and once more.

        Args:
            node: The sender.
            probability: Of each transmission, 0 to 1; 0 takes the fault back.
            now_ns: See the class.
            count: After so many it is over; None for never.
        """
        self._come_to(now_ns)
        self._corruptions.set(node, probability, count)

    def short(self, shorted: bool, now_ns: int) -> None:
        """Short the two wires: nothing gets through, and whoever tries goes bus-off."""
        self._come_to(now_ns)
        self.shorted = shorted

    def mute(self, node: Node, muted: bool, now_ns: int) -> None:
        """Keep *node* from acknowledging."""
        self._come_to(now_ns)
        node.muted = muted
        self.changed()

    def force(self, node: Node, state: ErrorState | None, now_ns: int) -> None:
        """Hold *node* error-passive or bus-off.

        Args:
            node: The node.
            state: `ErrorState.PASSIVE` or `ErrorState.BUS_OFF`; None takes the fault back: the
                counters are 0 again, or recovery from bus-off begins.
            now_ns: See the class.
        """
        self._come_to(now_ns)
        node.counters.force(state)
        if node.state is ErrorState.BUS_OFF and state is None:
            self._recoveries.begin(node, now_ns)
        elif state is ErrorState.BUS_OFF:
            self._recoveries.end(node)
        self._nodes.tell(node, now_ns)
        self.changed()

    def reset(self, node: Node, now_ns: int) -> None:
        """Reset the controller of *node*: its mailbox is discarded, its counters are 0.

        A frame that it is just sending breaks off, which the others see as an error.
        """
        attempt = self._come_to(now_ns)
        if attempt and node in attempt.senders and attempt.start_ns < now_ns:
            # Six recessive bits, and the others raise their error flags.
            end_ns = now_ns + self.rates.ns(ECHO_FLAG + ERROR_FLAG + ERROR_DELIMITER)
            self._occupy(attempt.start_ns, end_ns + self.rates.ns(INTERMISSION))
            self.errors += 1
            node.tx_errors += 1
            self._nodes.see(node, end_ns, wire.ERR_STUFF, wire.ERR_AT_DATA)
        self._discard(node)
        self._recoveries.end(node)
        node.quiet_until_ns = 0
        self._nodes.restart(node, now_ns)

    def changed(self) -> None:
        """Take note that a node came, went, or was changed."""
        self._attempt = None
        self._nodes.changed()

    def offer(self, node: Node, block: memoryview, now_ns: int) -> None:
        """Put whole, clean records into the mailbox of *node*."""
        if node.state is ErrorState.BUS_OFF:
            node.unsent += len(block) // wire.RECORD_SIZE
            return
        for start in range(0, len(block), wire.RECORD_SIZE):
            node.mailbox.append(Frame(block[start : start + wire.RECORD_SIZE], now_ns))
        if node.mailbox:
            self._senders[node] = None
            if self._attempt and now_ns <= self._attempt.start_ns:
                self._attempt = None

    def advance(self, now_ns: int, blocked: Callable[[], bool] = lambda: False) -> int | None:
        """Complete what ends by *now_ns*; return when to be called again, None for no need.

        Args:
            now_ns: CLOCK_MONOTONIC.
            blocked: Whether to stop before the next frame, for want of room at a node.
        """
        while not blocked():
            if self._attempt is None and self._senders:
                self._attempt = self._next()
            attempt = self._attempt
            recovered = self._recoveries.next(self._free_ns) if self._recoveries else None
            if recovered and recovered[1] <= min(now_ns, attempt.start_ns if attempt else now_ns):
                node, at_ns = recovered
                self._recoveries.end(node)
                node.quiet_until_ns = 0
                self._nodes.restart(node, at_ns)
                self._attempt = None
            elif attempt and attempt.end_ns <= now_ns:
                self._attempt = None
                self._complete(attempt, now_ns)
            else:
                self.occupancy.pass_to(now_ns)
                moments = [recovered[1]] if recovered else []
                if attempt:
                    wait_ns = HOPELESS_NS if self._hopeless(attempt) else 0
                    moments.append(max(attempt.end_ns, now_ns + wait_ns))
                return min(moments, default=None)
        return None

    def _come_to(self, now_ns: int) -> Attempt | None:
        """Advance, so that what changes then does not change what was; return what is sent."""
        self.advance(now_ns)
        attempt, self._attempt = self._attempt, None
        return attempt

    def _next(self) -> Attempt:
        """Work out the next transmission."""
        start_ns = self._free_ns
        node = self._winner(start_ns)
        if node is None:
            start_ns = min(map(_ready_ns, self._senders))
            node = self._winner(start_ns)
        assert node is not None  # noqa: S101 - somebody is ready at the first moment of all
        if self.shorted:
            # The first bit, dominant, is not seen on the line.
            senders = [each for each in self._senders if _ready_ns(each) <= start_ns]
            first_ns = self.rates.ns(1)
            return Attempt.failing(Outcome.SHORTED, senders, start_ns, first_ns, 0, self.rates)
        frame = node.mailbox[0]
        bits = frame.bits()
        if (hit := self._corruptions.place(node, frame)) < 1.0:
            seen_ns = self.rates.body_ns(bits, 1 + int(hit * bits.body))
            echo = ECHO_FLAG if self._nodes.answered(node) else 0
            return Attempt.failing(Outcome.CORRUPTED, [node], start_ns, seen_ns, echo, self.rates)
        if self._acknowledge and not self._nodes.acknowledged(node):
            seen_ns = self.rates.frame_ns(bits, TO_ACK)
            active = node.state is ErrorState.ACTIVE
            echo = ECHO_FLAG if active and self._nodes.answered(node) else 0
            return Attempt.failing(
                Outcome.UNACKNOWLEDGED, [node], start_ns, seen_ns, echo, self.rates
            )
        return Attempt.succeeding(node, start_ns, bits, self.rates)

    def _winner(self, now_ns: int) -> Node | None:
        """Return who of those that are ready wins the arbitration."""
        # Written out: it is the greater part of the work where many nodes wait.
        winner, lowest = None, 0
        for node in self._senders:
            frame = node.mailbox[0]
            if frame.ready_ns <= now_ns and node.quiet_until_ns <= now_ns:
                key = frame.key
                if (
                    winner is None
                    or key < lowest
                    or (key == lowest and node.number < winner.number)
                ):
                    winner, lowest = node, key
        return winner

    def _hopeless(self, attempt: Attempt) -> bool:
        return (
            attempt.outcome is Outcome.UNACKNOWLEDGED
            and len(self._senders) == 1
            and attempt.senders[0].state is ErrorState.PASSIVE
        )

    def _complete(self, attempt: Attempt, now_ns: int) -> None:
        self._occupy(attempt.start_ns, attempt.free_ns)
        node = attempt.senders[0]
        match attempt.outcome:
            case Outcome.SENT:
                self.frames += 1
                frame = node.mailbox.popleft()
                if not node.mailbox:
                    del self._senders[node]
                self._nodes.carry(node, frame.body, attempt.end_ns)
            case Outcome.UNACKNOWLEDGED:
                self._miss(node, attempt, now_ns)
            case Outcome.CORRUPTED:
                self._corruptions.struck(node)
                self._fail(node, attempt.end_ns, wire.ERR_AT_DATA)
                self._nodes.see(node, attempt.end_ns, wire.ERR_STUFF, wire.ERR_AT_DATA)
            case Outcome.SHORTED:
                for sender in attempt.senders:
                    self._fail(sender, attempt.end_ns, wire.ERR_AT_SOF)
        for node in attempt.senders:
            if node.tec >= PASSIVE_LIMIT or node.rec >= PASSIVE_LIMIT:
                node.quiet_until_ns = self._free_ns + self.rates.ns(SUSPEND)

    def _occupy(self, start_ns: int, free_ns: int) -> None:
        self._recoveries.pass_frame(self._free_ns, start_ns, free_ns)
        self._free_ns = free_ns
        self.occupancy.add(start_ns, free_ns)

    def _miss(self, sender: Node, attempt: Attempt, now_ns: int) -> None:
        frame = sender.mailbox[0]
        if self._hopeless(attempt) and frame.tries and not self._recoveries:
            # All that will fail alike by now, at once.
            period = attempt.free_ns + self.rates.ns(SUSPEND) - attempt.start_ns
            more = (now_ns - attempt.end_ns) // period
            sender.tx_errors += more
            self.errors += more
            self._free_ns += more * period
            self.occupancy.add(attempt.free_ns, self._free_ns)
        self.errors += 1
        frame.tries += 1
        self._nodes.miss(sender, attempt.end_ns, first=frame.tries == 1)
        if sender.left:
            self._discard(sender)

    def _fail(self, sender: Node, end_ns: int, where: int) -> None:
        frame = sender.mailbox[0]
        frame.tries += 1
        frame.hit = None
        self.errors += 1
        self._nodes.fail(sender, end_ns, where)

    def _switch_off(self, node: Node, now_ns: int) -> None:
        self._discard(node)
        self._attempt = None
        if self._restart_ns and node.counters.forced is None:
            self._recoveries.begin(node, now_ns + self._restart_ns)

    def _discard(self, node: Node) -> None:
        node.unsent += len(node.mailbox)
        node.mailbox.clear()
        self._senders.pop(node, None)


def _ready_ns(node: Node) -> int:
    return max(node.mailbox[0].ready_ns, node.quiet_until_ns)
