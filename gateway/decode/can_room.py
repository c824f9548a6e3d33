"""Where the samples of a batch are written."""

from __future__ import annotations

import sys

import numpy as np

from gateway.decode.can_words import Ints
from gateway.record import SAMPLE

SAMPLE_WORDS = np.dtype([("t_ns", np.int64), ("value", np.int64), ("tail", np.int64)])
"""A `SAMPLE` as three words: its time; the bits of its value; and its last four fields, which are
known beforehand but for the quality."""


class Room:
    """Memory for samples, and its columns.

    Made anew for each batch it would be faulted in page by page, and cold, each time. So it is
    used again, unless somebody still holds what was last written there.

    Attributes:
        samples: All of it.
    """

    def __init__(self) -> None:
        self._make(0)

    def _make(self, size: int) -> None:
        self.samples = np.empty(size, SAMPLE)
        words = self.samples.view(SAMPLE_WORDS)
        self._t_ns, self._value, self._tail = words["t_ns"], words["value"], words["tail"]
        del words
        # Every view of it refers to it, as the columns do.
        self._own = sys.getrefcount(self.samples)

    def reserve(self, size: int) -> None:
        """Make room for so many samples."""
        if len(self.samples) < size or sys.getrefcount(self.samples) != self._own:
            self._make(size + size // 4)

    def put(self, begin: int, times: Ints, tails_and_values: Ints) -> None:
        """Write samples, given by their words, from *begin* on; there must be room."""
        where = slice(begin, begin + len(times))
        self._t_ns[where] = times
        self._tail[where] = tails_and_values[0]
        self._value[where] = tails_and_values[1]
