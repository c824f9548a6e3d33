"""Wall-clock time for stamps of the monotonic clock."""

from __future__ import annotations

import time

_STEP_NS = 1_000_000
"""The wall clock is taken to have been set when it moved this far against the monotonic one."""


class WallClock:
    """Says what time it was at a moment of CLOCK_MONOTONIC.

    The distance of the two clocks is held still between steps of the wall clock: taken anew for
    each frame, the jitter between the two readings would put frames out of order.
    """

    def __init__(self) -> None:
        self._offset_ns = 0

    def ns(self, t_ns: int) -> int:
        """Return *t_ns*, CLOCK_MONOTONIC, as nanoseconds since 1970."""
        offset_ns = time.time_ns() - time.monotonic_ns()
        if abs(offset_ns - self._offset_ns) > _STEP_NS:
            self._offset_ns = offset_ns
        return t_ns + self._offset_ns
