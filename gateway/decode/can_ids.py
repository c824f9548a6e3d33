"""Which kind each frame of a batch is of: its second word, with id, length, channel and origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_words import Ints
from gateway.record import FRAME

MOST_LEARNED = 1 << 16
"""Kinds seen that are remembered; a bus has fewer, a fuzzer or a broken node may send any."""

_SLOT_BITS = 13
_SHIFT = np.array(64 - _SLOT_BITS)
_FACTORS = [
    np.array(factor | 1) for factor in np.random.default_rng(0).integers(-(1 << 63), 1 << 63, 16)
]
_WORTH_TRYING = 1 << 10

LookUp = Callable[[int, int, int, int], int]
"""``(channel, can_id, length, origin)`` of a kind seen for the first time, to its form's number."""


class Ids:
    """The kinds seen so far, sorted, each with the number of its form.

    They are found by multiplicative hashing, without buckets: of kinds that share a slot one
    holds it, and the others are found by bisection. So it is with kinds seen for the first time.
    Ids that no database knows are learned like any others: then they cost nothing more, and are
    counted without being sorted in each batch again.

    Args:
        look_up: Returns a form's number.
    """

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._forget()
        self._seen: set[int] = set()

    def _forget(self) -> None:
        # A last kind that no frame has: so the place of any kind is one of the array.
        self._kinds: Ints = np.array([np.iinfo(np.int64).max])
        self._can_ids: NDArray[np.uint32] = np.zeros(1, np.uint32)
        self._forms: Ints = np.zeros(1, np.int64)
        self._fill_slots()

    def find(self, kinds: Ints) -> Ints:
        """Return for each of *kinds* its form."""
        slot = _hash(kinds, self._factor)
        other = self._kind_in.take(slot) != kinds
        form = self._form_in.take(slot)
        if 1 in other.tobytes():
            here = np.flatnonzero(other)
            sought = kinds.take(here)
            place = self._kinds.searchsorted(sought)
            new = sought[self._kinds.take(place) != sought]
            if len(new):
                self._learn(new, kinds)
                return self._forms.take(self._kinds.searchsorted(kinds))
            form[here] = self._forms.take(place)
        return form

    def knows(self, form: int) -> bool:
        """Return whether any kind seen has *form*."""
        return form in self._seen

    def counted(self, kinds: Ints) -> Iterator[tuple[int, int]]:
        """Yield the id of each of *kinds*, and how many there are; an id may come several times."""
        counts = np.bincount(self._kinds.searchsorted(kinds))
        for place in np.flatnonzero(counts).tolist():
            yield int(self._can_ids[place]), int(counts[place])

    def _learn(self, new: Ints, all_kinds: Ints) -> None:
        """Learn the *new* ones of a batch, or all of it, if there are too many by now."""
        if len(self._kinds) > MOST_LEARNED:
            self._forget()
            new = all_kinds
        kinds = np.unique(new)
        frames = np.zeros(len(kinds), FRAME)
        frames.view(np.int64).reshape(len(kinds), -1)[:, 1] = kinds
        asked = zip(
            *(frames[name].tolist() for name in ("channel", "can_id", "len", "origin")), strict=True
        )
        forms = [self._look_up(*each) for each in asked]
        self._seen.update(forms)
        at = self._kinds.searchsorted(kinds)
        self._kinds = np.insert(self._kinds, at, kinds)
        self._can_ids = np.insert(self._can_ids, at, frames["can_id"])
        self._forms = np.insert(self._forms, at, forms)
        self._fill_slots()

    def _fill_slots(self) -> None:
        """Take the factor that lets the fewest kinds share slots."""
        kinds = self._kinds[:-1]
        factors = _FACTORS if len(kinds) <= _WORTH_TRYING else _FACTORS[:1]
        most = -1
        for factor in factors:
            used = len(np.unique(_hash(kinds, factor)))
            if used > most:
                most, self._factor = used, factor
            if used == len(kinds):
                break
        slot = _hash(kinds, self._factor)
        self._kind_in: Ints = np.full(1 << _SLOT_BITS, self._kinds[-1])
        self._form_in: Ints = np.zeros(1 << _SLOT_BITS, np.int64)
        self._kind_in[slot], self._form_in[slot] = kinds, self._forms[:-1]


def _hash(kinds: Ints, factor: Ints) -> Ints:
    """Return the slot of each kind (Knuth, The Art of Computer Programming 3, 6.4).

    Half of the slots are negative, and count from the end. To numpy an array without dimensions
    costs half of what a number does.
    """
    slot = kinds * factor
    slot >>= _SHIFT
    return slot
