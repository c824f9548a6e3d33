"""Many frames at once: the same samples as of each frame by itself, whatever is in the messages."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.counters import Counters
from gateway.decode.database import FrameDatabase
from gateway.decode.frames import FrameDecoder
from gateway.signals import SignalTable

PLAIN, FLOATS, GROUP = 5, 6, 0x98FEF1FE
"""Ids of messages: any; one of floats; one of a parameter group."""


def signal(name: str, place: str, scale: str = "(1,0)", limits: str = "[0|0]", kind: str = ""):
    return f' SG_ {name} {kind}: {place} {scale} {limits} "" E'


def message(*signals: str, can_id: int = PLAIN, length: int = 8) -> tuple[str, ...]:
    return (f"BO_ {can_id} M{can_id}: {length} E", *signals)


MESSAGES = {
    "one byte": message(signal("A", "8|8@1+")),
    "a sign": message(signal("A", "8|12@1-")),
    "64 bits": message(signal("A", "0|64@1+", "(0.5,0)")),
    "64 bits and a sign": message(signal("A", "7|64@0-", "(0.5,0)")),
    "an offset": message(signal("A", "8|12@1-", "(0.1,-40)")),
    "a negative factor": message(signal("A", "8|4@1-", "(-0.5,0)")),
    "a factor of 0": message(signal("A", "8|4@1-", "(0,0)")),
    "a minimum": message(signal("A", "8|8@1-", limits="[-3|1000]")),
    "a maximum": message(signal("A", "8|8@1-", limits="[-1000|3]")),
    "both limits": message(signal("A", "8|8@1-", limits="[-3|3]")),
    "too great for a double": message(signal("A", "8|8@1-", "(1e307,0.5)")),
    "too great an integer for a double": message(signal("A", "8|8@1-", "(1e307,0)")),
    "nine bytes": message(signal("A", "3|68@1+", limits="[0|1e20]"), length=12),
    "half": message(signal("A", "0|16@1-"), "SIG_VALTYPE_ 5 A : 1;"),
    "single": message(signal("A", "7|32@0-", "(-2,0)"), "SIG_VALTYPE_ 5 A : 1;"),
    "a scaled float": message(signal("A", "7|32@0-", "(2,0)"), "SIG_VALTYPE_ 5 A : 1;"),
    "double": message(signal("A", "0|64@1-", limits="[-1|1e200]"), "SIG_VALTYPE_ 5 A : 2;"),
    "not available": message(signal("A", "0|3@1+"), can_id=GROUP),
    "not available at the least": message(signal("A", "0|3@1+", "(-1,0)"), can_id=GROUP),
    "not available at either end": message(
        signal("A", "0|3@1+", "(-1,0)", "[-5|5]"), signal("B", "8|3@1+", "(1,0)", "[0|4]"),
        signal("C", "16|3@1-"), signal("D", "24|1@1+"), can_id=GROUP,
    ),
    "four": message(*(signal(f"S{n}", f"{8 * n}|8@1+") for n in range(4))),
    "five": message(*(signal(f"S{n}", f"{8 * n}|8@1-") for n in range(5))),
    "thirteen": message(*(signal(f"S{n}", f"{5 * n}|4@1-", "(0.5,1)") for n in range(12)),
                        signal("LAST", "61|3@1+", limits="[0|5]")),
    "both byte orders": message(signal("A", "0|16@1+"), signal("B", "23|16@0-"),
                                signal("C", "36|12@1+"), signal("D", "52|4@1+")),
    "several windows": message(*(signal(f"S{n}", f"{8 * n + 3}|10@1+") for n in range(0, 60, 6)),
                               length=64),
    "some of everything": message(
        signal("A", "0|32@1-"), signal("B", "39|12@0-", "(-2,0)"), signal("C", "64|64@1+"),
        signal("D", "130|70@1-"), signal("E", "208|16@1-"), signal("F", "224|64@1-"),
        signal("G", "288|8@1+", limits="[7|100]"), signal("H", "303|32@0+", "(3,1)"),
        "SIG_VALTYPE_ 6 A : 1;", "SIG_VALTYPE_ 6 E : 1;", "SIG_VALTYPE_ 6 F : 2;",
        can_id=FLOATS, length=64,
    ),
    "a multiplexer": message(
        signal("MODE", "0|2@1+", kind="M "), signal("A", "8|8@1+", kind="m0 "),
        signal("B", "8|16@1-", "(0.5,0)", kind="m1 "), signal("C", "63|8@0+", kind="m1 "),
        signal("D", "24|8@1+", kind="m2 "), signal("ALWAYS", "56|8@1+"),
    ),
    "a multiplexer in another window": message(
        signal("FIRST", "0|16@1+"), signal("MODE", "87|10@0+", kind="M "),
        *(signal(f"S{n}", f"{8 * n + 16}|8@1+", kind=f"m{n} ") for n in range(5)), length=12,
    ),
    "a multiplexer with a sign": message(
        signal("MODE", "0|2@1-", "(-1,0)", kind="M "), signal("A", "8|8@1+", kind="m0 "),
        signal("B", "16|8@1+", kind="m2 "),
    ),
}  # fmt: skip


def rows_of(samples, can):
    """All of the samples, NaN being like NaN."""
    values = [0.5 if can.same(value, np.nan) else value for value in samples["value"].tolist()]
    signs = np.signbit(np.where(np.isnan(samples["value"]), 1, samples["value"])).tolist()
    rest = [samples[name].tolist() for name in ("t_ns", "signal", "source", "quality", "origin")]
    return list(zip(values, signs, *rest, strict=True))


@pytest.fixture(params=MESSAGES)
def made(decoding, request):
    """The decoding of a message, and of another one that nobody wants."""
    found = decoding("BO_ 9 Other: 8 E", signal("U", "0|8@1+"), *MESSAGES[request.param])
    found.wanted = [each.index for each in found.signals if each.name != "U"]
    found.decoder.select(found.wanted)
    return found


@pytest.fixture
def frames(made, can):
    """Frames of the message: full ones, short ones, and some at the ends of what bits can be."""
    wanted = made.database.messages[1]
    length = wanted.length
    rng = np.random.default_rng(length)
    payloads = [bytes([byte] * length) for byte in (0x00, 0xFF, 0x80, 0x7F, 0x01, 0x7C, 0xFC)]
    payloads += [b"\x80".ljust(length, b"\0"), b"\x80".rjust(length, b"\0")]
    payloads += [rng.bytes(length) for _ in range(120)]
    payloads += [rng.bytes(short) for short in range(length)]
    payloads += [bytes([*range(start, start + length)]) for start in range(8)]
    return can.make_frames([(wanted.can_id, payload) for payload in payloads])


def test_a_batch_of_them_alone(made, frames, can):
    expected = rows_of(made.one_by_one(frames), can)
    assert rows_of(made.decoder.decode(frames, made.counters), can) == expected


def test_a_batch_of_hardly_any(made, frames, can):
    expected = rows_of(made.one_by_one(frames[::5]), can)
    batch = can.make_frames([(9, bytes(8))] * 5 * len(frames[::5]))
    batch[::5] = frames[::5]
    assert rows_of(made.decoder.decode(batch, made.counters), can) == expected


def test_a_batch_longer_than_what_is_computed_in_one_go(made, frames, can):
    expected = rows_of(made.one_by_one(frames), can)
    copies = 6000 // len(frames)
    batch = np.concatenate([frames] * copies)
    assert rows_of(made.decoder.decode(batch, made.counters), can) == expected * copies


def test_a_batch_in_which_the_message_comes_later(made, frames, can):
    expected = rows_of(made.one_by_one(frames[:30]), can)
    others = can.make_frames([(9, bytes(8))] * 150)
    made.decoder.select(made.wanted)
    assert len(made.decoder.decode(others, made.counters)) == 0
    batch = np.concatenate([others, frames[:30]])
    assert rows_of(made.decoder.decode(batch, made.counters), can) == expected


def test_a_batch_of_several_messages_and_channels(tmp_path, can):
    databases = [
        FrameDatabase.load([can.write_dbc(tmp_path / f"{number}.dbc", *lines)])
        for number, lines in enumerate(MESSAGES.values())
    ]
    table = SignalTable()
    signals = [made.register(table, f"can{number}") for number, made in enumerate(databases)]
    decoder = FrameDecoder(databases, signals, source=3)
    decoder.select(range(len(table)))
    rng = np.random.default_rng(0)
    rows, channels = [], []
    for number in rng.integers(0, len(databases), 3000).tolist():
        (sent,) = databases[number].messages
        rows.append((sent.can_id, rng.bytes(sent.length)))
        channels.append(number)
    frames = can.make_frames(rows)
    frames["channel"] = channels
    frames["origin"] = rng.integers(0, 4, len(frames))
    counters = Counters()
    one_by_one = [decoder.decode(frames[at : at + 1], counters) for at in range(len(frames))]
    expected = rows_of(np.concatenate(one_by_one), can)
    assert rows_of(decoder.decode(frames, counters), can) == expected
    assert {row[-2] for row in expected} == {0, 1, 2}
