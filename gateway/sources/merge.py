"""Several streams of records on one time line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]
"""A one-dimensional structured array with a field ``t_ns``."""


def merge(streams: Sequence[Iterable[Records]]) -> Iterator[Records]:
    """Yield the records of all *streams* by time, in chunks; memory holds a chunk of each.

    A stream's own order is kept: a record that is older than one before it in its stream counts as
    of that one's time. Of records of the same time, those of an earlier stream come first. How the
    streams are cut into chunks makes no difference to the order.
    """
    heads = [head for head in map(_Head, streams) if head.advance()]
    while len(heads) > 1:
        # What is complete in all streams: all before the horizon, and what is at the horizon in
        # the streams up to the first one that may have more of it in its next chunk.
        horizon = min(head.last_ns for head in heads)
        blocking = next(i for i, head in enumerate(heads) if head.last_ns == horizon)
        parts, times = [], []
        for i, head in enumerate(heads):
            records, t_ns = head.take(horizon, inclusive=i <= blocking)
            parts.append(records)
            times.append(t_ns)
        order = np.argsort(np.concatenate(times), kind="stable")
        yield np.concatenate(parts)[order]
        heads = [head for head in heads if head.advance()]
    for head in heads:
        yield from head.rest()


class _Head:
    """What has been read of one stream and not yet been passed on."""

    def __init__(self, stream: Iterable[Records]) -> None:
        self._chunks = iter(stream)
        self._records: Records | None = None
        self._t_ns = np.empty(0, np.int64)
        self.last_ns = -(1 << 63)

    def advance(self) -> bool:
        """Read the next chunk if there is nothing left of this one; False at the end."""
        while not len(self._t_ns):
            self._records = next(self._chunks, None)
            if self._records is None:
                return False
            # A copy of its own: a field of a large record would be slow to search.
            t_ns = np.maximum(self._records["t_ns"], self.last_ns)
            self._t_ns = np.maximum.accumulate(t_ns)
            if len(t_ns):
                self.last_ns = int(self._t_ns[-1])
        return True

    def take(self, horizon_ns: int, inclusive: bool) -> tuple[Records, NDArray[np.int64]]:
        """Take the records before *horizon_ns*, or also those at it, and their times."""
        assert self._records is not None  # noqa: S101 - advance() has returned True
        end = np.searchsorted(self._t_ns, horizon_ns, side="right" if inclusive else "left")
        taken = self._records[:end], self._t_ns[:end]
        self._records, self._t_ns = self._records[end:], self._t_ns[end:]
        return taken

    def rest(self) -> Iterator[Records]:
        """Yield what is left, as it comes."""
        if self._records is not None:
            yield self._records
        yield from self._chunks
