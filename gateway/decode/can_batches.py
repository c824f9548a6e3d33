"""Many frames at once: what each is, which multiplexers it has, and then one pass over all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_forms import Form, unfold
from gateway.decode.can_ids import Ids
from gateway.decode.can_selection import Selection
from gateway.decode.can_tables import Tables
from gateway.decode.can_tree import Node
from gateway.decode.can_words import LONGEST_PAYLOAD, Ints, WordReader
from gateway.record import FRAME, Frames, Samples

_FRAME_WORDS = FRAME.itemsize // 8

_UNWANTED, _UNKNOWN, _APART = 0, 1, 2
"""Numbers of forms without fields: of frames that nobody wants, of those in no database, and of
those that are not decoded here."""

LookUp = Callable[[int, int], Node | Literal["unknown", "apart"]]
"""``(channel, can_id)`` of a frame to what it carries."""


class Batches:
    """Decodes batches of frames.

    Args:
        look_up: What frames carry. Asked once for each kind of frame, when the first one comes.
        nodes: All that it can say.
        source: The ``source`` of all samples.

    Attributes:
        plain: Whether no frame so far was `unknown` or `apart`, so that nobody need ask.
    """

    def __init__(self, look_up: LookUp, nodes: Collection[Node], source: int) -> None:
        self._look_up = look_up
        self._ids = Ids(self._number)
        self._words = WordReader(field for node in nodes for field, _ in node.fields)
        self._tables = Tables(self._words, source)
        self._selection = Selection(self._words)
        for _ in (_UNWANTED, _UNKNOWN, _APART):
            self._add(Form(), 0, {})
        self._numbers: dict[tuple[Node, int, int], int] = {}
        self.plain = True
        self._kinds = self._form = np.empty(0, np.int64)

    def decode(self, frames: Frames) -> Samples:
        """Return the samples of a batch in their order, but for those of the frames `apart`."""
        frames = np.ascontiguousarray(frames)
        rows: Ints = np.ndarray((len(frames), _FRAME_WORDS), np.int64, frames)
        self._kinds = rows[:, 1]
        form = self._ids.find(self._kinds)
        words = self._words.read(rows)
        self._form = form = self._selection.follow(form, words)
        return self._tables.decode(rows, words, form)

    def unknown(self) -> Iterable[tuple[int, int]]:
        """Return what ids of the last batch are in no database, and how often each was there."""
        if not self._ids.knows(_UNKNOWN):
            return ()
        return self._ids.counted(self._kinds[self._form == _UNKNOWN])

    def apart(self) -> NDArray[np.intp]:
        """Return the positions of those frames of the last batch that were left out.

        They are those of which `look_up` says so, and those of messages with too many forms.
        """
        return np.flatnonzero(self._form == _APART) if self._ids.knows(_APART) else _NONE

    def ends(self) -> Ints:
        """Return for each frame of the last batch where its samples end."""
        return self._tables.counts(self._form).cumsum()

    def _number(self, channel: int, can_id: int, length: int, origin: int) -> int:
        """Return the number of the first form of such frames."""
        number = self._first_form(channel, can_id, length, origin)
        self.plain &= number not in (_UNKNOWN, _APART)
        return number

    def _first_form(self, channel: int, can_id: int, length: int, origin: int) -> int:
        tree = self._look_up(channel, can_id)
        if tree == "unknown":
            return _UNKNOWN
        if tree == "apart":
            return _APART
        length = min(length, tree.need, LONGEST_PAYLOAD)
        key = tree, length, origin
        if key not in self._numbers:
            form = unfold(tree, length)
            self._numbers[key] = self._add(form, origin, {}) if form else _APART
        return self._numbers[key]

    def _add(self, form: Form, origin: int, added: dict[Form, int]) -> int:
        """Add *form*, and before it all that it leads to; return its number."""
        if form not in added:
            branches = {
                raw: self._add(branch, origin, added) for raw, branch in form.branches.items()
            }
            otherwise = self._add(form.otherwise, origin, added) if form.otherwise else 0
            self._tables.add(form.fields, origin)
            added[form] = self._selection.add(form.switch, branches, otherwise)
        return added[form]


_NONE = np.empty(0, np.intp)
