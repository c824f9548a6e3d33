"""How much is left of a time limit."""

from __future__ import annotations

import time


class Deadline:
    """A point on the monotonic clock, or never.

    Args:
        timeout_ns: Nanoseconds from now; None: never.
    """

    def __init__(self, timeout_ns: int | None) -> None:
        self._at = None if timeout_ns is None else time.monotonic_ns() + timeout_ns

    def left_ns(self) -> int | None:
        """Nanoseconds until it, 0 when it has passed, None for never."""
        return None if self._at is None else max(self._at - time.monotonic_ns(), 0)
