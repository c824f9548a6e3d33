"""The 64-bit words of a ring's header: each is either what it was or what was stored."""

from __future__ import annotations

import sys
from typing import Protocol


class Words(Protocol):
    """An array of 64-bit unsigned integers in shared memory.

    A process killed in the middle of a store leaves the old value or the new one. Ordering among
    processes is not promised: that is what a lane's mutex is for.
    """

    def __getitem__(self, index: int, /) -> int: ...

    def __setitem__(self, index: int, value: int, /) -> None: ...


class DoubledWords:
    """The same where the processor stores a word in two halves, such as a 32-bit Arm.

    Each word has two places and one byte that says which of them is valid, and that byte is
    stored last: a store cut short in the middle has only touched the place that is not valid.

    Args:
        first: The words' first places.
        second: Their second places.
        turns: A byte a word: 0 or 1, the valid place.
    """

    def __init__(self, first: memoryview, second: memoryview, turns: memoryview) -> None:
        self._places = first, second
        self._turns = turns

    def __getitem__(self, index: int, /) -> int:
        """Return the word."""
        return self._places[self._turns[index]][index]

    def __setitem__(self, index: int, value: int, /) -> None:
        """Store the word."""
        turn = 1 - self._turns[index]
        self._places[turn][index] = value
        self._turns[index] = turn


STORES_WHOLE_WORDS = sys.maxsize > 2**32
"""Whether an aligned 64-bit store is one instruction: x86-64 and aarch64, but no 32-bit Arm."""


def words_size(header_size: int) -> int:
    """Return the bytes beyond the header itself that `words_over` needs."""
    return 0 if STORES_WHOLE_WORDS else header_size + header_size // 8


def words_over(header: memoryview, spare: memoryview) -> Words:
    """Return the words of *header*; *spare* are `words_size` more bytes, zero when new."""
    if STORES_WHOLE_WORDS:
        return header.cast("Q")
    return DoubledWords(
        header.cast("Q"), spare[: len(header)].cast("Q"), spare[len(header) :].cast("B")
    )
