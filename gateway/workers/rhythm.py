"""When the processes of a gateway look for what has come: together."""

from __future__ import annotations

import select
from collections.abc import Sequence

from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.ring import Event

ANALYZERS_AFTER_NS = 3 * NS_PER_MS
"""How long after the producers the analyzers look: what four of them need on two cores to be woken,
to read, to decode and to publish."""


class Rhythm:
    """Moments a period apart, the same in all processes: multiples of the period on their clock.

    Being woken costs a process more than the few frames that it then finds, so while frames flow
    it is woken once a period, however many links and lanes it reads. If each process had moments
    of its own, a frame would wait up to a period for every one on its way. So the producers look
    at the same time, the analyzers a little later, and what all of them found leaves at once.

    Args:
        clock: CLOCK_MONOTONIC, which all processes have in common.
        period_ns: From one moment to the next; 0: no moments, nobody waits.
        after_ns: How long after the multiples of the period the moments are; no more than a
            quarter of the period.

    Attributes:
        period_ns: As given.
    """

    def __init__(self, clock: Clock, period_ns: int, after_ns: int = 0) -> None:
        self._clock = clock
        self.period_ns = period_ns
        self._after_ns = min(after_ns, period_ns // 4)

    def left_ns(self) -> int:
        """Nanoseconds until the next moment."""
        if not self.period_ns:
            return 0
        return self.period_ns - (self._clock.monotonic_ns() - self._after_ns) % self.period_ns

    def wait(self, unless: Sequence[Event] = ()) -> bool:
        """Wait for the next moment; return True at once when one of *unless* is set."""
        # Not poll, which counts whole milliseconds.
        return bool(select.select(unless, [], [], self.left_ns() / NS_PER_S)[0])
