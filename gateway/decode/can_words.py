"""Payload bytes as 64-bit words, and where in such a word a field's bits are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_field import Field
from gateway.record import FRAME, Frames

Ints = NDArray[np.int64]

LONGEST_PAYLOAD: int = FRAME["data"].shape[0]
_DATA: int = FRAME.fields["data"][1]  # type: ignore[index]


class WordReader:
    """Reads those eight-byte windows of a batch's payloads in which *fields* lie.

    Args:
        fields: Each with a `Field.window`.
    """

    def __init__(self, fields: Iterable[Field]) -> None:
        self._windows = sorted({(field.little_endian, field.window or 0) for field in fields})
        self._names = [f"word {number}" for number in range(len(self._windows))]
        self._dtype = np.dtype(
            {
                "names": self._names,
                "formats": [
                    "<i8" if little_endian else ">i8" for little_endian, _ in self._windows
                ],
                "offsets": [_DATA + offset for _, offset in self._windows],
                "itemsize": FRAME.itemsize,
            }
        )

    def window(self, field: Field) -> int:
        """The number of the window that *field* lies in."""
        return self._windows.index((field.little_endian, field.window or 0))

    def read(self, frames: Frames) -> Ints:
        """Return an array with a row for each frame and a column for each window."""
        words = np.empty((len(frames), len(self._names)), np.int64)
        windows = frames.view(self._dtype)
        for column, name in enumerate(self._names):
            words[:, column] = windows[name]
        return words


def moves(field: Field) -> tuple[int, int, int]:
    """Return the shift up, the shift down and the mask that leave *field*'s raw value of a word.

    Up to the top of the word, then down as a signed integer: the sign comes along, and is masked
    away where there is none. A field that no word holds moves nowhere.
    """
    if field.window is None:
        return 0, 0, 0
    up = 64 - field.length - field.shift(field.window)
    bare = field.signed or field.length == 64
    return up, 64 - field.length, -1 if bare else (1 << field.length) - 1
