"""Multiplexers, many frames at once: which form a frame has once they have been looked at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gateway.decode.can_field import Field
from gateway.decode.can_words import Ints, WordReader


class Selection:
    """Follows the multiplexers of a batch of frames.

    Args:
        words: Where their bits are read.
    """

    def __init__(self, words: WordReader) -> None:
        self._words = words
        self._depth = 0
        self._depths: list[int] = []
        self._switched = np.empty(0, np.bool_)
        self._steps = np.empty((4, 0), np.int64)
        self._branches = np.empty(0, np.int64)

    def add(self, switch: Field | None, branches: Mapping[int, int], otherwise: int) -> int:
        """Add the next form, which may refer to those before it; return its number.

        Args:
            switch: The multiplexer to look at; None: it is a last one.
            branches: The numbers of forms by raw value.
            otherwise: The number of the form at all other values.
        """
        depth = window = shift = mask = 0
        first = len(self._branches)
        if switch is not None:
            mask = (1 << switch.length) - 1
            window, shift = self._words.place(switch)
            chosen = np.full(mask + 1, otherwise, np.int64)
            # A negative raw value stands where its bits do.
            chosen[np.fromiter(branches, np.int64, len(branches)) & mask] = [*branches.values()]
            self._branches = np.concatenate((self._branches, chosen))
            depth = 1 + max(self._depths[form] for form in {*branches.values(), otherwise})
        self._depth = max(self._depth, depth)
        self._depths.append(depth)
        self._switched = np.append(self._switched, depth > 0)
        self._steps = np.append(self._steps, [[window], [shift], [mask], [first]], axis=1)
        return len(self._depths) - 1

    def follow(self, form: Ints, words: Ints) -> Ints:
        """Return the last form of each frame.

        Args:
            form: The first one.
            words: What `WordReader.read` returned.
        """
        windows = self._words.windows
        for _ in range(self._depth):
            here = self._switched.take(form).nonzero()[0]
            if not len(here):
                break
            steps = self._steps.take(form.take(here), 1)
            raw = words.take(here if windows == 1 else here * windows + steps[0])
            raw >>= steps[1]
            raw &= steps[2]
            raw += steps[3]
            form[here] = self._branches.take(raw)
        return form
