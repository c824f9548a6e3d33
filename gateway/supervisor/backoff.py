"""When a process that crashed is started again: pure arithmetic, no clock and no processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How patiently a process is restarted.

    Attributes:
        first_delay_s: Seconds before the first restart.
        max_delay_s: The longest wait; each crash in a row doubles the one before.
        max_crashes: So many crashes in a row are a crash loop: the process is given up.
        healthy_after_s: A crash after so many seconds of running is the first of a new row. A
            process that can run for a while is worth restarting for ever; one that dies while
            it starts will not mend itself.
    """

    first_delay_s: float = 0.1
    max_delay_s: float = 5.0
    max_crashes: int = 6
    healthy_after_s: float = 2.0

    def crashes_in_a_row(self, before: int, ran_s: float) -> int:
        """Return the length of the row after one more crash.

        Args:
            before: Its length so far.
            ran_s: How long the process had run when it crashed, in seconds.
        """
        return 1 if ran_s >= self.healthy_after_s else before + 1

    def gives_up(self, crashes: int) -> bool:
        """Tell whether *crashes* in a row are a crash loop."""
        return crashes >= self.max_crashes

    def delay_s(self, crashes: int, jitter: Callable[[], float]) -> float:
        """Return the wait before restart number *crashes* (1, 2, ...) of a row, in seconds.

        Args:
            crashes: Crashes in a row so far, at least 1.
            jitter: Returns a number in [0, 1); decorrelates processes that died together.
        """
        doubled: float = self.first_delay_s * 2.0 ** (crashes - 1)
        return min(self.max_delay_s, doubled) * (1 - 0.5 * jitter())
