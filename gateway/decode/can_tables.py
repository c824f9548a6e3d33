"""Many frames at once: what forms of frames carry as arrays, and one pass over a batch.

A batch of frames becomes a list of pieces, and each step of the arithmetic one numpy call over
all their slots, whatever ids are in it. Nothing is made per frame or per sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_field import Field, Kind
from gateway.decode.can_forms import Wanted
from gateway.decode.can_pieces import SLOTS, make_piece, shifts
from gateway.decode.can_room import Room
from gateway.decode.can_words import Ints, WordReader
from gateway.decode.can_work import Work, Works
from gateway.record import FRAME, Quality, Samples

BLOCK = 2048
"""Pieces computed in one go: a few arrays of four times as many doubles, which a cache holds."""

_DATA: int = FRAME.fields["data"][1]  # type: ignore[index]

_NEAR_OVERFLOW = 1e300


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
        self._pieces = [make_piece((), words, source, 0)]
        self._groups: list[Sequence[Wanted]] = [()]
        self._may_fall = self._may_exceed = False
        self._reserves_below = self._reserves_above = False
        self._floating = self._careful = False
        self._kinds: set[Kind] = {Kind.LINEAR}
        self._stale = True
        self._room = Room()
        self._ramp = np.arange(0)

    def add(self, fields: Sequence[Wanted], origin: int) -> None:
        """Add the next form: what its samples are, and their ``origin``."""
        for field, _ in fields:
            self._kinds.add(field.kind)
            reserved_below, reserved_above = _reserved(field)
            self._may_fall |= field.may_fall_below or reserved_below
            self._may_exceed |= field.may_exceed or reserved_above
            self._reserves_below |= reserved_below
            self._reserves_above |= reserved_above
            self._floating |= field.floating
            self._careful |= field.floating or _may_overflow(field)
        groups = [fields[at : at + SLOTS] for at in range(0, len(fields), SLOTS)]
        self._forms.append((len(self._groups) + len(groups), len(groups), len(fields)))
        self._groups += groups
        self._pieces += [make_piece(group, self._words, self._source, origin) for group in groups]
        self._stale = True

    def _lay_out(self) -> None:
        """Make the arrays of all that was added."""
        self._ends, self._count, self._samples = np.array(self._forms, np.int64).T.copy()
        pieces = np.concatenate(self._pieces)
        self._pieces = [pieces]
        self._fields = self._groups
        self._longest = max(1, int(self._count.max()))
        if self._longest == 1:
            # In the order of the forms, so that the one's number is the other's. Forms without
            # a piece have the first one, which has no samples.
            order = (self._ends - 1) * self._count
            pieces = pieces[order]
            self._fields = [self._groups[at] for at in order.tolist()]
        self._shifted = shifts(pieces)
        needed = {
            "scale": True,
            "offset": self._shifted,
            "low": self._may_fall,
            "high": self._may_exceed,
            "least": self._reserves_below,
            "most": self._reserves_above,
        }
        reals = [name for name, yes in needed.items() if yes]
        integers = ["up", "down", "mask", "tail"]
        if self._words.windows > 1:
            integers.insert(0, "window")
        self._known = np.stack([pieces[name].view(np.int64) for name in reals + integers])
        self._kind = pieces["kind"].copy()
        self._used = pieces["used"].copy()
        self._works = Works(reals, integers, BLOCK + self._longest)
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
        room = self._room
        many = len(form)
        if many * self._longest <= BLOCK:
            times, rest = self._compute(rows, words, form)
            room.reserve(len(times))
            room.put(0, times, rest)
            return room.samples[: len(times)]
        # In blocks of whole frames, each as long as the arrays to compute in allow.
        # Where a frame has one piece at most, it may take a place without having any.
        ends = np.maximum(self._count.take(form), 1).cumsum()
        cuts = ends.searchsorted(np.arange(BLOCK, ends[-1], BLOCK)).tolist()
        room.reserve(int(self._samples.take(form).sum()))
        windows = self._words.windows
        begin = 0
        for start, stop in pairwise([0, *cuts, many]):
            block = slice(start, stop)
            here = words[start * windows : stop * windows]
            times, rest = self._compute(rows[block], here, form[block])
            room.put(begin, times, rest)
            begin += len(times)
        return room.samples[:begin]

    def _compute(self, rows: Ints, words: Ints, form: Ints) -> tuple[Ints, Ints]:
        """Return the samples of one block as words: their times; their tails and values.

        Args:
            rows: The block as words.
            words: What the `WordReader` says of it.
            form: The last form of each frame.
        """
        times = rows[:, 0].repeat(self._samples.take(form))
        at = None
        slots: int | Ints = SLOTS
        if self._longest > 1:
            count = self._count.take(form)
            piece = self._ends.take(form)
            piece -= np.add.accumulate(count)
            piece = piece.repeat(count)
            piece += self._ramp_to(len(piece))
            slots = SLOTS * count
            if self._special:
                at = self._ramp_to(len(form)).repeat(count)
        elif 2 * len(times) < len(form):
            at = self._count.take(form).nonzero()[0]
            piece = form.take(at)
            words = words.reshape(len(form), -1).take(at, 0).reshape(-1)
        else:
            piece = form
        work = self._works[len(piece)]
        # The rows are there; "wrap" is numpy's fastest way to be told so.
        self._known.take(piece, 1, work.known, "wrap")
        windows = self._words.windows
        if windows > 1:
            index = work.integer["window"]
            index += self._ramp_to(len(words))[::windows].repeat(slots)
            raw = words.take(index)
        else:
            raw = words.repeat(slots)
        up, down, mask, scale = work.steps
        raw <<= up
        raw >>= down
        raw &= mask
        value = work.value
        value[...] = raw
        if self._special:
            self._convert(rows, at, piece, raw, value)
        value *= scale
        if self._shifted:
            value += work.real["offset"]
        if self._may_fall or self._may_exceed:
            self._judge(work)
        used = self._used.take(piece, 0).reshape(-1).nonzero()[0]
        return times, work.result.take(used, 1)

    def _ramp_to(self, many: int) -> Ints:
        """Return 0, 1, 2, ... *many* - 1."""
        if many > len(self._ramp):
            self._ramp = np.arange(2 * many)
        return self._ramp[:many]

    def _judge(self, work: Work) -> None:
        """Set the `Quality` of the values."""
        value, real = work.value, work.real
        bad, flag = work.flags
        quality, one = work.counts
        if not self._may_exceed:
            np.less(value, real["low"], bad)
        else:
            np.greater(value, real["high"], bad)
            if self._may_fall:
                bad |= np.less(value, real["low"], flag)
        # True is OUT_OF_RANGE. What means that there is no value is bad already; one more makes
        # it INVALID.
        if self._reserves_above:
            np.greater(value, real["most"], flag)
            quality += one
        if self._reserves_below:
            np.less(value, real["least"], flag)
            quality += one
        if self._floating:
            quality[np.isnan(value)] = Quality.INVALID
        work.quality[...] = quality

    def _convert(
        self, rows: Ints, at: Ints | None, piece: Ints, raw: Ints, value: NDArray[np.float64]
    ) -> None:
        """Set those of *value* that are not *raw* as a signed integer.

        Args:
            rows: The block as words.
            at: The frame of each piece; None: they have one each.
            piece: The numbers of the pieces.
            raw: The bits.
            value: Where the values are written.
        """
        kinds = self._kind.take(piece, 0).reshape(-1)
        for kind in self._special:
            here = np.flatnonzero(kinds == kind)
            bits = raw.take(here)
            if kind is Kind.UNSIGNED:
                value[here] = bits.view(np.uint64)
            elif kind is Kind.FLOAT16:
                value[here] = bits.astype(np.uint16).view(np.float16)
            elif kind is Kind.FLOAT32:
                value[here] = bits.astype(np.uint32).view(np.float32)
            elif kind is Kind.FLOAT64:
                value[here] = bits.view(np.float64)
            else:
                for slot in here.tolist():
                    row, column = divmod(slot, SLOTS)
                    field, _ = self._fields[piece[row]][column]
                    frame = row if at is None else at[row]
                    value[slot] = field.read(rows[frame].tobytes()[_DATA:])


def _may_overflow(field: Field) -> bool:
    return max(abs(field.value(raw)) for raw in field.raw_range) > _NEAR_OVERFLOW


def _reserved(field: Field) -> tuple[bool, bool]:
    """Return whether *field* has values that are none below the others, and above them."""
    least, most = field.present if field.reserves else (-np.inf, np.inf)
    return least > -np.inf, most < np.inf
