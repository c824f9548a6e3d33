"""How often something may happen."""

from __future__ import annotations

from gateway.clock import NS_PER_S


class TokenBucket:
    """Lets *burst* through at once, and *rate* a second in the long run. Knows no clock.

    It is kept as the time at which the bucket will be full again (the generic cell rate
    algorithm, ITU-T I.371): one integer, and no error that adds up.

    Args:
        rate: Tokens a second, more than 0.
        burst: Tokens that it holds, at least 1; it begins full.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._interval_ns = round(NS_PER_S / rate)
        self._slack_ns = (burst - 1) * self._interval_ns
        self._full_at_ns = 0

    def take(self, now_ns: int) -> int:
        """Take a token.

        Args:
            now_ns: CLOCK_MONOTONIC; never less than in an earlier call.

        Returns:
            0 if there was one; else in how many nanoseconds there will be one, and none is taken.
        """
        full_at_ns = max(self._full_at_ns, now_ns)
        wait_ns = full_at_ns - now_ns - self._slack_ns
        if wait_ns > 0:
            return wait_ns
        self._full_at_ns = full_at_ns + self._interval_ns
        return 0
