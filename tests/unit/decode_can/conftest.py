"""Decoding through both ways, and beside cantools."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cantools.database
import numpy as np
import pytest

from gateway.counters import Counters
from gateway.decode.database import FrameDatabase
from gateway.decode.frames import FrameDecoder
from gateway.record import FRAME, CanId, Frames, Origin, Quality, Samples
from gateway.signals import SignalTable

Row = tuple[int, str, float, Quality]


def make_frames(rows: Iterable[tuple[int, bytes]], channel: int = 0) -> Frames:
    """Frames with these ids and payloads, stamped 0, 1, 2, ..."""
    rows = list(rows)
    frames = np.zeros(len(rows), FRAME)
    for index, (can_id, payload) in enumerate(rows):
        frames[index]["can_id"] = can_id
        frames[index]["len"] = len(payload)
        frames[index]["data"][: len(payload)] = list(payload)
    frames["t_ns"] = np.arange(len(rows))
    frames["channel"] = channel
    frames["origin"] = Origin.KERNEL
    return frames


def same(one: float, other: float) -> bool:
    """Bit for bit, but that any NaN is like any other."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other and math.copysign(1, one) == math.copysign(1, other)


class Decoding:
    """A database and its decoder, which is made to go both ways."""

    def __init__(self, database: FrameDatabase, wanted: Iterable[str] | None = None) -> None:
        self.database = database
        self.table = SignalTable()
        self.signals = database.register(self.table, "can0")
        self.decoder = FrameDecoder([database], [self.signals], source=7)
        self.wanted = (
            range(len(self.table))
            if wanted is None
            else [self.table.resolve(name).index for name in wanted]
        )
        self.decoder.select(self.wanted)
        self.counters = Counters()

    def one_by_one(self, frames: Frames) -> Samples:
        parts = [
            self.decoder.decode(frames[at : at + 1], self.counters) for at in range(len(frames))
        ]
        return np.concatenate(parts) if parts else self.decoder.decode(frames, self.counters)

    def all_at_once(self, frames: Frames) -> Samples:
        # So many frames of no bus are put behind that the batch is surely a big one.
        return self.decoder.decode(np.concatenate([frames, nobody(200)]), Counters())

    def both(self, frames: Frames) -> Samples:
        """The samples, after making sure that both ways give the same."""
        one, other = self.one_by_one(frames), self.all_at_once(frames)
        for name in ("t_ns", "signal", "source", "quality", "origin"):
            assert one[name].tolist() == other[name].tolist()
        assert all(map(same, one["value"].tolist(), other["value"].tolist()))
        return one

    def rows(self, frames: Frames) -> list[Row]:
        return [
            (t_ns, self.table[signal].name, value, Quality(quality))
            for t_ns, value, signal, _, quality, _ in self.both(frames).tolist()
        ]

    def values(self, can_id: int, payload: bytes) -> dict[str, float]:
        return {name: value for _, name, value, _ in self.rows(make_frames([(can_id, payload)]))}

    def qualities(self, can_id: int, payload: bytes) -> dict[str, Quality]:
        return {
            name: quality for _, name, _, quality in self.rows(make_frames([(can_id, payload)]))
        }


def nobody(count: int) -> Frames:
    """Remote frames, of which nothing comes."""
    return make_frames([(int(CanId.REMOTE), b"")] * count)


def by_cantools(message: Any, payload: bytes) -> dict[str, float] | None:
    """What cantools says, as doubles; None where it refuses."""
    try:
        decoded = message.decode(payload, decode_choices=False, allow_truncated=True)
    except cantools.database.DecodeError:
        return None
    found = {}
    for name, value in decoded.items():
        try:
            found[name] = float(value)
        except OverflowError:
            found[name] = math.copysign(math.inf, value)
    return found


def check_beside_cantools(text: str, decoding: Decoding, frames: Frames) -> int:
    """Compare every frame's values, names and order; return how many frames cantools decoded."""
    oracle = cantools.database.load_string(text, "dbc", strict=False)
    rows: dict[int, list[Row]] = {}
    for row in decoding.rows(frames):
        rows.setdefault(row[0], []).append(row)
    compared = 0
    for t_ns, can_id, length, *_, data in frames.tolist():
        message = oracle.get_message_by_frame_id(
            can_id & 0x1FFFFFFF, force_extended_id=bool(can_id & CanId.EXTENDED)
        )
        expected = by_cantools(message, bytes(data[:length]))
        if expected is None:
            continue
        compared += 1
        got = rows.get(t_ns, [])
        assert [name for _, name, _, _ in got] == list(expected), message.name
        for (_, name, value, _), wanted in zip(got, expected.values(), strict=True):
            assert same(value, wanted), (message.name, name, value, wanted)
    return compared


def write_dbc(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(['VERSION ""', "NS_ :", "BS_:", "BU_: ECU", *lines, ""]))
    return path


@pytest.fixture(scope="session")
def can() -> SimpleNamespace:
    """The functions of this file, which a test file cannot import."""
    return SimpleNamespace(
        Decoding=Decoding,
        make_frames=make_frames,
        nobody=nobody,
        same=same,
        check_beside_cantools=check_beside_cantools,
        write_dbc=write_dbc,
    )


@pytest.fixture
def decoding(tmp_path: Path):
    """Make a `Decoding` from the lines of a DBC."""

    def make(*lines: str, wanted: Iterable[str] | None = None) -> Decoding:
        return Decoding(FrameDatabase.load([write_dbc(tmp_path / "test.dbc", *lines)]), wanted)

    return make
