"""The journal after a power cut: it opens, and every event before the damage is there."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest

from gateway.sinks.journal import Journal, Repair

TAIL = 4096


@pytest.fixture
def path():
    """A journal in memory, where the disk need not be waited for."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="journal-", dir=shared))
    yield folder / "alarms.jsonl"
    shutil.rmtree(folder)


def event(n):
    """The line of event number *n*, as the gateway writes it."""
    return json.dumps(
        {
            "event": ("raised", "cleared")[n % 2],
            "rule": f"rule_{n % 7}",
            "signal": "can0.EngineStatus.ENGINE_TEMP",
            "value": n / 7,
            "unit": "°C",
            "severity": "warning",
            "message": "High engine temperature {" + "x" * (n % 50),
            "t_ns": 46408584930000 + n,
            "time": "2026-11-21T20:00:00.123456789Z",
        },
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode() + b"\n"  # fmt: skip


@pytest.fixture
def acknowledged(path):
    """The lines of a journal that said of each that it is on disk."""
    lines = [event(n) for n in range(60)]
    with Journal(path) as journal:
        assert all(journal.write([line]) for line in lines)
    assert path.read_bytes() == b"".join(lines)
    assert len(b"".join(lines)) > 2 * TAIL
    return lines


LEFT = {
    "nothing": lambda size: bytes(0 * size),
    "zeros": bytes,
    "what was there before": lambda size: (b"\xde\xad\n{}" * size)[:size],
    "old events": lambda size: (event(99)[7:] * size)[:size],
}
"""What a file system may leave where the rest should be."""


@pytest.mark.parametrize("left", LEFT)
def test_cut_at_every_byte_of_its_end_it_keeps_every_event_before_the_cut(
    path, acknowledged, amount, figure, left
):
    whole = b"".join(acknowledged)
    step = 1 if left == "nothing" or amount(0, 1) else 5
    cuts = range(len(whole) - TAIL, len(whole), step)
    for cut in cuts:
        kept = whole[: whole.rfind(b"\n", 0, cut) + 1]
        behind = LEFT[left](len(whole) - cut)
        path.write_bytes(whole[:cut] + behind)
        with Journal(path) as journal:
            after = path.read_bytes()
            assert after.startswith(kept), f"cut at {cut}"
            if journal.repair is None:
                assert whole[:cut] + behind == after
            else:
                lost = (whole[:cut] + behind)[journal.repair.offset :]
                assert lost.startswith(journal.repair.start)
                assert journal.repair.size <= len(lost)
            if left != "old events":  # some of these are whole
                assert after in (kept, kept + whole[len(kept) : cut] + b"\n"), f"cut at {cut}"
            assert journal.write([event(100)])
        assert path.read_bytes() == after + event(100)
    figure(f"{len(cuts):,} cuts with {left} behind: every event before the cut kept")


def test_a_flipped_bit_costs_no_event_but_the_one_that_it_is_in(path, acknowledged, amount, figure):
    rng = random.Random(6)
    whole = b"".join(acknowledged)
    starts = [0]
    for line in acknowledged:
        starts.append(starts[-1] + len(line))
    flips, dropped = amount(2_000, 10_000), 0
    for _ in range(flips):
        at, bit = rng.randrange(len(whole) - TAIL, len(whole)), rng.randrange(8)
        flipped = bytearray(whole)
        flipped[at] ^= 1 << bit
        hit = next(n for n, start in enumerate(starts) if at < start) - 1
        path.write_bytes(flipped)
        with Journal(path) as journal:
            after = path.read_bytes()
            assert after.startswith(whole[: starts[hit]])
            assert after.endswith(whole[starts[hit + 1] :])
            if at == starts[hit + 1] - 1 and hit >= len(acknowledged) - 2:
                assert after == whole, "a line feed is put back"
            if journal.repair is None:
                assert after == flipped
            else:
                dropped += 1
                assert flipped[journal.repair.offset :].startswith(journal.repair.start)
                assert after[: journal.repair.offset] == flipped[: journal.repair.offset]
                assert len(flipped) - len(after) <= journal.repair.size
            assert journal.write([event(100)])
        assert path.read_bytes() == after + event(100)
    figure(f"{flips:,} bit flips: opened every time, {dropped} last events dropped and said")


def test_damage_of_any_kind_to_a_journal_of_one_event_does_not_keep_it_from_opening(path):
    line = event(1)
    for at in range(len(line)):
        for bit in range(8):
            flipped = bytearray(line)
            flipped[at] ^= 1 << bit
            path.write_bytes(flipped)
            with Journal(path) as journal:
                assert path.read_bytes() in (flipped, line, b"")
                assert journal.repair is None or isinstance(journal.repair, Repair)
                assert journal.write([event(2)])
