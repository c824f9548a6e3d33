"""How much of its time a bus is busy."""

from __future__ import annotations

WINDOW_NS = 1_000_000_000


class Occupancy:
    """The share of the last whole second that was busy; of the first second, of what has passed.

    Attributes:
        busy_ns: How long the bus has been busy in all.
    """

    def __init__(self) -> None:
        self.busy_ns = 0
        self._start_ns: int | None = None
        self._now_ns = 0
        self._before = 0
        self._last: float | None = None

    @property
    def share(self) -> float:
        """See the class; 0 to 1."""
        if self._last is not None:
            return self._last
        passed = self._now_ns - (self._start_ns or 0)
        return min(1.0, self.busy_ns / passed) if passed else 0.0

    def pass_to(self, now_ns: int) -> None:
        """Let time pass."""
        if self._start_ns is None:
            self._start_ns = self._now_ns = now_ns
        self._now_ns = max(self._now_ns, now_ns)
        windows = (now_ns - self._start_ns) // WINDOW_NS
        if windows > 0:
            busy = self.busy_ns - self._before
            self._last = min(1.0, busy / WINDOW_NS) if windows == 1 else 0.0
            self._before = self.busy_ns
            self._start_ns += windows * WINDOW_NS

    def add(self, start_ns: int, end_ns: int) -> None:
        """Count the bus as busy from *start_ns* to *end_ns*, in the order of time."""
        self.pass_to(start_ns)
        self.busy_ns += end_ns - start_ns
        self._now_ns = max(self._now_ns, end_ns)
