"""NMEA 2000 messages of more than eight bytes, put together from their frames."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.counters import Counters
from gateway.decode.can_fast_packet import FastPackets, is_fast_packet
from gateway.record import CanId

POSITION = 0x80000000 | 0x0DF805FE  # group 129029
SENDER = 0x80000000 | 0x0DF80523
PLAIN = 0x80000000 | 0x09F801FE
DBC = (
    f"BO_ {POSITION} Position: 20 E",
    ' SG_ SID : 0|8@1+ (1,0) [0|0] "" E',
    ' SG_ ALTITUDE : 48|64@1- (1e-6,0) [0|0] "m" E',
    ' SG_ TAIL : 152|8@1+ (1,0) [0|0] "" E',
    f"BO_ {PLAIN} Plain: 8 E",
    ' SG_ ANY : 0|8@1+ (1,0) [0|0] "" E',
)
PAYLOAD = bytes([9, 0, 0, 0, 0, 0]) + (1_500_000).to_bytes(8, "little") + bytes([0] * 5) + b"\x77"
VALUES = {"SID": 9.0, "ALTITUDE": 1.5, "TAIL": 119.0}


def packet(payload: bytes, sequence: int = 0, size: int | None = None) -> list[bytes]:
    """The frames' payloads, the last filled up with 0xFF."""
    first = bytes([sequence << 5, len(payload) if size is None else size]) + payload[:6]
    rest = [payload[start : start + 7] for start in range(6, len(payload), 7)]
    return [first.ljust(8, b"\xff")] + [
        (bytes([sequence << 5 | number]) + part).ljust(8, b"\xff")
        for number, part in enumerate(rest, 1)
    ]


def decoded(made, frames) -> list[tuple[int, str, float]]:
    """What both ways give; a fresh start in between, since packets may be left open."""
    made.decoder.select(made.wanted)
    one = made.one_by_one(frames)
    made.decoder.select(made.wanted)
    other = made.all_at_once(frames)
    assert one.tobytes() == other.tobytes()
    return [(t, made.table[signal].name, value) for t, value, signal, *_ in one.tolist()]


def test_a_packet_is_decoded_when_its_last_frame_comes(decoding, can):
    frames = can.make_frames([(SENDER, part) for part in packet(PAYLOAD)])
    assert decoded(decoding(*DBC), frames) == [(2, name, value) for name, value in VALUES.items()]


def test_what_lies_in_the_first_frame_is_decoded_with_the_packet_too(decoding, can):
    frames = can.make_frames([(SENDER, part) for part in packet(PAYLOAD)])
    assert decoded(decoding(*DBC, wanted=["SID"]), frames) == [(2, "SID", 9.0)]


def test_samples_are_in_the_order_of_the_frames(decoding, can):
    parts = packet(PAYLOAD)
    frames = can.make_frames(
        [(PLAIN, b"\1"), (SENDER, parts[0]), (PLAIN, b"\2"), (SENDER, parts[1]), (PLAIN, b"\3"),
         (SENDER, parts[2]), (PLAIN, b"\4")]
    )  # fmt: skip
    got = decoded(decoding(*DBC), frames)
    assert [t for t, *_ in got] == [0, 2, 4, 5, 5, 5, 6]


def test_senders_do_not_disturb_each_other(decoding, can):
    one, other = packet(PAYLOAD, 1), packet(PAYLOAD, 2)
    frames = can.make_frames(
        [(sender, part) for pair in zip(one, other, strict=True)
         for sender, part in zip((SENDER, SENDER + 1), pair, strict=True)]
    )  # fmt: skip
    made = decoding(*DBC)
    assert [t for t, *_ in decoded(made, frames)] == [4, 4, 4, 5, 5, 5]
    assert made.counters.lost == {}


def test_a_packet_shorter_than_its_message_gives_the_signals_wholly_inside(decoding, can):
    frames = can.make_frames([(SENDER, part) for part in packet(PAYLOAD[:14])])
    assert [name for _, name, _ in decoded(decoding(*DBC), frames)] == ["SID", "ALTITUDE"]


@pytest.mark.parametrize(
    ("kept", "lost"),
    [
        pytest.param([0, 2], 2, id="a frame in the middle is missing"),
        pytest.param([1, 2], 2, id="the first is missing"),
        pytest.param([0, 1, 1, 2], 4, id="a frame comes twice"),
    ],
)
def test_a_packet_with_a_gap_is_lost_and_counted(decoding, can, kept, lost):
    parts = packet(PAYLOAD)
    frames = can.make_frames([(SENDER, parts[number]) for number in kept])
    made = decoding(*DBC)
    assert decoded(made, frames) == []
    assert made.counters.lost == {"fast_packet": lost}
    assert made.counters.received == made.counters.delivered + lost


