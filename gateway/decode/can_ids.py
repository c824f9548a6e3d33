"""Which node each frame of a batch has, by its id and channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_words import Ints
from gateway.record import FRAME, Frames

MOST_LEARNED = 1 << 16
"""Ids seen that are remembered; a bus has fewer, a fuzzer or a broken node may send any."""

# The second word of a FRAME has all that tells messages apart, and the origin at the same byte as
# the last word of a SAMPLE has it.
_SECOND_WORD = np.dtype(
    {"names": ["word"], "formats": ["=i8"], "offsets": [8], "itemsize": FRAME.itemsize}
)
_KEY = np.zeros(1, FRAME)
_KEY["can_id"], _KEY["channel"] = 0xFFFF_FFFF, 0xFF
_KEY_BITS = _KEY.view(_SECOND_WORD)["word"][0]


def second_words(frames: Frames) -> Ints:
    """Return for each frame the word with its id, length, flags, channel and origin."""
    words: Ints = frames.view(_SECOND_WORD)["word"]
    return words


class Ids:
    """The ids seen so far, sorted, each with the number of its node.

    Ids that no database knows are learned like any others: then they cost nothing more, and are
    counted without being sorted in each batch again.

    Args:
        look_up: Returns the node's number for a channel and an id seen for the first time.
    """

    def __init__(self, look_up: Callable[[int, int], int]) -> None:
        self._look_up = look_up
        # A last key that no frame has: so the place of any key is one of the array.
        self._keys: Ints = np.array([np.iinfo(np.int64).max])
        self._can_ids: NDArray[np.uint32] = np.zeros(1, np.uint32)
        self._nodes: Ints = np.zeros(1, np.int64)
        self._seen: set[int] = set()

    def find(self, frames: Frames, words: Ints) -> tuple[Ints, Ints]:
        """Return for each frame the place of its id among those seen, and its node."""
        keys = words & _KEY_BITS
        place = self._keys.searchsorted(keys)
        new = self._keys.take(place) != keys
        if np.count_nonzero(new):
            self._learn(frames, keys, new)
            place = self._keys.searchsorted(keys)
        return place, self._nodes.take(place)

    def knows(self, node: int) -> bool:
        """Return whether any id seen has *node*."""
        return node in self._seen

    def counted(self, place: Ints) -> Iterator[tuple[int, int]]:
        """Yield each id at *place*, and how often it is there."""
        counts = np.bincount(place)
        for at in np.flatnonzero(counts).tolist():
            yield int(self._can_ids[at]), int(counts[at])

    def _learn(self, frames: Frames, keys: Ints, new: NDArray[np.bool_]) -> None:
        if len(self._keys) > MOST_LEARNED:
            self._keys, self._can_ids, self._nodes = (
                self._keys[-1:],
                self._can_ids[-1:],
                self._nodes[-1:],
            )
            new = np.ones_like(new)
        keys, first = np.unique(keys[new], return_index=True)
        can_ids = frames["can_id"][new][first]
        channels = frames["channel"][new][first]
        nodes = list(map(self._look_up, channels.tolist(), can_ids.tolist()))
        self._seen.update(nodes)
        at = self._keys.searchsorted(keys)
        self._keys = np.insert(self._keys, at, keys)
        self._can_ids = np.insert(self._can_ids, at, can_ids)
        self._nodes = np.insert(self._nodes, at, nodes)
