"""Which rules a sample concerns, looked up for a whole batch at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.record import look_up

Indices = NDArray[np.intp]


class Routes:
    """A map from a key (a signal's number, a source's) to any number of rules.

    Args:
        keys: A key for each rule.
        slots: The rules, by their number in the engine; as many as *keys*.
    """

    def __init__(self, keys: Sequence[int], slots: Sequence[int]) -> None:
        # One key more than there are, with no rule: whatever is greater is looked up there.
        self._beyond = max(keys, default=-1) + 1
        self._count = np.bincount(np.array(keys, np.intp), minlength=self._beyond + 1)
        self._start = np.cumsum(self._count) - self._count
        self._slots = np.array(slots, np.intp)[np.argsort(np.array(keys, np.intp), kind="stable")]
        # Where no key has several rules, as is most common, one look-up finds the rule, or -1.
        self._only: Indices | None = None
        if (self._count <= 1).all():
            self._only = np.full(self._beyond + 1, -1, np.intp)
            self._only[np.array(keys, np.intp)] = slots

    def pairs(self, keys: NDArray[np.unsignedinteger]) -> tuple[Indices, Indices]:
        """Return every pair of a row of *keys* and a rule of that key: rows, then slots.

        In the order of the rows, and for one row in the order in which the rules were given.
        """
        if self._only is not None:
            slots = look_up(self._only, keys)
            rows = (slots >= 0).nonzero()[0]
            return rows, slots if len(rows) == len(slots) else slots.take(rows)
        known = np.minimum(keys, self._beyond)
        count = self._count[known]
        rows = count.nonzero()[0]
        count = count[rows]
        first = self._start[known[rows]] - (np.cumsum(count) - count)
        return np.repeat(rows, count), self._slots[
            np.repeat(first, count) + np.arange(int(count.sum()))
        ]
