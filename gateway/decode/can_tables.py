"""Many frames at once: what forms of frames carry as arrays, and one pass over a batch.

A batch of frames becomes a list of pieces, and each step of the arithmetic one numpy call over
the whole list, whatever ids are in it. Nothing is made per frame or per sample.

A piece is up to `SLOTS` fields that follow each other in a form and lie in the same word. So an
array has a row of 32 bytes for it, and to pick a row costs no more than to pick a number. Slots
that a piece does not use are computed with the others, and left out at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_field import Field, Kind
from gateway.decode.can_forms import Wanted
from gateway.decode.can_words import Ints, WordReader, moves
from gateway.record import FRAME, SAMPLE, Quality, Samples

SLOTS = 4

BLOCK = 2048
"""Pieces computed in one go: a few arrays of four times as many doubles, which a cache holds."""

_NUMBER, _REAL = (np.int64, SLOTS), (np.float64, SLOTS)
_PIECE = np.dtype(
    [
        ("window", np.int64),
        ("up", *_NUMBER),
        ("down", *_NUMBER),
        ("mask", *_NUMBER),
        ("scale", *_REAL),
        ("offset", *_REAL),
        ("low", *_REAL),
        ("high", *_REAL),
        ("least", *_REAL),
        ("most", *_REAL),
        ("tail", *_NUMBER),
        ("kind", np.uint8, SLOTS),
        ("used", np.bool_, SLOTS),
    ]
)

_WORDS = np.dtype([("t_ns", np.int64), ("value", np.float64), ("tail", np.int64)])
"""A `SAMPLE` whose last four fields are one word, known beforehand but for the quality."""

_DATA: int = FRAME.fields["data"][1]  # type: ignore[index]
_NOTHING = -0.0
"""What can be added to any double without changing it; 0.0 turns -0.0 into 0.0."""

_NEAR_OVERFLOW = 1e300


class _Scratch:
    """Arrays to compute a block in.

    Made anew for each block, they would be given back to the system and faulted in again, which
    costs more than the arithmetic.
    """

    def __init__(self, pieces: int) -> None:
        self.bits = np.empty((pieces, SLOTS), np.int64)
        self.real = np.empty((pieces, SLOTS), np.float64)
        self.value = np.empty((pieces, SLOTS), np.float64)


class _Room:
    """Where samples are written, and its columns.

    Made anew for each batch it would be faulted in page by page, and cold, each time.
    """

    def __init__(self, size: int) -> None:
        self.samples = np.empty(size, SAMPLE)
        self.t_ns = self.samples["t_ns"]
        self.value = self.samples["value"]
        self.tail = self.samples.view(_WORDS)["tail"]
        self.quality = self.samples["quality"]
        self._own = self._references()

    def has(self, many: int) -> bool:
        """Whether *many* samples have room in it, and nobody holds it any more."""
        return len(self.samples) >= many and self._references() == self._own

    def _references(self) -> int:
        # Every view of it refers to it, as the columns do.
        return sys.getrefcount(self.samples)


class Tables:
    """The arrays for a number of forms, to which a batch refers by their numbers.

    Args:
        words: Where bits are read.
        source: The ``source`` of all samples.
    """

    def __init__(self, words: WordReader, source: int) -> None:
        self._words = words
        self._source = source
        self._forms: list[tuple[int, int, int]] = []
        self._pieces: list[NDArray[np.void]] = [np.zeros(1, _PIECE)]
        self._fields: list[Field | None] = [None] * SLOTS
        self._may_fall = self._may_exceed = self._reserves = False
        self._floating = self._careful = False
        self._kinds: set[Kind] = {Kind.LINEAR}
        self._stale = True
        self._room = _Room(0)
        self._ramp = np.arange(0)

    def add(self, fields: Sequence[Wanted], origin: int) -> None:
        """Add the next form: what its samples are, and their ``origin``."""
        groups: list[list[Wanted]] = []
        window = -1
        for field, signal in fields:
            before, window = window, self._words.place(field)[0]
            if window != before or len(groups[-1]) == SLOTS:
                groups.append([])
            groups[-1].append((field, signal))
            self._kinds.add(field.kind)
            reserved_below, reserved_above = _reserved(field)
            self._may_fall |= field.may_fall_below or reserved_below
            self._may_exceed |= field.may_exceed or reserved_above
            self._floating |= field.floating
            self._reserves |= field.reserves
            self._careful |= field.floating or _may_overflow(field)
        begin = len(self._fields) // SLOTS
        self._forms.append((begin + len(groups), len(groups), len(fields)))
        self._pieces += [self._piece(group, origin) for group in groups]
        self._stale = True

    def _piece(self, group: Sequence[Wanted], origin: int) -> NDArray[np.void]:
        piece = np.zeros(1, _PIECE)
        tail = np.zeros(SLOTS, SAMPLE)
        tail["source"], tail["origin"] = self._source, origin
        piece["low"], piece["high"], piece["offset"] = -np.inf, np.inf, _NOTHING
        piece["least"], piece["most"] = -np.inf, np.inf
        for slot, (field, signal) in enumerate(group):
            at = 0, slot
            piece["window"], shift = self._words.place(field)
            piece["up"][at], piece["down"][at], piece["mask"][at] = moves(field, shift)
            piece["scale"][at], piece["offset"][at] = _steps(field)
            low, high = field.limits
            if field.reserves:
                least, most = piece["least"][at], piece["most"][at] = field.present
                low, high = max(low, least), min(high, most)
            piece["low"][at], piece["high"][at] = low, high
            piece["kind"][at], piece["used"][at] = field.kind, True
            tail["signal"][slot] = signal
        piece["tail"] = tail.view(_WORDS)["tail"]
        self._fields += [field for field, _ in group] + [None] * (SLOTS - len(group))
        return piece

    def _lay_out(self) -> None:
        """Make the arrays of all that was added."""
        self._ends, self._count, self._samples = np.array(self._forms, np.int64).T.copy()
        pieces = np.concatenate(self._pieces)
        self._pieces = [pieces]
        self._window = pieces["window"].copy()
        self._up, self._down = pieces["up"].copy(), pieces["down"].copy()
        self._mask = pieces["mask"].copy()
        self._scale, self._offset = pieces["scale"].copy(), pieces["offset"].copy()
        self._low, self._high = pieces["low"].copy(), pieces["high"].copy()
        self._least, self._most = pieces["least"].copy(), pieces["most"].copy()
        self._tail = pieces["tail"].copy()
        self._kind = pieces["kind"].copy()
        self._used = pieces["used"].copy()
        self._longest = max(1, int(self._count.max()))
        if self._longest == 1:
            # The number of the one piece instead, or 0, which has no samples.
            self._ends *= self._count
            self._ends -= self._count
        self._scratch = _Scratch(BLOCK + self._longest)
        self._shifted = not (np.signbit(self._offset) & (self._offset == 0)).all()
        self._special = sorted(self._kinds - {Kind.LINEAR})
        self._stale = False

    def counts(self, form: Ints) -> Ints:
        """Return how many samples frames of these forms give."""
        counts: Ints = self._samples.take(form)
        return counts

    def decode(self, rows: Ints, words: Ints, form: Ints) -> Samples:
        """Return the samples of a batch.

        Args:
            rows: The batch as words, contiguous, a row a frame.
            words: What the `WordReader` says of it.
            form: The last form of each frame.
        """
        if self._stale:
            self._lay_out()
        if self._careful:
            # Signalling NaNs and values too great for a double are data, not errors.
            with np.errstate(over="ignore", invalid="ignore"):
                return self._decode(rows, words, form)
        return self._decode(rows, words, form)

    def _decode(self, rows: Ints, words: Ints, form: Ints) -> Samples:
        many = len(form)
        count = self._samples.take(form)
        if many * self._longest <= BLOCK:
            times = rows[:, 0].repeat(count)
            room = self._room_for(len(times))
            self._compute(rows, words, times, self._block(form, 0, many), room, 0)
            return room.samples[: len(times)]
        # In blocks of whole frames, each as long as the arrays to compute in allow.
        # Where a frame has one piece at most, it may take a place without having any.
        ends = np.maximum(self._count.take(form), 1).cumsum()
        cuts = ends.searchsorted(np.arange(BLOCK, ends[-1], BLOCK)).tolist()
        room = self._room_for(int(count.sum()))
        begin = 0
        for start, stop in pairwise([0, *cuts, many]):
            times = rows[start:stop, 0].repeat(count[start:stop])
            block = self._block(form[start:stop], start, stop)
            self._compute(rows, words, times, block, room, begin)
            begin += len(times)
        return room.samples[:begin]

    def _room_for(self, total: int) -> _Room:
        if not self._room.has(total):
            self._room = _Room(total + total // 4)
        return self._room

    def _block(self, form: Ints, start: int, stop: int) -> tuple[Ints, Ints, Ints]:
        """Return the pieces of the frames from *start* to *stop*.

        Returns:
            The frame of each piece, the piece's number in the tables, and which of the slots of
            all these pieces are used.
        """
        ramp = self._ramp_to(stop)[start:]
        if self._longest == 1:
            piece = self._ends.take(form)
            at = ramp
            if 2 * np.count_nonzero(piece) < len(piece):
                here = piece.nonzero()[0]
                at, piece = at.take(here), piece.take(here)
        else:
            count = self._count.take(form)
            at = ramp.repeat(count)
            piece = self._ends.take(form)
            piece -= np.add.accumulate(count)
            piece = piece.repeat(count)
            piece += self._ramp_to(len(piece))
        used = self._used.take(piece, 0).reshape(-1).nonzero()[0]
        return at, piece, used

    def _ramp_to(self, many: int) -> Ints:
        """Return 0, 1, 2, ... *many* - 1."""
        if many > len(self._ramp):
            self._ramp = np.arange(2 * many)
        return self._ramp[:many]

    def _compute(
        self,
        rows: Ints,
        words: Ints,
        times: Ints,
        block: tuple[Ints, Ints, Ints],
        room: _Room,
        begin: int,
    ) -> None:
        """Write the samples of one block.

        Args:
            rows: The batch as words.
            words: What the `WordReader` says of it.
            times: The samples' times.
            block: What `_block` says.
            room: Where they are written.
            begin: At which place there.
        """
        at, piece, used = block
        work = self._scratch
        where = slice(begin, begin + len(times))
        many = len(piece)
        bits, real, value = work.bits[:many], work.real[:many], work.value[:many]
        if self._longest > 1 or len(at) < len(words):
            words = words.take(self._words.index(at, self._window, piece, len(rows)))
        raw = words.repeat(SLOTS).reshape(many, SLOTS)
        # The rows are there; "wrap" is numpy's fastest way to be told so.
        raw <<= self._up.take(piece, 0, bits, "wrap")
        raw >>= self._down.take(piece, 0, bits, "wrap")
        raw &= self._mask.take(piece, 0, bits, "wrap")
        value[:] = raw
        if self._special:
            self._convert(rows, at, piece, raw, value)
        value *= self._scale.take(piece, 0, real, "wrap")
        if self._shifted:
            value += self._offset.take(piece, 0, real, "wrap")
        values = value.take(used)
        room.t_ns[where] = times
        room.value[where] = values
        room.tail[where] = self._tail.take(piece, 0, bits, "wrap").take(used)
        if self._may_fall or self._may_exceed:
            bad = self._bad(value, piece, real)
            if np.count_nonzero(bad):
                room.quality[where] = bad.take(used)
            if self._floating:
                room.quality[where][np.isnan(values)] = Quality.INVALID

    def _bad(
        self, value: NDArray[np.float64], piece: Ints, real: NDArray[np.float64]
    ) -> NDArray[np.bool_] | NDArray[np.uint8]:
        """Return the `Quality` of each of *value*, but for numbers that are none."""
        if not self._may_fall:
            bad = value > self._high.take(piece, 0, real, "wrap")
        else:
            bad = value < self._low.take(piece, 0, real, "wrap")
            if self._may_exceed:
                bad |= value > self._high.take(piece, 0, real, "wrap")
        if not self._reserves or not np.count_nonzero(bad):
            return bad  # True is OUT_OF_RANGE
        # What means that there is no value is bad already; one more makes it INVALID.
        quality = bad.view(np.uint8)
        quality += value > self._most.take(piece, 0, real, "wrap")
        if self._may_fall:
            quality += value < self._least.take(piece, 0, real, "wrap")
        return quality

    def _convert(
        self, rows: Ints, at: Ints, piece: Ints, raw: Ints, value: NDArray[np.float64]
    ) -> None:
        """Set those of *value* that are not *raw* as a signed integer."""
        kinds = self._kind.take(piece, 0).reshape(-1)
        values = value.reshape(-1)
        for kind in self._special:
            here = np.flatnonzero(kinds == kind)
            bits = raw.take(here)
            if kind is Kind.UNSIGNED:
                values[here] = bits.view(np.uint64)
            elif kind is Kind.FLOAT16:
                values[here] = bits.astype(np.uint16).view(np.float16)
            elif kind is Kind.FLOAT32:
                values[here] = bits.astype(np.uint32).view(np.float32)
            elif kind is Kind.FLOAT64:
                values[here] = bits.view(np.float64)
            else:
                for slot in here.tolist():
                    row, column = divmod(slot, SLOTS)
                    field = self._fields[piece[row] * SLOTS + column]
                    assert field is not None  # noqa: S101
                    values[slot] = field.read(rows[at[row]].tobytes()[_DATA:])


def _steps(field: Field) -> tuple[float, float]:
    """Return the factor and the summand that lead from the converted raw value to the value."""
    if field.identity or field.kind is Kind.EXACT:
        return 1.0, _NOTHING
    if field.offset == 0 and field.scale > 0 and not field.floating:
        return float(field.scale), _NOTHING
    # Python's integers know no -0.0, which a negative factor makes of 0: adding 0.0 undoes it.
    return float(field.scale), float(field.offset)


def _may_overflow(field: Field) -> bool:
    return max(abs(field.value(raw)) for raw in field.raw_range) > _NEAR_OVERFLOW


def _reserved(field: Field) -> tuple[bool, bool]:
    """Return whether *field* has values that are none below the others, and above them."""
    least, most = field.present if field.reserves else (-np.inf, np.inf)
    return least > -np.inf, most < np.inf
