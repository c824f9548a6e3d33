"""The arrays in which samples are computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_pieces import SLOTS
from gateway.decode.can_words import Ints
from gateway.record import SAMPLE

_MOST_KEPT = 64
_QUALITY: int = SAMPLE.fields["quality"][1] - SAMPLE.fields["signal"][1]  # type: ignore[index]
"""Which byte of a tail is the quality."""


class Works(dict[int, "Work"]):
    """A `Work` by how many pieces it is for, all in the same memory: use one at a time.

    Args:
        reals: What is known of a slot beforehand and is a double, by name; "scale" among them.
        integers: What else is known of it; "up", "down" and "mask" among them, "tail" last.
        most: How many pieces there can be.
    """

    def __init__(self, reals: Sequence[str], integers: Sequence[str], most: int) -> None:
        super().__init__()
        self._reals, self._integers = reals, integers
        self._words = np.empty((len(reals) + len(integers) + 1) * SLOTS * most, np.int64)
        self._flags = np.empty(2 * SLOTS * most, np.bool_)

    def __missing__(self, pieces: int) -> Work:
        if len(self) == _MOST_KEPT:
            self.clear()
        work = Work(self._words, self._flags, self._reals, self._integers, pieces)
        self[pieces] = work
        return work


class Work:
    """The arrays for a number of pieces, which lie one behind the other.

    Made anew for each block they would be given back to the system and faulted in again, which
    costs more than the arithmetic; and to cut them out each time, as much as six steps of it.

    Attributes:
        known: What is known beforehand, to be filled from a table: by name, piece and slot.
        real: The same by name, flat, a number a slot: what is a double.
        integer: The rest of it.
        steps: "up", "down", "mask" and "scale" of these; there is no quicker way to reach them.
        value: The values, a number a slot.
        result: The tails, and the bits of the values.
        quality: The byte of each tail that is the quality.
        flags: Two arrays of booleans.
        counts: The same memory as bytes.
    """

    def __init__(
        self,
        words: Ints,
        flags: NDArray[np.bool_],
        reals: Sequence[str],
        integers: Sequence[str],
        pieces: int,
    ) -> None:
        names, slots = len(reals) + len(integers), SLOTS * pieces
        self.known = words[: names * slots].reshape(names, pieces, SLOTS)
        rows = words[: (names + 1) * slots].reshape(names + 1, slots)
        self.real = real = dict(zip(reals, rows.view(np.float64), strict=False))
        self.integer = integer = dict(zip(integers, rows[len(reals) :], strict=False))
        self.steps = integer["up"], integer["down"], integer["mask"], real["scale"]
        self.value = rows[-1].view(np.float64)
        self.result = rows[-2:]
        self.quality = rows[-2].view(np.uint8)[_QUALITY :: rows.itemsize]
        self.flags = flags[:slots], flags[slots : 2 * slots]
        self.counts = self.flags[0].view(np.uint8), self.flags[1].view(np.uint8)
