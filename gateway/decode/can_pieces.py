"""What is known of samples before their frames come, `SLOTS` samples at a time.

A row of four numbers is picked from a table as fast as a single one. So the fields of a form are
taken in pieces of up to four, a slot each; slots that a piece does not use are computed with the
others, and left out at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_field import Field, Kind
from gateway.decode.can_forms import Wanted
from gateway.decode.can_room import SAMPLE_WORDS
from gateway.decode.can_words import WordReader, moves
from gateway.record import SAMPLE

SLOTS = 4

_NUMBER, _REAL = (np.int64, SLOTS), (np.float64, SLOTS)
PIECE = np.dtype(
    [
        ("window", *_NUMBER),
        ("up", *_NUMBER),
        ("down", *_NUMBER),
        ("mask", *_NUMBER),
        ("tail", *_NUMBER),
        ("scale", *_REAL),
        ("offset", *_REAL),
        ("low", *_REAL),
        ("high", *_REAL),
        ("least", *_REAL),
        ("most", *_REAL),
        ("kind", np.uint8, SLOTS),
        ("used", np.bool_, SLOTS),
    ]
)
"""For each slot: where its bits are, see `WordReader.place` and `moves`; the tail of its sample;
factor and summand; the limits of what is in range, and of what is a value; its `Kind`; and
whether there is such a sample at all."""

_NOTHING = -0.0
"""What can be added to any double without changing it; 0.0 turns -0.0 into 0.0."""


def make_piece(
    group: Sequence[Wanted], words: WordReader, source: int, origin: int
) -> NDArray[np.void]:
    """Return the `PIECE` for up to `SLOTS` fields, an array of one."""
    piece = np.zeros(1, PIECE)
    tail = np.zeros(SLOTS, SAMPLE)
    tail["source"], tail["origin"] = source, origin
    piece["low"], piece["high"], piece["offset"] = -np.inf, np.inf, _NOTHING
    piece["least"], piece["most"] = -np.inf, np.inf
    for slot, (field, signal) in enumerate(group):
        at = 0, slot
        piece["window"][at], shift = words.place(field)
        piece["up"][at], piece["down"][at], piece["mask"][at] = moves(field, shift)
        piece["scale"][at], piece["offset"][at] = _steps(field)
        low, high = field.limits
        if field.reserves:
            least, most = piece["least"][at], piece["most"][at] = field.present
            low, high = max(low, least), min(high, most)
        piece["low"][at], piece["high"][at] = low, high
        piece["kind"][at], piece["used"][at] = field.kind, True
        tail["signal"][slot] = signal
    piece["tail"] = tail.view(SAMPLE_WORDS)["tail"]
    return piece


def shifts(pieces: NDArray[np.void]) -> bool:
    """Return whether any of these has something to add to its values."""
    offset = pieces["offset"]
    return not bool((np.signbit(offset) & (offset == 0)).all())


def _steps(field: Field) -> tuple[float, float]:
    """Return the factor and the summand that lead from the converted raw value to the value."""
    if field.identity or field.kind is Kind.EXACT:
        return 1.0, _NOTHING
    if field.offset == 0 and field.scale > 0 and not field.floating:
        return float(field.scale), _NOTHING
    # Python's integers know no -0.0, which a negative factor makes of 0: adding 0.0 undoes it.
    return float(field.scale), float(field.offset)
