"""Payload bytes as 64-bit words, and where in such a word a field's bits are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_field import Field
from gateway.record import FRAME

Ints = NDArray[np.int64]

LONGEST_PAYLOAD: int = FRAME["data"].shape[0]
_DATA: int = FRAME.fields["data"][1]  # type: ignore[index]
_STRIDE = (FRAME.itemsize,)
_TYPES = {False: np.dtype(">i8"), True: np.dtype("<i8")}


class WordReader:
    """Reads those eight-byte windows of a batch's payloads in which fields lie.

    Args:
        fields: The fields there can be. A field within one byte is the same in either byte order,
            and is read in that of most others: one window often serves all.

    Attributes:
        windows: How many windows are read of each frame.
    """

    def __init__(self, fields: Iterable[Field]) -> None:
        orders = Counter(field.little_endian for field in fields if not _in_one_byte(field))
        self._little_endian = orders[True] >= orders[False]
        self._numbers: dict[tuple[bool, int], int] = {}
        self._windows: list[tuple[np.dtype[np.int64], int]] = []
        self.windows = 0

    def place(self, field: Field) -> tuple[int, int]:
        """Return the number of the window that holds *field*, and how many bits are below it there.

        The window is read from now on. A field that no word holds is given one, too.
        """
        little_endian, offset, shift = self._little_endian, 0, 0
        if field.window is not None:
            offset, shift = field.window, field.shift(field.window)
            if not _in_one_byte(field):
                little_endian = field.little_endian
            elif field.little_endian is not little_endian:
                byte, bit = divmod(shift, 8)
                shift = 8 * (7 - byte) + bit
        window = little_endian, offset
        if window not in self._numbers:
            self._numbers[window] = self.windows
            self._windows.append((_TYPES[little_endian], _DATA + offset))
            self.windows += 1
        return self._numbers[window], shift

    def read(self, rows: Ints) -> Ints:
        """Return the first frame's words, one for each window, then the second's, and so on.

        Args:
            rows: A batch as words, contiguous, a row a frame.
        """
        many = len(rows)
        if self.windows == 1:
            kind, offset = self._windows[0]
            return np.ndarray(many, kind, rows, offset, _STRIDE).astype(np.int64)
        words = np.empty((many, self.windows), np.int64)
        for number, (kind, offset) in enumerate(self._windows):
            words[:, number] = np.ndarray(many, kind, rows, offset, _STRIDE)
        return words.reshape(-1)


def moves(field: Field, shift: int) -> tuple[int, int, int]:
    """Return the shift up, the shift down and the mask that leave *field*'s raw value of a word.

    Up to the top of the word, then down as a signed integer: the sign comes along, and is masked
    away where there is none. A field that no word holds moves nowhere.

    Args:
        field: The field.
        shift: The bits below it in the word.
    """
    if field.window is None:
        return 0, 0, 0
    bare = field.signed or field.length == 64
    return 64 - field.length - shift, 64 - field.length, -1 if bare else (1 << field.length) - 1


def _in_one_byte(field: Field) -> bool:
    return field.end_byte == field.first_byte + 1
