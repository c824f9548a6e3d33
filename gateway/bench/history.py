"""What the bench has seen lately, kept in batches as it came."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gateway.clock import NS_PER_S

KEPT_NS = 300 * NS_PER_S
"""How far back one can ask; what is older is forgotten when there is as much of it again.

A frame takes 80 bytes and each of its samples 24: a bus with 1,000 frames a second of four signals
each comes to 53 MB in this time.
"""


class History:
    """Batches of records with a ``t_ns``, frames or samples, oldest first.

    Attributes:
        forgotten_ns: What bears this time or an earlier one may have been forgotten.
    """

    def __init__(self) -> None:
        self.forgotten_ns = 0
        self._batches: list[NDArray[np.void]] = []
        self._ends_ns: list[int] = []
        self._dropped = 0

    @property
    def end(self) -> int:
        """The number of the next batch."""
        return self._dropped + len(self._batches)

    def append(self, batch: NDArray[np.void]) -> None:
        """Add what has come; forget what is older than `KEPT_NS`."""
        if not len(batch):
            return
        # Never less than before, so that it can be searched though a time line steps back.
        end_ns = max(int(batch["t_ns"].max()), self._ends_ns[-1] if self._ends_ns else 0)
        self._batches.append(batch)
        self._ends_ns.append(end_ns)
        old = bisect_left(self._ends_ns, end_ns - KEPT_NS)
        if old > len(self._batches) // 2:
            self._dropped += old
            self.forgotten_ns = self._ends_ns[old - 1]
            del self._batches[:old], self._ends_ns[:old]

    def batches(self, begin: int) -> Iterator[NDArray[np.void]]:
        """Yield the batches from number *begin* on, as far as they are kept."""
        yield from self._batches[max(0, begin - self._dropped) :]

    def at(self, t_ns: int) -> int:
        """Return the number of the first batch with anything at or after *t_ns*."""
        return self._dropped + bisect_left(self._ends_ns, t_ns)

    def between(self, since_ns: int, until_ns: int) -> Iterator[NDArray[np.void]]:
        """Yield what has times in ``since_ns <= t_ns <= until_ns``, batch by batch."""
        for batch in self.batches(self.at(since_ns)):
            times = batch["t_ns"]
            chosen = batch[(times >= since_ns) & (times <= until_ns)]
            if len(chosen):
                yield chosen

    def clear(self) -> None:
        """Begin anew."""
        self.forgotten_ns = 0
        self._dropped = self.end
        self._batches.clear()
        self._ends_ns.clear()
