"""Many frames at once: the wanted fields of all messages as arrays, and one pass over a batch.

The fields of a message are laid out in *chunks* of one width: a row of a few fields that lie in
the same eight bytes of payload. A batch becomes an array with a row for each chunk of each frame,
and each step of the arithmetic one numpy call on the whole of it, whatever ids are in it. Copying
a chunk's row of shifts, masks and scales costs one memory copy, where picking them field by field
would cost several times the arithmetic itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.decode.can_field import Field, Kind
from gateway.decode.can_tree import Node
from gateway.decode.can_words import LONGEST_PAYLOAD, Ints, WordReader, Words, moves
from gateway.record import SAMPLE, Frames, Quality, Samples

_ROW_COST = 6
"""What a row costs besides its fields, in fields: choosing the chunks' width weighs with it."""

_SAMPLE_WORDS = np.dtype([("t_ns", np.int64), ("value", np.float64), ("tail", np.uint64)])
"""A `SAMPLE` whose last four fields are one word: known beforehand, but for two bytes of it."""
_ORIGIN = np.zeros(1, SAMPLE)
_ORIGIN["origin"] = 0xFF
ORIGIN_BITS = _ORIGIN.view(_SAMPLE_WORDS)["tail"][0]
"""The bits of a sample's last word that are its origin."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    fields: tuple[tuple[Field, int], ...]

    @property
    def place(self) -> tuple[bool, int | None, Kind]:
        field, _ = self.fields[0]
        return field.little_endian, field.window, field.kind


def _chunks(node: Node, width: int) -> Iterator[_Chunk]:
    """Cut a node's fields, in their order, into rows that one step can handle."""
    row: list[tuple[Field, int]] = []
    place: object = None
    for field, signal in node.fields:
        if field.end_byte > LONGEST_PAYLOAD:
            continue  # no frame carries it
        here = field.little_endian, field.window, field.kind
        if row and (here != place or len(row) == width or field.kind is Kind.EXACT):
            yield _Chunk(tuple(row))
            row = []
        place = here
        row.append((field, signal))
    if row:
        yield _Chunk(tuple(row))


def _best_width(nodes: Sequence[Node]) -> int:
    longest = max((len(node.fields) for node in nodes), default=1)

    def cost(width: int) -> int:
        return sum((_ROW_COST + width) * sum(1 for _ in _chunks(node, width)) for node in nodes)

    return min(range(1, min(longest, 32) + 1), key=cost, default=1)


