"""What a reader is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Batch:
    """Consecutive records of one lane, those of other members of a partition left out.

    Attributes:
        records: One or more records, in the order in which they were put; a copy, read-only.
        lane: The lane they come from.
        start: Position in the lane of the first record looked at.
        end: Position after the last one looked at.
        lost: Records directly before *start* that this reader was not given.
        kept: Which of the records from *start* to *end* are in *records*, counted from 0;
            None: all.
    """

    records: NDArray[np.void]
    lane: int
    start: int
    end: int
    lost: int = 0
    kept: NDArray[np.intp] | None = None

    @property
    def positions(self) -> NDArray[np.uint64]:
        """The position in the lane of each of the *records*."""
        if self.kept is None:
            return np.arange(self.start, self.end, dtype=np.uint64)
        return self.kept.astype(np.uint64) + np.uint64(self.start)

    def __len__(self) -> int:
        return len(self.records)