def test_a_packet_that_is_begun_anew_is_decoded(decoding, can):
    parts = packet(PAYLOAD, 1)[:2] + packet(PAYLOAD, 2)
    made = decoding(*DBC)
    frames = can.make_frames([(SENDER, part) for part in parts])
    assert [t for t, *_ in decoded(made, frames)] == [4, 4, 4]
    assert made.counters.lost == {"fast_packet": 2}


@pytest.mark.parametrize("sequences", [(0, 1), (2, 3), (0, 4), (7, 0)])
def test_frames_of_two_packets_are_never_put_together(decoding, can, sequences):
    one, other = (packet(PAYLOAD, sequence) for sequence in sequences)
    made = decoding(*DBC)
    frames = can.make_frames([(SENDER, part) for part in (one[0], other[1], other[2])])
    assert decoded(made, frames) == []
    assert made.counters.lost == {"fast_packet": 3}


def test_frames_too_short_to_be_of_a_packet_are_lost(decoding, can):
    made = decoding(*DBC)
    assert decoded(made, can.make_frames([(SENDER, b""), (SENDER, b"\0")])) == []
    assert made.counters.lost == {"fast_packet": 2}


@pytest.mark.parametrize("cut", [b"", b"\0", b"\1", b"\1short"])
def test_a_frame_too_short_in_the_middle_of_a_packet_ends_it(decoding, can, cut):
    first, second, _ = packet(PAYLOAD[:14])
    made = decoding(*DBC)
    frames = can.make_frames([(SENDER, part) for part in (first, cut, second, b"\2and two")])
    assert decoded(made, frames) == []
    assert made.counters.lost == {"fast_packet": 4}


def test_the_last_frame_may_be_as_short_as_the_packet_is(decoding, can):
    parts = packet(PAYLOAD[:14])
    frames = can.make_frames([(SENDER, part) for part in (*parts[:2], parts[2][:2])])
    made = decoding(*DBC)
    assert [name for _, name, _ in decoded(made, frames)] == ["SID", "ALTITUDE"]
    assert made.counters.lost == {}


def test_a_packet_without_a_payload_is_one(decoding, can):
    made = decoding(*DBC)
    assert decoded(made, can.make_frames([(SENDER, b"\0\0")])) == []
    assert made.counters.lost == {}


def test_4096_packets_may_be_open_at_a_time():
    packets, counters = FastPackets(), Counters()
    first, last = b"\0\7begun ", b"\1!"
    for sender in range(4096):
        assert packets.add((0, sender), first, counters) is None
    assert not counters.lost
    packets.add((0, 4096), first, counters)
    assert counters.lost == {"fast_packet": 1}
    assert packets.add((0, 5), last, counters) == b"begun !"
    packets.add((0, 4096), first, counters)
    assert packets.add((0, 4096), last, counters) == b"begun !"
    assert counters.lost == {"fast_packet": 1}


@pytest.mark.parametrize("length", [9, 20])
def test_a_frame_of_more_than_eight_bytes_is_no_part_of_a_packet(decoding, can, length):
    made = decoding(*DBC)
    names = ["SID", "ALTITUDE", "TAIL"] if length == 20 else ["SID"]
    found = decoded(made, can.make_frames([(SENDER, PAYLOAD[:length])] * 2))
    assert [(t, name) for t, name, _ in found] == [(t, name) for t in (0, 1) for name in names]
    assert made.counters.lost == {}


@pytest.mark.parametrize(
    ("can_id", "length", "expected"),
    [
        pytest.param(0x01ED0000, 9, True, id="the first group of NMEA 2000"),
        pytest.param(0x1DED0000, 223, True, id="at a low priority"),
        pytest.param(0x01ED0000, 8, False, id="what fits into one frame"),
        pytest.param(0x1DECFFFF, 9, False, id="a group of J1939"),
        pytest.param(0x18FEF1FE, 9, False, id="a broadcast group of J1939"),
    ],
)
def test_long_messages_of_the_groups_of_nmea_2000_come_in_fast_packets(can_id, length, expected):
    assert is_fast_packet(CanId.EXTENDED | can_id, length) is expected


def test_packets_that_nobody_wants_are_passed_over(decoding, can):
    made = decoding(*DBC, wanted=["ANY"])
    frames = can.make_frames([(SENDER, part) for part in packet(PAYLOAD)[:2]])
    counters = Counters()
    assert len(made.decoder.decode(np.concatenate([frames] * 50), counters)) == 0
    assert counters == Counters(received=100, delivered=100)
