"""When a loose contact is open."""

from __future__ import annotations

import random


class Windows:
    """Once in every period, anywhere in it, for a share of it.

    Args:
        period_ns: The period.
        share: Of it, 0 to 1.
        rng: Where in each period.
    """

    def __init__(self, period_ns: int, share: float, rng: random.Random) -> None:
        self._period_ns = max(period_ns, 1)
        self._open_ns = round(self._period_ns * share)
        self._random = rng
        self._number = -1
        self._from_ns = 0

    def open_at(self, now_ns: int) -> bool:
        """Return whether it is open at *now_ns*, which never goes back."""
        number, place_ns = divmod(now_ns, self._period_ns)
        if number != self._number:
            self._number = number
            self._from_ns = round(self._random.random() * (self._period_ns - self._open_ns))
        return self._from_ns <= place_ns < self._from_ns + self._open_ns