class Tables:
    """The arrays for a number of nodes, which a batch then refers to by their position.

    Args:
        nodes: What frames can carry. A frame may be of several nodes; their order here is the
            order of its samples.
        source: The ``source`` of all samples.
    """

    def __init__(self, nodes: Sequence[Node], source: int) -> None:
        width = _best_width(nodes)
        rows = [list(_chunks(node, width)) for node in nodes]
        chunks = [chunk for row in rows for chunk in row]
        self._count = np.array([len(row) for row in rows], np.int64)
        self._first = np.cumsum(self._count) - self._count
        self._simple = bool((self._count == 1).all())

        places = [chunk.place for chunk in chunks]
        self._words = WordReader(chunk.fields[0][0] for chunk in chunks)
        self._window = np.array(
            [self._words.window(chunk.fields[0][0]) for chunk in chunks], np.int64
        )
        self._kind = np.array([kind for *_, kind in places], np.uint8)
        self._special = sorted({kind for *_, kind in places} - {Kind.LINEAR})
        self._exact = {
            row: chunk.fields[0][0]
            for row, chunk in enumerate(chunks)
            if chunk.place[2] is Kind.EXACT
        }

        shape = (len(chunks), width)
        self._up = np.zeros(shape, np.uint64)
        self._down = np.zeros(shape, np.int64)
        self._mask = np.zeros(shape, np.int64)
        self._scale = np.ones(shape)
        self._offset = np.zeros(shape)
        self._low = np.full(shape, -np.inf)
        self._high = np.full(shape, np.inf)
        self._end = np.full(shape, 255, np.uint8)
        tail = np.zeros(shape, SAMPLE)
        tail["source"] = source
        for row, chunk in enumerate(chunks):
            for column, (field, signal) in enumerate(chunk.fields):
                self._fill(row, column, field)
                tail[row, column]["signal"] = signal
        self._tail = tail.view(_SAMPLE_WORDS)["tail"].copy()
        self._used = self._end < 255
        self._padded = not self._used.all()
        self._need = np.where(self._used, self._end, 0).max(axis=1, initial=0)
        self._floating = any(field.floating for chunk in chunks for field, _ in chunk.fields)
        self._checked = any(field.may_leave_limits for chunk in chunks for field, _ in chunk.fields)

    def _fill(self, row: int, column: int, field: Field) -> None:
        at = row, column
        self._end[at] = field.end_byte
        if field.may_leave_limits:
            self._low[at], self._high[at] = field.limits
        if field.kind is Kind.EXACT:
            self._offset[at] = -0.0
            return
        self._up[at], self._down[at], self._mask[at] = moves(field)
        self._scale[at] = 1.0 if field.identity else field.scale
        # -0.0 is what can be added to any double without changing it; 0.0 would turn -0.0 to 0.0.
        self._offset[at] = -0.0 if field.identity else field.offset

    def decode(self, frames: Frames, frame: Ints, node: Ints, tails: Words) -> Samples:
        """Return the samples of a batch.

        Args:
            frames: The batch.
            frame: Positions in *frames*, ascending.
            node: For each of them, what it carries, as a position in the nodes.
            tails: For each frame of the batch, its origin, as `ORIGIN_BITS` has it.
        """
        if self._simple:
            row = node
        else:
            count = self._count.take(node)
            ends = count.cumsum()
            first = (self._first.take(node) - ends + count).repeat(count)
            row = first
            row += np.arange(len(row))
            frame = frame.repeat(count)
        word = self._words.read(frames, frame, self._window.take(row))
        raw = (word[:, None] << self._up.take(row, axis=0)).view(np.int64)
        raw >>= self._down.take(row, axis=0)
        raw &= self._mask.take(row, axis=0)
        value = raw.astype(np.float64)
        if self._special:
            self._convert(frames, frame, row, raw, value)
        samples = np.empty(value.shape, _SAMPLE_WORDS)
        value *= self._scale.take(row, axis=0)
        value += self._offset.take(row, axis=0)
        samples["value"] = value
        samples["t_ns"] = frames["t_ns"].take(frame)[:, None]
        np.bitwise_or(self._tail.take(row, axis=0), tails.take(frame)[:, None], out=samples["tail"])
        result = samples.view(SAMPLE)
        if self._checked:
            self._check(value, row, result)
        return self._carried(frames["len"].take(frame), row, result)

    def _convert(
        self, frames: Frames, frame: Ints, row: Ints, raw: Ints, value: NDArray[np.float64]
    ) -> None:
        kinds = self._kind.take(row)
        for kind in self._special:
            at = np.flatnonzero(kinds == kind)
            if not len(at):
                continue
            bits: Any = raw[at]
            if kind is Kind.UNSIGNED:
                value[at] = bits.view(np.uint64)
            elif kind is Kind.FLOAT16:
                value[at] = bits.astype(np.uint16).view(np.float16)
            elif kind is Kind.FLOAT32:
                value[at] = bits.astype(np.uint32).view(np.float32)
            elif kind is Kind.FLOAT64:
                value[at] = bits.view(np.float64)
            else:
                for index in at.tolist():
                    field = self._exact[int(row[index])]
                    value[index, 0] = field.read(frames[frame[index]]["data"].tobytes())

    def _check(self, value: NDArray[np.float64], row: Ints, samples: Samples) -> None:
        bad = value < self._low.take(row, axis=0)
        bad |= value > self._high.take(row, axis=0)
        if bad.any():
            samples["quality"][bad] = Quality.OUT_OF_RANGE
        if self._floating:
            samples["quality"][np.isnan(value)] = Quality.INVALID

    def _carried(self, length: NDArray[np.uint8], row: Ints, samples: Samples) -> Samples:
        """Return the samples that are real: not a row's padding, nor beyond the frame's end."""
        if (length < self._need.take(row)).any():
            return samples[self._end.take(row, axis=0) <= length[:, None]]
        if self._padded:
            return samples[self._used.take(row, axis=0)]
        return samples.reshape(-1)
