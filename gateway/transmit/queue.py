"""What is to be sent, in its order, and what becomes of it: sent, expired or refused.

No I/O and no clock. A frame that was handed over is *in flight* until the bus has confirmed it;
meanwhile no other is handed over. Whatever lies in a controller's queue cannot be called back, so
this is what keeps an outage from ending in a burst: one frame at most is out of our hands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gateway.clock import NS_PER_S
from gateway.config.model import TransmitConfig
from gateway.record import Frames
from gateway.transmit.bucket import TokenBucket

CAPACITY = 256
"""Commands that may wait. More than that means that something asks in a loop."""


class Outcome(StrEnum):
    """What became of a command."""

    SENT = "sent"
    EXPIRED = "expired"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """Something to be sent, now.

    Attributes:
        transmit: The name of what is sent.
        cause: Who wants it, for people.
        deadline_ns: CLOCK_MONOTONIC from which on it is not sent any more.
        frame: One frame; None where the values made none.
        ticket: Tells who is to be answered; None where nobody waits for an answer.
    """

    transmit: str
    cause: str
    deadline_ns: int
    frame: Frames | None
    ticket: int | None = None


class Settled(NamedTuple):
    """A command that is done with.

    Attributes:
        command: What it was.
        outcome: What became of it.
        reason: Why it was not sent, else "".
    """

    command: Command
    outcome: Outcome
    reason: str


class TransmitQueue:
    """The commands for one bus.

    ``requested == sent + expired + refused + len(queue)`` at any moment.

    Args:
        armed: What may be sent.

    Attributes:
        requested: Commands asked for.
        sent: Those that are on the bus.
        expired: Those that could not be sent in time.
        refused: Those that were not even tried.
        late: Of the expired ones, those that the bus took after all.
    """

    def __init__(self, armed: Collection[TransmitConfig]) -> None:
        self.requested = self.sent = self.expired = self.refused = self.late = 0
        self._buckets = {each.name: TokenBucket(each.rate, each.burst) for each in armed}
        self._rates = {each.name: each.rate for each in armed}
        self._waiting: deque[Command] = deque()
        self._in_flight: Command | None = None
        self._in_flight_since_ns = 0
        self._given_up = False
        self._settled: list[Settled] = []

    def __len__(self) -> int:
        """Return how many commands wait, the one in flight among them."""
        return len(self._waiting) + (self._in_flight is not None and not self._given_up)

    def ask(self, command: Command, now_ns: int) -> None:
        """Take in *command*, which is put off, refused, or found to have expired."""
        self.requested += 1
        if now_ns >= command.deadline_ns:
            self._settle(command, Outcome.EXPIRED, "it came too late")
        elif len(self._waiting) >= CAPACITY:
            self._settle(command, Outcome.REFUSED, f"{CAPACITY} commands are waiting already")
        elif wait_ns := self._buckets[command.transmit].take(now_ns):
            rate, wait_s = self._rates[command.transmit], wait_ns / NS_PER_S
            reason = f"more often than {rate:g} a second; possible again in {wait_s:.2g} s"
            self._settle(command, Outcome.REFUSED, reason)
        else:
            self._waiting.append(command)

    def refuse(self, command: Command, reason: str) -> None:
        """Take in *command* and refuse it."""
        self.requested += 1
        self._settle(command, Outcome.REFUSED, reason)

    def refuse_waiting(self, reason: str) -> None:
        """Refuse all that still wait; the one in flight counts as expired."""
        self.link_lost(reason)
        while self._waiting:
            self._settle(self._waiting.popleft(), Outcome.REFUSED, reason)

    def expire(self, now_ns: int, why: str) -> None:
        """Drop what has waited for too long, because of *why*."""
        if any(now_ns >= each.deadline_ns for each in self._waiting):
            everything, self._waiting = self._waiting, deque()
            for each in everything:
                if now_ns < each.deadline_ns:
                    self._waiting.append(each)
                else:
                    self._settle(each, Outcome.EXPIRED, why)
        flying = self._in_flight
        if flying is not None and not self._given_up and now_ns >= flying.deadline_ns:
            self._given_up = True
            self._settle(flying, Outcome.EXPIRED, "the bus did not confirm it in time")

    def next(self, now_ns: int) -> Command | None:
        """Return what may be sent now, None while there is nothing or a frame is in flight."""
        if self._in_flight is not None or not self._waiting:
            return None
        first = self._waiting[0]
        return first if now_ns < first.deadline_ns else None

    def handed_over(self, now_ns: int) -> None:
        """Say that the frame of what `next` returned is out of our hands."""
        self._in_flight = self._waiting.popleft()
        self._in_flight_since_ns = now_ns
        self._given_up = False

    def confirmed(self) -> None:
        """Say that the frame in flight was seen on the bus; without one it does nothing."""
        flying, self._in_flight = self._in_flight, None
        if flying is not None and self._given_up:
            self.late += 1
        elif flying is not None:
            self._settle(flying, Outcome.SENT, "")

    def link_lost(self, why: str = "the link was lost before the bus confirmed it") -> None:
        """Say that the frame in flight will not be confirmed any more."""
        flying, self._in_flight = self._in_flight, None
        if flying is not None and not self._given_up:
            self._settle(flying, Outcome.EXPIRED, why)

    def in_flight_ns(self, now_ns: int) -> int:
        """Return for how long a frame has been in flight, 0 if none is."""
        return 0 if self._in_flight is None else now_ns - self._in_flight_since_ns

    def next_deadline_ns(self) -> int | None:
        """Return when `expire` will have something to do, None for never."""
        deadlines = [each.deadline_ns for each in self._waiting]
        if self._in_flight is not None and not self._given_up:
            deadlines.append(self._in_flight.deadline_ns)
        return min(deadlines, default=None)

    def take_settled(self) -> list[Settled]:
        """Return what was done with since the last call."""
        settled, self._settled = self._settled, []
        return settled

    def _settle(self, command: Command, outcome: Outcome, reason: str) -> None:
        match outcome:
            case Outcome.SENT:
                self.sent += 1
            case Outcome.EXPIRED:
                self.expired += 1
            case Outcome.REFUSED:
                self.refused += 1
        self._settled.append(Settled(command, outcome, reason))
