"""Many frames at once: the wanted fields of all messages as arrays, and one pass over a batch.

A batch of frames becomes a list of (frame, field) pairs, and each step of the arithmetic one
numpy call over the whole list, whatever ids are in it. Nothing is made per frame or per sample.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_field import Field, Kind
from gateway.decode.can_tree import Node
from gateway.decode.can_words import LONGEST_PAYLOAD, Ints, WordReader, moves
from gateway.record import SAMPLE, Frames, Quality, Samples

BLOCK = 8192
"""Samples computed in one go: some ten arrays of as many doubles, which a cache still holds."""

_WORDS = np.dtype([("t_ns", np.int64), ("value", np.float64), ("tail", np.int64)])
"""A `SAMPLE` whose last four fields are one word: known beforehand, but for two bytes of it."""

_ORIGIN = np.zeros(1, SAMPLE)
_ORIGIN["origin"] = 0xFF
ORIGIN_BITS: np.int64 = _ORIGIN.view(_WORDS)["tail"][0]
"""The bits of a sample's last word that are its origin."""


def pick(table: NDArray[Any], index: Ints, out: NDArray[Any]) -> NDArray[Any]:
    """Write the elements of *table* at *index* into *out*, and return it.

    The indices are within the table; "wrap" is numpy's fastest way to be told so.
    """
    return table.take(index, None, out, "wrap")


class _Scratch:
    """Arrays of *size* to compute in."""

    def __init__(self, size: int) -> None:
        self.ramp = np.arange(size)
        self.raw = np.empty(size, np.int64)
        self.bits = np.empty(size, np.int64)
        self.value = np.empty(size, np.float64)
        self.real = np.empty(size, np.float64)
        self.bad = np.empty(size, np.bool_)
        self.more = np.empty(size, np.bool_)


@dataclass(slots=True)
class _Source:
    """What a batch's samples are made from: its frames, and what of them was laid out anew."""

    frames: Frames
    words: Ints
    times: Ints
    origin: Ints


