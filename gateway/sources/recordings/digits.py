"""Numbers in text, eight characters at a time and thousands of them at once.

A *word* holds eight characters of text in a 64-bit integer, the first one in its lowest byte, so
that arithmetic on one word works on eight characters side by side, and arithmetic on an array of
words on all lines of a block.

Sources:
    Daniel Lemire, "Quickly parsing eight digits", 2018, for `decimal`; the rest is the same idea.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Positions = NDArray[np.int64]
Flags = NDArray[np.bool_]


def _all_bytes(value: int) -> np.uint64:
    return np.uint64(value * 0x0101_0101_0101_0101)


def _u64(value: int) -> np.uint64:
    return np.uint64(value)


_ZEROS = _all_bytes(ord("0"))
_HIGH_BITS = _all_bytes(0x80)
_TO_LOWER = _all_bytes(0x20)

# The low 8*n bits are the first n characters.
_FIRST = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
_LAST = ~_FIRST[::-1]


def words_of(text: bytes) -> Words:
    """Return the word that begins at each byte of *text* but the last seven, without a copy."""
    return np.ndarray((len(text) - 7,), "<u8", buffer=text, strides=(1,))


def first(words: Words, count: Positions) -> Words:
    """Return *words* with all but the first *count* (0..8) characters made NUL."""
    kept: Words = words & _FIRST[count]
    return kept


def first_digits(words: Words, count: Positions) -> Words:
    """Return *words* with all but the first *count* (0..8) characters made ``0``."""
    return _only(words, _FIRST[count])


def last_digits(words: Words, count: Positions) -> Words:
    """Return *words* with all but the last *count* (0..8) characters made ``0``."""
    return _only(words, _LAST[count])


def _only(words: Words, keep: Words) -> Words:
    kept: Words = (words & keep) | (_ZEROS & ~keep)
    return kept


def are_decimal(words: Words) -> Flags:
    """Tell for each word whether its eight characters are decimal digits."""
    upper = words & _all_bytes(0xF0)
    # Adding 6 carries ':' and what follows it out of the row of the digits.
    over = (words + _all_bytes(0x06)) & _all_bytes(0xF0)
    valid: Flags = (upper == _ZEROS) & (over == _ZEROS)
    return valid


def decimal(words: Words) -> NDArray[np.int64]:
    """Return the numbers, 0..99999999, that words of eight decimal digits say."""
    tens = words - _ZEROS
    pairs = tens * _u64(10) + (tens >> _u64(8))
    outer = (pairs & _u64(0x0000_00FF_0000_00FF)) * _u64(100 + (1_000_000 << 32))
    inner = ((pairs >> _u64(16)) & _u64(0x0000_00FF_0000_00FF)) * _u64(1 + (10_000 << 32))
    return ((outer + inner) >> _u64(32)).astype(np.int64)


def are_hexadecimal(words: Words) -> Flags:
    """Tell for each word whether its eight characters are hexadecimal digits."""
    lower = words | _TO_LOWER
    # Each sum lifts a character's high bit exactly when it is at or beyond a limit. Only what is
    # no ASCII can carry into its neighbour, and that makes the word invalid in any case.
    from_0 = lower + _all_bytes(0x80 - ord("0"))
    beyond_9 = lower + _all_bytes(0x7F - ord("9"))
    from_a = lower + _all_bytes(0x80 - ord("a"))
    beyond_f = lower + _all_bytes(0x7F - ord("f"))
    either = (from_0 & ~beyond_9) | (from_a & ~beyond_f)
    # A control character is not to pass for the digit that it becomes in lower case.
    printable = (words << _u64(1)) | (words << _u64(2))
    valid: Flags = (either & printable & _HIGH_BITS) == _HIGH_BITS
    return valid


def hexadecimal(words: Words) -> NDArray[np.uint32]:
    """Return the four bytes that words of eight hexadecimal digits say, the first one lowest."""
    letters = (words >> _u64(6)) & _all_bytes(0x01)
    nibbles = (words & _all_bytes(0x0F)) + letters * _u64(9)
    octets = ((nibbles << _u64(4)) | (nibbles >> _u64(8))) & _u64(0x00FF_00FF_00FF_00FF)
    pairs = (octets | (octets >> _u64(8))) & _u64(0x0000_FFFF_0000_FFFF)
    return (pairs | (pairs >> _u64(16))).astype(np.uint32)
