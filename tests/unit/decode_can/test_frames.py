"""Which frames mean what: ids, lengths, multiplexers, and frames that mean nothing."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest

from gateway.counters import Counters
from gateway.decode.database import FrameDatabase
from gateway.decode.frames import FrameDecoder
from gateway.record import CanId
from gateway.signals import SignalTable

EXTENDED = 0x80000000
TWO_WIDTHS = (
    "BO_ 291 Short: 2 ECU",
    ' SG_ A : 0|8@1+ (1,0) [0|0] "" ECU',
    f"BO_ {EXTENDED | 291} Long: 2 ECU",
    ' SG_ B : 0|8@1+ (1,0) [0|0] "" ECU',
)


def test_ids_of_11_and_of_29_bits_are_kept_apart(decoding):
    made = decoding(*TWO_WIDTHS)
    assert made.values(291, b"\1\2") == {"A": 1.0}
    assert made.values(EXTENDED | 291, b"\1\2") == {"B": 1.0}


def test_unknown_ids_are_counted_as_candump_writes_them(decoding, can):
    made = decoding(*TWO_WIDTHS)
    frames = can.make_frames(
        [(0x7DF, b"\1"), (291, b"\1"), (EXTENDED | 0x18EEFF01, b""), (0x7DF, b""), (0x12, b"")]
    )
    expected = {"7DF": 2, "18EEFF01": 1, "012": 1}
    made.one_by_one(frames)
    assert made.counters.unknown == expected
    assert (made.counters.received, made.counters.delivered) == (5, 5)

    at_once = Counters()
    made.decoder.decode(np.concatenate([frames] * 50), at_once)
    assert at_once.unknown == {name: 50 * count for name, count in expected.items()}
    assert (at_once.received, at_once.delivered) == (250, 250)


def test_unknown_ids_are_counted_in_whichever_batch_they_come(decoding, can):
    made = decoding(*TWO_WIDTHS)
    batches = [can.make_frames([(can_id, b"\1")] * 200) for can_id in (291, 0x7DF, EXTENDED | 291)]
    for order in itertools.permutations(batches):
        made.decoder.select(made.wanted)
        counters = Counters()
        for batch in (*order, *order):
            made.decoder.decode(batch, counters)
        assert counters.unknown == {"7DF": 400}


def test_error_frames_are_counted_and_remote_frames_pass(decoding, can):
    made = decoding(*TWO_WIDTHS)
    frames = can.make_frames(
        [
            (CanId.ERROR | 4, bytes(8)),
            (CanId.REMOTE | 291, b"\1\2"),
            (CanId.REMOTE | 0x7DF, b""),
            (CanId.ERROR | 0x40, bytes(8)),
        ]
    )
    assert len(made.both(frames)) == 0
    for decode in (made.one_by_one, lambda these: made.decoder.decode(these, made.counters)):
        made.counters = Counters()
        decode(np.concatenate([frames] * 50))
        assert made.counters.error_frames == 100
        assert made.counters.unknown == {}
        assert made.counters.delivered == 200


def test_so_many_unknown_ids_that_nobody_reads_them_are_counted_together(decoding, can):
    made = decoding(*TWO_WIDTHS)
    frames = can.make_frames([(EXTENDED | number, b"") for number in range(5000)])
    for decode in (made.one_by_one, lambda these: made.decoder.decode(these, made.counters)):
        made.counters = Counters()
        decode(frames)
        assert len(made.counters.unknown) == 4096 + 1  # one of them is "other"
        assert made.counters.unknown["other"] == 4999 - 4096
        assert sum(made.counters.unknown.values()) == 4999


def test_more_ids_than_are_remembered_change_nothing(decoding, can, monkeypatch):
    monkeypatch.setattr("gateway.decode.can_ids.MOST_LEARNED", 10)
    monkeypatch.setattr("gateway.decode.frames.MOST_LEARNED", 10)
    made = decoding(*TWO_WIDTHS)
    for start in range(0, 400, 40):
        unknown = [(number | EXTENDED, b"") for number in range(1000 + start, 1040 + start)]
        frames = can.make_frames([(291, b"\7\0"), *unknown, (EXTENDED | 291, b"\7\0")])
        assert len(made.both(frames)) == 2
    assert sum(made.counters.unknown.values()) == 400


def test_ids_that_look_alike_are_told_apart(decoding, can, monkeypatch):
    monkeypatch.setattr("gateway.decode.can_ids._SLOT_BITS", 1)
    monkeypatch.setattr("gateway.decode.can_ids._SHIFT", np.array(63))
    lines = [
        line
        for number in range(40)
        for line in (f"BO_ {number} M{number}: 1 E", f' SG_ S{number} : 0|8@1+ (1,0) [0|0] "" E')
    ]
    made = decoding(*lines)
    frames = can.make_frames([(number % 50, bytes([number])) for number in range(250)])
    expected = [
        (number, f"S{number % 50}", float(number)) for number in range(250) if number % 50 < 40
    ]
    for _ in range(2):
        assert [row[:3] for row in made.rows(frames)] == expected
    counters = Counters()
    made.decoder.decode(frames, counters)
    assert counters.unknown == {f"{number:03X}": 5 for number in range(40, 50)}


def test_an_empty_batch_gives_no_samples(decoding, can):
    made = decoding(*TWO_WIDTHS)
    assert len(made.decoder.decode(can.make_frames([]), made.counters)) == 0
    assert len(made.decoder.decode(can.nobody(500), made.counters)) == 0


def test_a_short_frame_gives_the_signals_wholly_inside(decoding):
    made = decoding(
        "BO_ 1 M: 8 ECU",
        ' SG_ LITTLE : 0|16@1+ (1,0) [0|0] "" ECU',
        ' SG_ CUT : 16|12@1+ (1,0) [0|0] "" ECU',
        ' SG_ BIG : 39|8@0+ (1,0) [0|0] "" ECU',
        ' SG_ LAST : 47|16@0+ (1,0) [0|0] "" ECU',
    )
    assert list(made.values(1, bytes(8))) == ["LITTLE", "CUT", "BIG", "LAST"]
    assert list(made.values(1, bytes(7))) == ["LITTLE", "CUT", "BIG", "LAST"]
    assert list(made.values(1, bytes(6))) == ["LITTLE", "CUT", "BIG"]
    assert list(made.values(1, bytes(3))) == ["LITTLE"]
    assert list(made.values(1, bytes(1))) == []
    assert list(made.values(1, b"")) == []


def test_a_message_without_signals_is_known_and_gives_nothing(decoding):
    made = decoding("BO_ 1 M: 8 ECU", *TWO_WIDTHS)
    assert made.values(1, bytes(8)) == {}
    assert made.counters.unknown == {}


def test_a_longer_frame_is_decoded_like_its_message(decoding):
    assert decoding(*TWO_WIDTHS).values(291, bytes([9] * 64)) == {"A": 9.0}


def test_overlapping_signals_are_each_what_their_bits_say(decoding):
    made = decoding(
        "BO_ 1 M: 2 ECU",
        ' SG_ BYTE : 8|8@1+ (1,0) [0|0] "" ECU',
        ' SG_ BOTH : 0|16@1+ (1,0) [0|0] "" ECU',
        ' SG_ MOTOROLA : 7|16@0+ (1,0) [0|0] "" ECU',
    )
    assert made.values(1, b"\x12\x34") == {"BYTE": 0x34, "BOTH": 0x3412, "MOTOROLA": 0x1234}


MULTIPLEXED = (
    "BO_ 1 M: 8 ECU",
    ' SG_ ALWAYS : 56|8@1+ (1,0) [0|0] "" ECU',
    ' SG_ MODE M : 0|8@1+ (1,0) [0|0] "" ECU',
    ' SG_ FIRST m0 : 8|8@1+ (1,0) [0|0] "" ECU',
    ' SG_ SECOND m1 : 8|16@1+ (1,0) [0|0] "" ECU',
)


def test_a_multiplexer_selects_what_the_frame_carries(decoding):
    made = decoding(*MULTIPLEXED)
    assert made.values(1, bytes([0, 2, 3, 0, 0, 0, 0, 9])) == {"MODE": 0, "ALWAYS": 9, "FIRST": 2}
    assert made.values(1, bytes([1, 2, 3, 0, 0, 0, 0, 9])) == {
        "MODE": 1, "ALWAYS": 9, "SECOND": 0x302,
    }  # fmt: skip


def test_a_multiplexer_at_a_value_nobody_defined_selects_nothing(decoding):
    made = decoding(*MULTIPLEXED)
    assert made.values(1, bytes([7, 2, 3, 0, 0, 0, 0, 9])) == {"MODE": 7, "ALWAYS": 9}


def test_a_multiplexed_signal_alone_is_wanted_without_its_multiplexer(decoding):
    made = decoding(*MULTIPLEXED, wanted=["SECOND"])
    assert made.values(1, bytes([1, 2, 3, 0, 0, 0, 0, 9])) == {"SECOND": 0x302}
    assert made.values(1, bytes([0, 2, 3, 0, 0, 0, 0, 9])) == {}


def test_a_frame_too_short_for_its_multiplexer_selects_nothing(decoding):
    made = decoding(
        "BO_ 1 M: 8 ECU",
        ' SG_ MODE M : 56|8@1+ (1,0) [0|0] "" ECU',
        ' SG_ FIRST m0 : 0|8@1+ (1,0) [0|0] "" ECU',
    )
    assert made.values(1, bytes(8)) == {"MODE": 0, "FIRST": 0}
    assert made.values(1, bytes(7)) == {}


NESTED = (
    "BO_ 1 M: 8 ECU",
    ' SG_ OUTER M : 0|4@1+ (1,0) [0|0] "" ECU',
    ' SG_ INNER m2M : 4|4@1- (1,0) [0|0] "" ECU',
    ' SG_ DEEP m0 : 8|8@1+ (1,0) [0|0] "" ECU',
    ' SG_ WIDE m0 : 16|8@1+ (1,0) [0|0] "" ECU',
    "SG_MUL_VAL_ 1 INNER OUTER 2-2;",
    "SG_MUL_VAL_ 1 DEEP INNER 1-3, 6-6;",
    "SG_MUL_VAL_ 1 WIDE OUTER 0-9;",
)


@pytest.mark.parametrize(
    ("first", "names"),
    [
        (0x02, ["OUTER", "INNER", "WIDE"]),
        (0x12, ["OUTER", "INNER", "WIDE", "DEEP"]),
        (0x32, ["OUTER", "INNER", "WIDE", "DEEP"]),
        (0x62, ["OUTER", "INNER", "WIDE", "DEEP"]),
        (0x42, ["OUTER", "INNER", "WIDE"]),
        (0x13, ["OUTER", "WIDE"]),
        (0x1F, ["OUTER"]),
    ],
)
def test_multiplexers_within_multiplexers_select_by_ranges(decoding, first, names):
    assert list(decoding(*NESTED).values(1, bytes([first, 1, 2, 3, 4, 5, 6, 7]))) == names


def test_samples_are_in_the_order_of_the_frames_whatever_is_multiplexed(decoding, can):
    made = decoding(*MULTIPLEXED, "BO_ 2 N: 1 ECU", ' SG_ PLAIN : 0|8@1+ (1,0) [0|0] "" ECU')
    frames = can.make_frames([(1, bytes(8)), (2, b"\1"), (1, bytes([1] * 8)), (2, b"\2")] * 20)
    rows = made.rows(frames)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert [name for _, name, _, _ in rows[:8]] == [
        "MODE", "ALWAYS", "FIRST", "PLAIN", "MODE", "ALWAYS", "SECOND", "PLAIN",
    ]  # fmt: skip


def side_by_side(switches: int, values: int) -> tuple[str, ...]:
    """A message with multiplexers beside each other, of two bits each, and what they select."""
    lines = ["BO_ 1 M: 8 ECU"]
    ranges = []
    for switch in range(switches):
        lines.append(f' SG_ S{switch} M : {2 * switch}|2@1+ (1,0) [0|0] "" ECU')
        for value in range(values):
            name = f"F{switch}_{value}"
            lines.append(f' SG_ {name} m{value} : {16 + value}|8@1+ (1,0) [0|0] "" ECU')
            ranges.append(f"SG_MUL_VAL_ 1 {name} S{switch} {value}-{value};")
    return (*lines, *ranges)


@pytest.mark.parametrize("switches", [2, 8])
def test_multiplexers_beside_each_other_each_select(decoding, can, switches):
    made = decoding(*side_by_side(switches, 3))
    frames = can.make_frames(
        [(1, bytes([number, 5 * number % 256, 1, 2])) for number in range(256)]
    )
    rows = made.rows(frames)
    for number in (0, 0b0110, 0b1101):
        chosen = [(number | 5 * number << 8) >> 2 * switch & 3 for switch in range(switches)]
        assert {name for t_ns, name, *_ in rows if t_ns == number} == {
            *(f"S{switch}" for switch in range(switches)),
            *(f"F{switch}_{value}" for switch, value in enumerate(chosen) if value < 3),
        }


def test_so_many_forms_that_they_are_taken_one_by_one_stand_in_the_order_of_the_frames(
    decoding, can
):
    plain = ("BO_ 2 N: 1 ECU", ' SG_ PLAIN : 0|8@1+ (1,0) [0|0] "" ECU')
    made = decoding(*plain, *side_by_side(8, 3))
    pair = [(2, b"\7"), (1, bytes([0xFF] * 8))]
    rows = made.rows(can.make_frames(pair * 50))
    names = ["PLAIN", *(f"S{switch}" for switch in range(8))]
    assert [name for _, name, *_ in rows] == names * 50


def test_a_multiplexer_of_many_bits_selects(decoding):
    made = decoding(
        "BO_ 1 M: 8 ECU",
        ' SG_ MODE M : 0|20@1+ (1,0) [0|0] "" ECU',
        ' SG_ FIRST m65537 : 24|8@1+ (1,0) [0|0] "" ECU',
    )
    assert made.values(1, bytes([1, 0, 1, 9, 0, 0, 0, 0])) == {"MODE": 65537, "FIRST": 9}
    assert made.values(1, bytes([1, 0, 0, 9, 0, 0, 0, 0])) == {"MODE": 1}


def test_a_multiplexer_with_a_sign_selects_by_negative_values(decoding):
    made = decoding(
        "BO_ 1 M: 8 ECU",
        ' SG_ MODE M : 7|4@0- (-1,0) [0|0] "" ECU',
        ' SG_ FIRST m3 : 8|8@1+ (1,0) [0|0] "" ECU',
    )
    assert made.values(1, bytes([0xD0, 9, 0, 0, 0, 0, 0, 0])) == {"MODE": 3, "FIRST": 9}
    assert made.values(1, bytes([0x30, 9, 0, 0, 0, 0, 0, 0])) == {"MODE": -3}


def test_a_scaled_multiplexer_stands_at_its_scaled_value(decoding):
    made = decoding(
        "BO_ 1 M: 8 ECU",
        ' SG_ MODE M : 0|8@1+ (0.5,1) [0|0] "" ECU',
        ' SG_ FIRST m3 : 8|8@1+ (1,0) [0|0] "" ECU',
    )
    selected = [raw for raw in range(256) if "FIRST" in made.values(1, bytes([raw] + [0] * 7))]
    assert selected == [raw for raw in range(256) if int(raw * 0.5 + 1) == 3] == [4, 5]


def test_channels_have_their_own_databases(tmp_path, can):
    body = can.write_dbc(tmp_path / "a.dbc", "BO_ 1 A: 1 E", ' SG_ S : 0|8@1+ (1,0) [0|0] "" E')
    radar = can.write_dbc(tmp_path / "b.dbc", "BO_ 1 B: 1 E", ' SG_ S : 0|8@1+ (2,0) [0|0] "" E')
    databases = [FrameDatabase.load([body]), None, FrameDatabase.load([radar])]
    table = SignalTable()
    signals = [
        database.register(table, f"can{channel}") if database else ()
        for channel, database in enumerate(databases)
    ]
    decoder = FrameDecoder(databases, signals, source=0)
    decoder.select(range(len(table)))
    frames = np.concatenate([can.make_frames([(1, b"\5")], channel) for channel in range(4)])
    for batch in (frames, np.concatenate([frames, can.nobody(200)])):
        counters = Counters()
        samples = decoder.decode(batch, counters)
        names = [table[index].full_name for index in samples["signal"]]
        assert dict(zip(names, samples["value"].tolist(), strict=True)) == {
            "can0.A.S": 5.0,
            "can2.B.S": 10.0,
        }
        assert counters.unknown == {"001": 2}


def test_a_view_into_a_bigger_array_is_decoded_like_a_copy(decoding, can):
    made = decoding(*TWO_WIDTHS)
    frames = can.make_frames([(291, bytes([number, 0])) for number in range(200)])
    assert made.both(frames[::3])["value"].tolist() == list(range(0, 200, 3))


def test_a_decoder_survives_pickling_with_its_selection(decoding, can):
    made = decoding(*MULTIPLEXED, wanted=["SECOND"])
    frames = can.make_frames([(1, bytes([1] * 8))] * 3)
    expected = made.both(frames)
    made.decoder = pickle.loads(pickle.dumps(made.decoder))
    assert made.both(frames).tolist() == expected.tolist()


@pytest.mark.parametrize("lines", [TWO_WIDTHS, MULTIPLEXED], ids=["one signal", "several"])
def test_a_batch_of_any_size_gives_the_same_as_its_frames(decoding, can, lines):
    made = decoding(*lines, "BO_ 3 Wide: 8 E", ' SG_ LAST : 56|8@1+ (1,0) [0|0] "" E')
    ids = (1, 291, 3, 99)
    frames = can.make_frames([(ids[number % 4], bytes([number % 3] * 8)) for number in range(6000)])
    expected = made.one_by_one(frames)
    for size in (2, 7, 33, 6000):
        parts = [
            made.decoder.decode(frames[start : start + size], made.counters)
            for start in range(0, len(frames), size)
        ]
        assert np.concatenate(parts).tobytes() == expected.tobytes()


def test_batches_of_ever_other_sizes_give_the_same_as_their_frames(decoding, can):
    made = decoding(*TWO_WIDTHS)
    frames = can.make_frames([(291, bytes([number % 256, 1])) for number in range(10_000)])
    values = frames["data"][:, 0].astype(float)
    start = 0
    for size in (*range(70, 150), 70, 149, 70):
        stop = start + size
        samples = made.decoder.decode(frames[start:stop], made.counters)
        assert samples["t_ns"].tolist() == list(range(start, stop))
        assert samples["value"].tolist() == values[start:stop].tolist()
        start = stop


@pytest.mark.parametrize("lines", [TWO_WIDTHS, MULTIPLEXED], ids=["plain", "multiplexed"])
def test_many_frames_are_decoded_at_once(decoding, can, monkeypatch, lines):
    made = decoding(*lines)
    frames = can.make_frames([(number % 2 * 290 + 1, bytes(8)) for number in range(400)])
    monkeypatch.setattr("gateway.decode.frames.write_function", None)
    assert len(made.decoder.decode(frames, made.counters)) >= 200


def test_a_handful_of_frames_is_decoded_one_by_one(decoding, can, monkeypatch):
    made = decoding(*TWO_WIDTHS)
    monkeypatch.setattr("gateway.decode.can_batches.Batches.decode", None)
    assert len(made.decoder.decode(can.make_frames([(291, bytes(2))] * 8), made.counters)) == 8


def test_the_more_a_frame_carries_the_fewer_are_decoded_at_once(decoding, can, monkeypatch):
    def message(number, signals, kind=""):
        facts = '|4@1+ (1,0) [0|0] "" E'
        places = ((at, f" SG_ S{number}_{at} {kind}: {4 + 4 * at}{facts}") for at in range(signals))
        return (f"BO_ {number} M{number}: 8 E", *(line for _, line in places))

    def enough(*lines):
        """How many frames are decoded at once."""
        made = decoding(*lines)
        for many in range(1, 1000):
            try:
                made.decoder.decode(can.make_frames([(1, bytes(8))] * many), made.counters)
            except ZeroDivisionError:
                return many
        return None

    monkeypatch.setattr("gateway.decode.can_batches.Batches.decode", lambda *_: 1 // 0)

    one = enough(*message(1, 1))
    assert 1 < enough(*message(1, 12)) < one < 200
    assert enough(*message(1, 1), *message(2, 1), *message(3, 1)) == one
    switch = ' SG_ MODE M : 0|4@1+ (1,0) [0|0] "" E'
    assert enough(*message(1, 12, "m3 "), switch) < one


def test_samples_that_are_kept_are_never_written_again(decoding, can):
    made = decoding(*TWO_WIDTHS)
    kept = []
    for number in range(6):
        frames = can.make_frames([(291, bytes([number, 0]))] * 200)
        samples = made.decoder.decode(frames, made.counters)
        kept.append(samples["value"][10:20] if number % 2 else samples["value"])
        del samples
    assert [set(values.tolist()) for values in kept] == [{number} for number in range(6)]
