"""The wire of a bus with a bit rate: who sends when, for how long, and with what success.

It works in event time. Each frame in a node's mailbox has the moment at which it was offered; the
line finds when the bus is next free, which of the frames offered by then wins, and when that one
ends. Nothing is decided before it has ended: so a process that is late comes to the same order and
the same stamps, and a frame that is offered in time takes part however late it is told.

The model is one of whole frames: what happens within one is computed, not played. See
docs/virtual-bus.md for what that leaves out.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from firmware_sim import arbitration, error_frames, wire
from firmware_sim.bit_timing import (
    ECHO_FLAG,
    ERROR_DELIMITER,
    ERROR_FLAG,
    INTERMISSION,
    RECESSIVE,
    SUSPEND,
    TAIL,
    TO_ACK,
    BitRates,
    FrameBits,
    frame_bits,
)
from firmware_sim.error_counters import ErrorState
from firmware_sim.node import Frame, Node
from firmware_sim.occupancy import Occupancy

RECOVERY = 128
"""How often `RECESSIVE` bits must be seen before a node that was bus-off takes part again."""

HOPELESS_NS = 10_000_000
"""How often to look at a sender that nobody acknowledges: only who joins can change anything."""

Deliver = Callable[[Node, bytes, int], None]

_T_NS = struct.Struct("=q")
_BODY = struct.Struct("=IBBH64s")


class Outcome(Enum):
    """What becomes of a transmission."""

    SENT = auto()
    UNACKNOWLEDGED = auto()
    CORRUPTED = auto()
    SHORTED = auto()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A transmission, worked out but not yet over.

    Attributes:
        outcome: What becomes of it.
        senders: Who sends; more than one only on a shorted line, where nobody hears the others.
        start_ns: Its first bit.
        end_ns: The end of its last bit, or of the error frame that follows on it.
        free_ns: When the next may start.
    """

    outcome: Outcome
    senders: tuple[Node, ...]
    start_ns: int
    end_ns: int
    free_ns: int


@dataclass(slots=True)
class _Corruption:
    probability: float
    count: int | None
    rng: random.Random