class Tables:
    """The arrays for a number of nodes, which a batch then refers to by their positions.

    Args:
        nodes: What frames can carry. A frame may be of several nodes; their order here is the
            order of its samples.
        source: The ``source`` of all samples.
    """

    def __init__(self, nodes: Sequence[Node], source: int) -> None:
        carried = [
            [pair for pair in node.fields if pair[0].end_byte <= LONGEST_PAYLOAD] for node in nodes
        ]
        self._count = np.array([len(pairs) for pairs in carried], np.int64)
        self._first = np.cumsum(self._count) - self._count
        self._need = np.array(
            [max((field.end_byte for field, _ in pairs), default=0) for pairs in carried], np.uint8
        )
        pairs = [pair for pairs in carried for pair in pairs]
        fields = [field for field, _ in pairs]
        self._words = WordReader(fields)
        self._window = np.array([self._words.window(field) for field in fields], np.int64)
        self._end = np.array([field.end_byte for field in fields], np.uint8)
        bits = [moves(field) for field in fields]
        self._up = np.array([up for up, _, _ in bits], np.int64)
        self._down = np.array([down for _, down, _ in bits], np.int64)
        self._mask = np.array([mask for *_, mask in bits], np.int64)
        steps = [_steps(field) for field in fields]
        self._scale = np.array([scale for scale, _ in steps], np.float64)
        self._offset = np.array([offset for _, offset in steps], np.float64)

        self._limited = any(field.may_leave_limits for field in fields)
        limits = [field.limits for field in fields]
        self._low = np.array([low for low, _ in limits], np.float64)
        self._high = np.array([high for _, high in limits], np.float64)
        self._floating = any(field.floating for field in fields)
        kinds = [field.kind for field in fields]
        self._kind = np.array(kinds, np.uint8)
        self._special = sorted(set(kinds) - {Kind.LINEAR})
        self._fields = fields
        longest = int(self._count.max(initial=0))
        self._scratch = _Scratch(BLOCK + longest)
        self._last = np.empty(0, _WORDS)

        tail = np.zeros(len(pairs), SAMPLE)
        tail["signal"] = [signal for _, signal in pairs]
        tail["source"] = source
        self._tail = tail.view(_WORDS)["tail"].copy()

    def decode(self, frames: Frames, frame: Ints, node: Ints, origin: Ints) -> Samples:
        """Return the samples of a batch.

        Args:
            frames: The batch.
            frame: Positions in *frames*, ascending.
            node: For each of them, what it carries, as a position in the nodes.
            origin: For each frame of the batch, its origin, as `ORIGIN_BITS` has it.
        """
        count = self._count.take(node)
        ends = count.cumsum()
        total = int(ends[-1]) if len(ends) else 0
        first = self._first.take(node)
        first -= ends
        first += count
        samples = self._room(total)
        source = _Source(frames, self._words.read(frames), frames["t_ns"], origin)
        cuts = []
        if total > BLOCK:
            cuts = ends.searchsorted(np.arange(BLOCK, total, BLOCK), "right").tolist()
        # Signalling NaNs and values too great for a double are data, not errors.
        with np.errstate(over="ignore", invalid="ignore"):
            begin = 0
            for start, stop in pairwise([0, *cuts, len(node)]):
                many = count[start:stop]
                at = frame[start:stop].repeat(many)
                row = (first[start:stop] + begin).repeat(many)
                self._compute(source, at, row, samples[begin : begin + len(at)])
                begin += len(at)
        result = samples.view(SAMPLE)
        length = frames["len"].take(frame)
        if np.count_nonzero(length < self._need.take(node)):
            row = first.repeat(count)
            row += np.arange(total)
            result = result.take(np.flatnonzero(self._end.take(row) <= length.repeat(count)))
        return result

    def _room(self, total: int) -> Samples:
        """Return an array for *total* samples: the last one again, if nobody holds it any more.

        One made anew for each batch is faulted in page by page, and cold, each time.
        """
        # Held by this attribute, and by the argument of the call; a view of it would be a third.
        if total > len(self._last) or sys.getrefcount(self._last) > 2:
            self._last = np.empty(total + total // 4, _WORDS)
        return self._last[:total]

    def _compute(self, source: _Source, at: Ints, row: Ints, block: Samples) -> None:
        """Write the samples of one block.

        Args:
            source: The batch.
            at: For each sample, its frame.
            row: For each sample, the number of its field, less the sample's own number.
            block: Where they are written.
        """
        # Everything is computed in the same few arrays. Made anew for each block, they would be
        # given back to the system and faulted in again, which costs more than the arithmetic.
        work = self._scratch
        many = len(row)
        row += work.ramp[:many]
        raw, bits = work.raw[:many], work.bits[:many]
        value, real = work.value[:many], work.real[:many]

        pick(source.times, at, bits)
        block["t_ns"] = bits
        pick(self._tail, row, raw)
        raw |= pick(source.origin, at, bits)
        block["tail"] = raw

        pick(self._window, row, bits)
        at *= source.words.shape[1]
        at += bits
        pick(source.words, at, raw)
        raw <<= pick(self._up, row, bits)
        raw >>= pick(self._down, row, bits)
        raw &= pick(self._mask, row, bits)
        value[:] = raw
        if self._special:
            at //= source.words.shape[1]
            self._convert(source.frames, at, row, raw, value)
        value *= pick(self._scale, row, real)
        value += pick(self._offset, row, real)
        block["value"] = value
        if self._limited:
            bad, more = work.bad[:many], work.more[:many]
            np.less(value, pick(self._low, row, real), out=bad)
            bad |= np.greater(value, pick(self._high, row, real), out=more)
            if np.count_nonzero(bad):
                block.view(SAMPLE)["quality"][bad] = Quality.OUT_OF_RANGE
            if self._floating:
                block.view(SAMPLE)["quality"][np.isnan(value)] = Quality.INVALID

    def _convert(
        self, frames: Frames, at: Ints, row: Ints, raw: Ints, value: NDArray[np.float64]
    ) -> None:
        """Set those of *value* that are not *raw* as a signed integer."""
        kinds = self._kind.take(row)
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
                for index in here.tolist():
                    payload = frames["data"][at[index]].tobytes()
                    value[index] = self._fields[row[index]].read(payload)


def _steps(field: Field) -> tuple[float, float]:
    """Return the factor and the summand that lead from the converted raw value to the value."""
    # -0.0 is what can be added to any double without changing it; 0.0 turns -0.0 into 0.0.
    if field.identity or field.kind is Kind.EXACT:
        return 1.0, -0.0
    return float(field.scale), float(field.offset)
