"""From when a test's durations count.

    stimulus    set, release, send, inject, clear, reset, request, mark
    window      never, steady, rate: they last as long as they say

``expect(within=)`` counts from the last stimulus or the end of the last window, whatever came
last: a second expectation after one stimulus is due as soon after it as the first. ``never`` and
``steady`` also begin no earlier than the last fulfilled expectation. Before the first of all
these, everything counts from the call.
"""

from __future__ import annotations


class Timeline:
    """Moments of one test, in nanoseconds of CLOCK_MONOTONIC.

    Attributes:
        begin_ns: When the test began.
        mark_ns: What `expect` counts from; None for the call.
        fulfilled_ns: When the last expectation was fulfilled, 0 for never.
        stimuli: Each stimulus, with what it was.
    """

    def __init__(self, begin_ns: int) -> None:
        self.begin_ns = begin_ns
        self.mark_ns: int | None = None
        self.fulfilled_ns = 0
        self.stimuli: list[tuple[int, str]] = []

    def stimulus(self, t_ns: int, what: str) -> None:
        """Note that the test did *what* at *t_ns*."""
        self.mark_ns = t_ns
        self.stimuli.append((t_ns, what))

    def window(self, end_ns: int) -> None:
        """Note that a window ended."""
        self.mark_ns = end_ns

    def for_expectation(self, now_ns: int) -> int:
        """Return what ``within`` counts from."""
        return now_ns if self.mark_ns is None else self.mark_ns

    def for_window(self, now_ns: int) -> int:
        """Return what ``during`` counts from."""
        return now_ns if self.mark_ns is None else max(self.mark_ns, self.fulfilled_ns)