@dataclass(slots=True)
class _Recovery:
    from_ns: int
    seen: int = 0


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
        self._nodes = nodes
        self._deliver = deliver
        self._restart_ns = round(restart_ms * 1e6)
        self._acknowledge = acknowledge
        self._seed = seed
        self._free_ns = 0
        self._senders: dict[Node, None] = {}
        self._attempt: Attempt | None = None
        self._corruptions: dict[Node, _Corruption] = {}
        self._recoveries: dict[Node, _Recovery] = {}
        self._told: dict[Node, int] = {}

    @property
    def busy(self) -> bool:
        """Whether frames wait that have not failed yet."""
        return any(not node.mailbox[0].tries for node in self._senders)

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
        self.advance(now_ns)
        self._attempt = None
        if node.mailbox:
            node.mailbox[0].hit = None
        if not probability:
            self._corruptions.pop(node, None)
            return
        before = self._corruptions.get(node)
        rng = before.rng if before else random.Random(f"{self._seed}/{node.name}")  # noqa: S311
        self._corruptions[node] = _Corruption(probability, count, rng)

    def short(self, shorted: bool, now_ns: int) -> None:
        """Short the two wires: nothing gets through, and whoever tries goes bus-off."""
        self.advance(now_ns)
        self._attempt = None
        self.shorted = shorted

    def mute(self, node: Node, muted: bool, now_ns: int) -> None:
        """Keep *node* from acknowledging."""
        self.advance(now_ns)
        self._attempt = None
        node.muted = muted

    def force(self, node: Node, state: ErrorState | None, now_ns: int) -> None:
        """Hold *node* error-passive or bus-off.

        Args:
            node: The node.
            state: `ErrorState.PASSIVE` or `ErrorState.BUS_OFF`; None takes the fault back: the
                counters are 0 again, or recovery from bus-off begins.
            now_ns: See the class.
        """
        self.advance(now_ns)
        self._attempt = None
        node.counters.force(state)
        if node.state is ErrorState.BUS_OFF and state is None:
            self._recoveries[node] = _Recovery(now_ns)
        self._tell(node, now_ns)

    def reset(self, node: Node, now_ns: int) -> None:
        """Reset the controller of *node*: its mailbox is discarded, its counters are 0.

        A frame that it is just sending breaks off, which the others see as an error.
        """
        self.advance(now_ns)
        attempt, self._attempt = self._attempt, None
        if attempt and node in attempt.senders and attempt.start_ns < now_ns:
            self._break_off(node, attempt.start_ns, now_ns)
        self._discard(node)
        self._recoveries.pop(node, None)
        self._restart(node, now_ns)

    def offer(self, node: Node, block: memoryview, now_ns: int) -> None:
        """Put whole, clean records into the mailbox of *node*."""
        if node.state is ErrorState.BUS_OFF:
            node.unsent += len(block) // wire.RECORD_SIZE
            return
        for start in range(0, len(block), wire.RECORD_SIZE):
            body = bytes(block[start + 8 : start + wire.RECORD_SIZE])
            can_id, _, flags, _, _ = _BODY.unpack(body)
            node.mailbox.append(Frame(now_ns, arbitration.key(can_id, flags), body))
        if node.mailbox:
            self._senders[node] = None
            attempt = self._attempt
            if attempt is None or now_ns <= attempt.start_ns:
                self._attempt = None

    def changed(self) -> None:
        """Take note that a node came or went."""
        self._attempt = None

    def advance(self, now_ns: int, blocked: Callable[[], bool] = lambda: False) -> int | None:
        """Complete what ends by *now_ns*; return when to be called again, None for no need.

        Args:
            now_ns: CLOCK_MONOTONIC.
            blocked: Whether to stop before the next frame, for want of room at a node.
        """
        while not blocked():
            attempt = self._attempt
            if attempt is None and self._senders:
                attempt = self._attempt = self._next()
            recovered = self._next_recovery()
            if recovered is not None:
                node, at_ns = recovered
                if at_ns <= now_ns and (attempt is None or at_ns <= attempt.start_ns):
                    del self._recoveries[node]
                    self._restart(node, at_ns)
                    continue
            if attempt is None or attempt.end_ns > now_ns:
                moments = [attempt.end_ns] if attempt else []
                if attempt and self._hopeless(attempt):
                    moments = [max(attempt.end_ns, now_ns + HOPELESS_NS)]
                if recovered is not None:
                    moments.append(recovered[1])
                self.occupancy.pass_to(now_ns)
                return min(moments, default=None)
            self._attempt = None
            self._complete(attempt, now_ns)
        return None

    def _next(self) -> Attempt:
        """Work out the next transmission."""
        ready = {node: max(node.mailbox[0].ready_ns, node.quiet_until_ns) for node in self._senders}
        start_ns = max(self._free_ns, min(ready.values()))
        contenders = [node for node, at_ns in ready.items() if at_ns <= start_ns]
        if self.shorted:
            # The first bit, dominant, is not seen on the line.
            return self._destroyed(Outcome.SHORTED, contenders, start_ns, self.rates.ns(1), 0)
        node = min(contenders, key=_rank) if len(contenders) > 1 else contenders[0]
        frame = node.mailbox[0]
        bits = _bits(frame)
        if (hit := self._hit(node, frame)) < 1.0:
            seen_ns = self.rates.body_ns(bits, 1 + int(hit * bits.body))
            return self._destroyed(Outcome.CORRUPTED, [node], start_ns, seen_ns, self._echo(node))
        if self._acknowledge and not any(
            other.acknowledges and other is not node for other in self._nodes
        ):
            seen_ns = self.rates.frame_ns(bits, TO_ACK)
            echo = self._echo(node) if node.state is ErrorState.ACTIVE else 0
            return self._destroyed(Outcome.UNACKNOWLEDGED, [node], start_ns, seen_ns, echo)
        end_ns = start_ns + self.rates.frame_ns(bits)
        free_ns = start_ns + self.rates.frame_ns(bits, TAIL + INTERMISSION)
        return Attempt(Outcome.SENT, (node,), start_ns, end_ns, free_ns)

    def _destroyed(
        self, outcome: Outcome, senders: Sequence[Node], start_ns: int, seen_ns: int, echo: int
    ) -> Attempt:
        flag = ERROR_FLAG + echo + ERROR_DELIMITER
        end_ns = start_ns + seen_ns + self.rates.ns(flag)
        free_ns = start_ns + seen_ns + self.rates.ns(flag + INTERMISSION)
        return Attempt(outcome, tuple(senders), start_ns, end_ns, free_ns)

    def _echo(self, sender: Node) -> int:
        """Return by how many bits others lengthen an error flag of *sender*."""
        others = (node for node in self._nodes if node is not sender and not node.listen_only)
        return ECHO_FLAG if any(node.state is ErrorState.ACTIVE for node in others) else 0

    def _hit(self, node: Node, frame: Frame) -> float:
        """Return where in its body a bit error hits *frame*, 0 to 1; 1 for not at all."""
        if frame.hit is None:
            corruption = self._corruptions.get(node)
            if corruption is None:
                return 1.0
            # Drawn once for each transmission, so that it depends on nobody else.
            struck = corruption.rng.random() < corruption.probability
            frame.hit = corruption.rng.random() if struck else 1.0
        return frame.hit

    def _hopeless(self, attempt: Attempt) -> bool:
        return (
            attempt.outcome is Outcome.UNACKNOWLEDGED
            and len(self._senders) == 1
            and attempt.senders[0].state is ErrorState.PASSIVE
        )

    def _next_recovery(self) -> tuple[Node, int] | None:
        if not self._recoveries:
            return None
        due = {
            node: max(self._free_ns, recovery.from_ns)
            + self.rates.ns((RECOVERY - recovery.seen) * RECESSIVE)
            for node, recovery in self._recoveries.items()
        }
        return min(due.items(), key=lambda item: item[1])

    def _complete(self, attempt: Attempt, now_ns: int) -> None:
        for recovery in self._recoveries.values():
            if recovery.from_ns < attempt.free_ns:
                quiet = attempt.start_ns - max(self._free_ns, recovery.from_ns)
                # Each frame ends in eleven recessive bits, too; the last one wanted ends later.
                seen = recovery.seen + max(0, quiet) // self.rates.ns(RECESSIVE) + 1
                recovery.seen = min(seen, RECOVERY)
        self._free_ns = attempt.free_ns
        self.occupancy.add(attempt.start_ns, attempt.free_ns)
        match attempt.outcome:
            case Outcome.SENT:
                self._carry(attempt.senders[0], attempt.end_ns)
            case Outcome.UNACKNOWLEDGED:
                self._miss(attempt, now_ns)
            case Outcome.CORRUPTED:
                self._corrupted(attempt.senders[0], attempt.end_ns)
            case Outcome.SHORTED:
                for node in attempt.senders:
                    self._fail(node, attempt.end_ns, wire.ERR_AT_SOF)
        for node in attempt.senders:
            if node.state is ErrorState.PASSIVE:
                node.quiet_until_ns = self._free_ns + self.rates.ns(SUSPEND)

    def _carry(self, sender: Node, end_ns: int) -> None:
        frame = sender.mailbox.popleft()
        if not sender.mailbox:
            del self._senders[sender]
        sender.sent += 1
        self.frames += 1
        if sender.tec:
            sender.counters.sent()
            self._tell(sender, end_ns)
        record = _T_NS.pack(end_ns) + frame.body
        for node in self._nodes:
            if node is sender:
                if node.own_frames:
                    self._deliver(node, _echoed(record), end_ns)
                continue
            if node.state is ErrorState.BUS_OFF:
                continue
            if node.rec and not node.listen_only:
                node.counters.received()
                self._tell(node, end_ns)
            if node.receives:
                self._deliver(node, record, end_ns)

    def _miss(self, attempt: Attempt, now_ns: int) -> None:
        """Count a transmission that nobody acknowledged; all that will fail alike, at once."""
        sender = attempt.senders[0]
        frame = sender.mailbox[0]
        if self._hopeless(attempt) and frame.tries and not self._recoveries:
            period = attempt.free_ns + self.rates.ns(SUSPEND) - attempt.start_ns
            more = (now_ns - attempt.end_ns) // period
            sender.tx_errors += more
            self.errors += more
            frame.tries += more
            self._free_ns += more * period
            self.occupancy.busy_ns += more * (attempt.free_ns - attempt.start_ns)
        was_active = sender.state is ErrorState.ACTIVE
        self.errors += 1
        sender.tx_errors += 1
        frame.tries += 1
        sender.counters.missed_acknowledgement()
        # A driver that told of each would drown its readers: a frame is told of once.
        if frame.tries == 1:
            self._report(sender, error_frames.not_acknowledged(sender.counters, attempt.end_ns))
        self._tell(sender, attempt.end_ns)
        if was_active:
            # Its error flag begins in the ACK delimiter, which must be recessive.
            where = wire.ERR_AT_ACK_DELIMITER
            self._seen(sender, attempt.end_ns, wire.ERR_FORM, where, told=frame.tries == 1)
        if sender.left:
            self._discard(sender)

    def _corrupted(self, sender: Node, end_ns: int) -> None:
        corruption = self._corruptions.get(sender)
        if corruption is not None and corruption.count is not None:
            corruption.count -= 1
            if corruption.count <= 0:
                del self._corruptions[sender]
        self._fail(sender, end_ns, wire.ERR_AT_DATA)
        self._seen(sender, end_ns, wire.ERR_STUFF, wire.ERR_AT_DATA)

    def _fail(self, sender: Node, end_ns: int, where: int) -> None:
        """Count a bit error that *sender* saw in its own frame."""
        frame = sender.mailbox[0]
        frame.tries += 1
        frame.hit = None
        self.errors += 1
        sender.tx_errors += 1
        sender.counters.failed_to_send()
        what = wire.ERR_BIT | wire.ERR_TX
        self._report(sender, error_frames.bus_error(sender.counters, end_ns, what, where))
        self._tell(sender, end_ns)

    def _seen(self, sender: Node, end_ns: int, what: int, where: int, *, told: bool = True) -> None:
        """Count an error that all others saw in a frame of *sender*."""
        for node in self._nodes:
            if node is sender or node.state is ErrorState.BUS_OFF:
                continue
            node.rx_errors += 1
            if not node.listen_only:
                node.counters.failed_to_receive()
            if told:
                self._report(node, error_frames.bus_error(node.counters, end_ns, what, where))
            self._tell(node, end_ns)

    def _break_off(self, sender: Node, start_ns: int, now_ns: int) -> None:
        # Six recessive bits, and the others raise their error flags.
        end_ns = now_ns + self.rates.ns(ECHO_FLAG + ERROR_FLAG + ERROR_DELIMITER)
        self._free_ns = end_ns + self.rates.ns(INTERMISSION)
        self.occupancy.add(start_ns, self._free_ns)
        self.errors += 1
        sender.tx_errors += 1
        self._seen(sender, end_ns, wire.ERR_STUFF, wire.ERR_AT_DATA)

    def _tell(self, node: Node, now_ns: int) -> None:
        """Tell *node* of the state it has come to, if it has changed; act on bus-off."""
        level = error_frames.level(node.counters)
        if level == self._told.get(node, error_frames.ERROR_ACTIVE):
            return
        self._told[node] = level
        self._report(node, error_frames.state_changed(node.counters, now_ns))
        if level == error_frames.BUS_OFF:
            self._discard(node)
            if self._restart_ns and node.counters.forced is None:
                self._recoveries[node] = _Recovery(now_ns + self._restart_ns)

    def _restart(self, node: Node, now_ns: int) -> None:
        was_off = node.state is ErrorState.BUS_OFF
        node.counters.reset()
        node.counters.force(node.counters.forced)
        node.quiet_until_ns = 0
        if was_off and node.state is not ErrorState.BUS_OFF:
            self._told[node] = error_frames.ERROR_ACTIVE
            self._report(node, error_frames.restarted(node.counters, now_ns))
        self._tell(node, now_ns)

    def _discard(self, node: Node) -> None:
        node.unsent += len(node.mailbox)
        node.mailbox.clear()
        self._senders.pop(node, None)

    def _report(self, node: Node, record: bytes) -> None:
        if node.receives and not node.left:
            self._deliver(node, record, _T_NS.unpack_from(record)[0])


def _rank(node: Node) -> tuple[int, int]:
    return node.mailbox[0].key, node.number


def _bits(frame: Frame) -> FrameBits:
    can_id, length, flags, _, data = _BODY.unpack(frame.body)
    if can_id & wire.ERROR:
        # An error flag that a node raises by itself, answered by the others.
        return FrameBits(ERROR_FLAG + ECHO_FLAG + ERROR_DELIMITER - TAIL, 0, False)
    return frame_bits(can_id, length, flags, data)


def _echoed(record: bytes) -> bytes:
    return record[:13] + bytes((record[13] | wire.ECHO,)) + record[14:]
