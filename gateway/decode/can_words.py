"""Payload bytes as 64-bit words, and where in such a word a field's bits are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_field import Field
from gateway.record import FRAME, Frames

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

LONGEST_PAYLOAD: int = FRAME["data"].shape[0]
_DATA: int = FRAME.fields["data"][1]  # type: ignore[index]


class WordReader:
    """Reads those eight-byte windows of a batch's payloads in which *fields* lie.

    Args:
        fields: Each with a `Field.window`.
    """

    def __init__(self, fields: Iterable[Field]) -> None:
        self._windows = sorted({(field.little_endian, field.window or 0) for field in fields})
        self._dtypes = [
            np.dtype(
                {
                    "names": ["word"],
                    "formats": ["<u8" if little_endian else ">u8"],
                    "offsets": [_DATA + window],
                    "itemsize": FRAME.itemsize,
                }
            )
            for little_endian, window in self._windows
        ]

    def window(self, field: Field) -> int:
        """The number of the window that *field* lies in."""
        return self._windows.index((field.little_endian, field.window or 0))

    def read(self, frames: Frames, frame: Ints, window: Ints) -> Words:
        """Return a word for each pair of a position in *frames* and a window's number."""
        words = np.empty((len(self._dtypes), len(frames)), np.uint64)
        for index, dtype in enumerate(self._dtypes):
            words[index] = frames.view(dtype)["word"]
        if len(self._dtypes) == 1:
            return words[0].take(frame)
        return words.reshape(-1).take(window * len(frames) + frame)


def moves(field: Field) -> tuple[int, int, int]:
    """Return the shift up, the shift down and the mask that leave *field*'s raw value of a word.

    Up to the top of the word, then down as a signed integer: the sign comes along, and is masked
    away where there is none.
    """
    assert field.window is not None
    up = 64 - field.length - field.shift(field.window)
    bare = (field.signed and not field.floating) or field.length == 64
    return up, 64 - field.length, -1 if bare else (1 << field.length) - 1
