"""Where ticks stand on a recording's time line.

A tick says "time has come this far", so that a signal's silence can be judged although nothing
arrives. On a recording's time line there is a boundary every `TICK_INTERVAL_NS`, the first one at
the first record's time. Before the first record at or after one or more new boundaries stands one
tick, stamped with the last of them; after the last record stands one with that record's time.
Nothing but the records' times decides this: not how many are read at once, not how fast.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gateway.clock import NS_PER_MS
from gateway.record import SAMPLE, TICK, Origin, Samples

TICK_INTERVAL_NS = 50 * NS_PER_MS


class Ticker:
    """Adds the ticks of one source to the samples of its recording.

    Args:
        source: The source's position in the configuration.
    """

    def __init__(self, source: int) -> None:
        self._source = source
        self._first_ns: int | None = None
        self._latest_ns = 0
        self._boundary = -1

    def weave(self, t_ns: NDArray[np.int64], decode: Callable[[int, int], Samples]) -> Samples:
        """Return the samples of the next records with the ticks among them.

        Args:
            t_ns: The records' times. Where they go back, time stands still.
            decode: Returns the samples of the records numbered from its first argument to before
                its second, in order, each with its record's time. It is called for every record
                once, in order.
        """
        if not len(t_ns):
            return np.empty(0, SAMPLE)
        if self._first_ns is None:
            self._first_ns = self._latest_ns = int(t_ns[0])
        passed = np.maximum.accumulate(np.maximum(t_ns, self._latest_ns))
        self._latest_ns = int(passed[-1])
        boundaries = (passed - self._first_ns) // TICK_INTERVAL_NS
        rows = np.flatnonzero(np.diff(boundaries, prepend=self._boundary))
        self._boundary = int(boundaries[-1])
        if not len(rows):
            return decode(0, len(t_ns))
        ticks = self._ticks(self._first_ns + boundaries[rows] * TICK_INTERVAL_NS)
        if (passed == t_ns).all():
            # The records before a tick are older than it and those after it are not; so are
            # their samples, and one pass decodes them all.
            samples = decode(0, len(t_ns))
            places = np.searchsorted(samples["t_ns"], ticks["t_ns"])
            return np.insert(samples, places, ticks)
        cuts = [0, *rows.tolist(), len(t_ns)]
        parts = [decode(0, cuts[1])]
        for tick, begin, end in zip(range(len(rows)), cuts[1:-1], cuts[2:], strict=True):
            parts += (ticks[tick : tick + 1], decode(begin, end))
        return np.concatenate(parts)

    def end(self) -> Samples:
        """Return the tick after the last record; none if there was no record."""
        if self._first_ns is None:
            return np.empty(0, SAMPLE)
        return self._ticks(np.array([self._latest_ns]))

    def _ticks(self, t_ns: NDArray[np.int64]) -> Samples:
        ticks = np.zeros(len(t_ns), SAMPLE)
        ticks["t_ns"], ticks["signal"], ticks["source"] = t_ns, TICK, self._source
        ticks["origin"] = Origin.RECORDED
        return ticks
