"""A transmission that is worked out before it is over: who sends, how long, with what success."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from firmware_sim.bit_timing import (
    ERROR_DELIMITER,
    ERROR_FLAG,
    INTERMISSION,
    TAIL,
    BitRates,
    FrameBits,
)
from firmware_sim.node import Node


class Outcome(Enum):
    """What becomes of a transmission."""

    SENT = auto()
    UNACKNOWLEDGED = auto()
    CORRUPTED = auto()
    SHORTED = auto()


@dataclass(frozen=True, slots=True)
class Attempt:
    """See the module.

    Attributes:
        outcome: What becomes of it.
        senders: Who sends; more than one only on a shorted line, where nobody hears the others.
        start_ns: Its first bit.
        end_ns: The end of its last bit, or of the error frame that follows on it.
        free_ns: When the next may start.
    """

    outcome: Outcome
    senders: Sequence[Node]
    start_ns: int
    end_ns: int
    free_ns: int

    @classmethod
    def succeeding(cls, sender: Node, start_ns: int, bits: FrameBits, rates: BitRates) -> Attempt:
        """Return the one that sends a frame of *bits* as it is."""
        end_ns = start_ns + rates.frame_ns(bits)
        free_ns = start_ns + rates.frame_ns(bits, TAIL + INTERMISSION)
        return cls(Outcome.SENT, [sender], start_ns, end_ns, free_ns)

    @classmethod
    def failing(
        cls,
        outcome: Outcome,
        senders: Sequence[Node],
        start_ns: int,
        seen_ns: int,
        echo: int,
        rates: BitRates,
    ) -> Attempt:
        """Return one that ends in an error frame.

        Args:
            outcome: Why.
            senders: See the class.
            start_ns: See the class.
            seen_ns: How long it takes until a sender sees that it fails.
            echo: Bits by which others that answer the error flag lengthen it.
            rates: The line's bit rates.
        """
        flag = ERROR_FLAG + echo + ERROR_DELIMITER
        end_ns = start_ns + seen_ns + rates.ns(flag)
        free_ns = start_ns + seen_ns + rates.ns(flag + INTERMISSION)
        return cls(outcome, senders, start_ns, end_ns, free_ns)
