"""Recovery from bus-off, by ISO 11898-1: after 128 times 11 recessive bits a node is back."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_sim.bit_timing import BitRates
from firmware_sim.node import Node

OCCURRENCES = 128
RECESSIVE = 11
"""Bits of one occurrence. An idle bus has one after the other; each frame, and each error frame,
ends in eleven recessive bits: its delimiter and the intermission."""


@dataclass(slots=True)
class _Sequence:
    from_ns: int
    seen: int = 0


class Recoveries:
    """The nodes of a line that are on their way back from bus-off.

    Args:
        rates: The line's bit rates.
    """

    def __init__(self, rates: BitRates) -> None:
        self._rates = rates
        self._sequences: dict[Node, _Sequence] = {}

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._sequences)

    def begin(self, node: Node, from_ns: int) -> None:
        """Have *node* count from *from_ns*, CLOCK_MONOTONIC."""
        self._sequences[node] = _Sequence(from_ns)

    def end(self, node: Node) -> None:
        """Count no more for *node*, which may not have been counting."""
        self._sequences.pop(node, None)

    def next(self, free_ns: int) -> tuple[Node, int] | None:
        """Return who will be back first and when, if the bus stays idle from *free_ns* on."""
        due = [
            (
                max(free_ns, sequence.from_ns)
                + self._rates.ns((OCCURRENCES - sequence.seen) * RECESSIVE),
                node.number,
                node,
            )
            for node, sequence in self._sequences.items()
        ]
        if not due:
            return None
        at_ns, _, node = min(due)
        return node, at_ns

    def pass_frame(self, idle_ns: int, start_ns: int, free_ns: int) -> None:
        """Count what a frame and the time before it have brought.

        Args:
            idle_ns: Since when the bus had been idle.
            start_ns: When the frame began.
            free_ns: When the bus was idle again.
        """
        for sequence in self._sequences.values():
            if sequence.from_ns < free_ns:
                quiet_ns = max(0, start_ns - max(idle_ns, sequence.from_ns))
                seen = sequence.seen + quiet_ns // self._rates.ns(RECESSIVE) + 1
                sequence.seen = min(seen, OCCURRENCES)
