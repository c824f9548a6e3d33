"""candump's log format, line by line and a block at a time."""

import gzip
import re
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.counters import Counters
from gateway.record import FRAME, CanId, FrameFlag, Origin
from gateway.sources.recordings import open_recording, text
from gateway.sources.recordings.candump import CandumpLog, parse_line

USUAL = "(1690000000.123456) can0 123#DEADBEEF\n"


def shown(frame):
    """A frame as "id flags len data"."""
    size = frame["len"] if not frame["can_id"] & CanId.REMOTE else 0
    return (
        f"{frame['can_id']:X} {frame['flags']} {frame['len']}"
        f" {frame['data'][:size].tobytes().hex().upper()}".rstrip()
    )


@pytest.mark.parametrize("regular", [True, False], ids=["usual spacing", "odd spacing"])
@pytest.mark.parametrize(
    ("frame", "means"),
    [
        pytest.param("123#DEADBEEF", "123 0 4 DEADBEEF", id="classic"),
        pytest.param("123#0011223344556677", "123 0 8 0011223344556677", id="eight bytes"),
        pytest.param("123#deadbeef", "123 0 4 DEADBEEF", id="lower case"),
        pytest.param("123#", "123 0 0", id="no data"),
        pytest.param("7FF#01", "7FF 0 1 01", id="highest 11-bit id"),
        pytest.param("00000123#01", "80000123 0 1 01", id="29-bit id by its eight digits"),
        pytest.param("1FFFFFFF#01", "9FFFFFFF 0 1 01", id="highest 29-bit id"),
        pytest.param("123#R", "40000123 0 0", id="remote request"),
        pytest.param("123#R8", "40000123 0 8", id="remote request for eight bytes"),
        pytest.param("1ABCDEF0#R2", "DABCDEF0 0 2", id="extended remote request"),
        pytest.param("123#R8_9", "40000123 0 8", id="remote request with a raw DLC"),
        pytest.param("123#1122334455667788_9", "123 0 8 1122334455667788", id="raw DLC"),
        pytest.param("123##0", "123 4 0", id="FD without data"),
        pytest.param("123##1AABB", "123 5 2 AABB", id="FD with bit rate switch"),
        pytest.param("12345678##3AABB", "92345678 7 2 AABB", id="FD, extended, both flags"),
        pytest.param("123##5AA", "123 5 1 AA", id="FD with the FD flag itself"),
        pytest.param("123##0" + "A5" * 64, "123 4 64 " + "A5" * 64, id="FD with 64 bytes"),
        pytest.param("123##0" + "A5" * 12, "123 4 12 " + "A5" * 12, id="FD with 12 bytes"),
        pytest.param(
            "20000004#0004000000007800", "20000004 0 8 0004000000007800", id="error frame"
        ),
        pytest.param("20000080#", "20000080 0 0", id="error frame as python-can writes it"),
        pytest.param("11223344#11.22.33", "91223344 0 3 112233", id="dots between bytes"),
        pytest.param("123#AABB R", "123 0 2 AABB", id="received"),
        pytest.param("123#AABB T", "123 128 2 AABB", id="transmitted"),
        pytest.param("123##1AABB T", "123 133 2 AABB", id="FD, transmitted"),
        pytest.param("123# T", "123 128 0", id="no data, transmitted"),
        pytest.param("1A#01", "1A 0 1 01", id="id of two digits"),
    ],
)
def test_a_line_is_a_frame(write, frames_in, frame, means, regular):
    line = f"(1690000000.123456) can0 {frame}\n"
    if not regular:
        line = "  " + line.replace(") ", ")  ")
    recording = CandumpLog(write("drive.log", line))
    frames, counters = frames_in(recording)
    assert [shown(each) for each in frames] == [means]
    assert frames["t_ns"].tolist() == [1690000000_123456_000]
    assert frames["origin"].tolist() == [Origin.RECORDED]
    assert recording.channels == ["can0"]
    assert counters == Counters()


@pytest.mark.parametrize(
    ("stamp", "t_ns"),
    [
        ("1690000000.123456", 1690000000_123456000),
        ("1690000000.123456789", 1690000000_123456789),
        ("1690000000.999999999", 1690000000_999999999),
        ("46408.584930", 46408_584930000),
        ("0.000001", 1000),
        ("000.000000", 0),
        ("12345678.000000", 12345678_000000000),
        ("123456789.000000", 123456789_000000000),
        ("9223372035.999999", 9223372035_999999000),
        ("5", 5_000000000),
        ("5.25", 5_250000000),
    ],
)
def test_time_stamps_are_exact_to_the_nanosecond(write, frames_in, stamp, t_ns):
    frames, _ = frames_in(CandumpLog(write("a.log", f"({stamp}) can0 123#00\n")))
    assert frames["t_ns"].tolist() == [t_ns]


def test_a_mixed_file_keeps_its_order_and_numbers_its_channels(write, frames_in):
    path = write(
        "a.log",
        "(1.000000) can0 001#01\n(1.000001) vcan1 002##101\n(1.000002) can0 003#R\n"
        "(1.000003) a-channel-named-longer-than-any 004#\n(1.000004) vcan1 20000004#00\n",
    )
    recording = CandumpLog(path)
    frames, _ = frames_in(recording)
    assert recording.channels == ["can0", "vcan1", "a-channel-named-longer-than-any"]
    names = [recording.channels[number] for number in frames["channel"]]
    assert names == ["can0", "vcan1", "can0", "a-channel-named-longer-than-any", "vcan1"]
    assert (frames["can_id"] & 0xF).tolist() == [1, 2, 3, 4, 4]
    assert frames["t_ns"].tolist() == [1_000000000 + 1000 * i for i in range(5)]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("(1690000000.123456) can0 123#DEADB", id="half a byte"),
        pytest.param("(1690000000.123456) can0 123", id="cut off before the data"),
        pytest.param("(1690000000.1234", id="cut off in the time"),
        pytest.param("can0 123#DEADBEEF", id="no time"),
        pytest.param("(x690000000.123456) can0 123#00", id="time that is no number"),
        pytest.param("(99999999999.123456) can0 123#00", id="time beyond 64 bits"),
        pytest.param("(9223372036.900000) can0 123#00", id="time just beyond 64 bits"),
        pytest.param("(1690000000.123456) can0 FFF#00", id="11-bit id of 12 bits"),
        pytest.param("(1690000000.123456) can0 123#" + "00" * 9, id="nine bytes without FD"),
        pytest.param("(1690000000.123456) can0 123##0" + "00" * 65, id="65 bytes"),
        pytest.param("(1690000000.123456) can0 123##X00", id="FD flags that are no digit"),
        pytest.param("(1690000000.123456) can0 123##", id="FD without flags"),
        pytest.param("(1690000000.123456) can0 123#0G", id="no hexadecimal digit"),
        pytest.param("(1690000000.123456) can0 12X#00", id="id that is no number"),
        pytest.param("(1690000000.123456) can0 123#00 X", id="neither received nor sent"),
        pytest.param("(1690000000.123456) can\x070 123#00", id="control character in the channel"),
        pytest.param("(1690000000.123456) can0\0 123#00", id="NUL behind the channel"),
        pytest.param("(1690000000.123456) can0 123#\x11\x12", id="control characters as data"),
        pytest.param("\0" * 40, id="zeros, as after a power cut"),
    ],
)
def test_a_bad_line_is_counted_and_passed_over(write, frames_in, line):
    frames, counters = frames_in(CandumpLog(write("a.log", USUAL + line + "\n" + USUAL)))
    assert [shown(each) for each in frames] == ["123 0 4 DEADBEEF"] * 2
    assert counters == Counters(received=1, lost={"malformed": 1})


@pytest.mark.parametrize("line", ["", "   ", "# a comment", "  # (1.0) can0 123#00"])
def test_blank_lines_and_comments_are_nothing(write, frames_in, line):
    frames, counters = frames_in(CandumpLog(write("a.log", USUAL + line + "\n" + USUAL)))
    assert len(frames) == 2
    assert counters == Counters()


def test_windows_line_ends_and_a_missing_last_one_do_not_matter(write, frames_in):
    frames, _ = frames_in(CandumpLog(write("a.log", (USUAL * 2).replace("\n", "\r\n").rstrip())))
    assert [shown(each) for each in frames] == ["123 0 4 DEADBEEF"] * 2


def test_the_257th_channel_finds_no_number(write, frames_in):
    lines = "".join(f"(1.000000) c{i} 123#\n" for i in range(257))
    frames, counters = frames_in(CandumpLog(write("a.log", lines)))
    assert frames["channel"].tolist() == list(range(256))
    assert counters.lost == {"malformed": 1}


LINES = st.lists(
    st.one_of(
        st.builds(
            "({}.{:06}) {} {}{}{}".format,
            st.integers(0, 9_999_999_999),
            st.integers(0, 999_999),
            st.sampled_from(["can0", "c", "vcan1", "eight888", "slcan12345", "sixteen-letters-"]),
            st.one_of(
                st.integers(0, 0x7FF).map("{:03X}".format),
                st.integers(0, 0x3FFFFFFF).map("{:08X}".format),
            ),
            st.one_of(
                st.binary(max_size=8).map(lambda data: "#" + data.hex()),
                st.binary(max_size=64).map(lambda data: "##3" + data.hex().upper()),
                st.just("#R4"),
            ),
            st.sampled_from(["", " R", " T", "\r"]),
        ),
        st.text("(). #ARcan0_9x1\r\0\x12ÿ", max_size=60),
    ),
    max_size=30,
)
EDITS = st.lists(
    st.tuples(st.integers(0, 500), st.sampled_from(list(b"0#. ()RTg\r\n\0\xff"))), max_size=3
)


@given(LINES, EDITS)
@settings(deadline=None, max_examples=150)
def test_a_block_at_once_is_read_as_its_lines_one_by_one_are(tmp_path_factory, lines, edits):
    content = bytearray("\n".join(lines).encode("latin-1"))
    for place, byte in edits:
        content[place : place + 1] = bytes([byte])
    path = tmp_path_factory.getbasetemp() / "any.log"
    path.write_bytes(content)
    counters, recording, one_by_one = Counters(), CandumpLog(path), CandumpLog(path)
    chunks = list(recording.frames(counters))

    expected, bad = [], 0
    for line in bytes(content).split(b"\n"):
        frame = np.zeros(1, FRAME)
        if parse_line(line, frame, one_by_one.channel_number):
            expected.append(frame)
        elif line.strip() and not line.lstrip().startswith(b"#"):
            bad += 1
    named = np.concatenate([np.empty(0, FRAME), *chunks])
    wanted = np.concatenate([np.empty(0, FRAME), *expected])
    names = [recording.channels[number] for number in named["channel"]]
    assert names == [one_by_one.channels[number] for number in wanted["channel"]]
    named["channel"] = wanted["channel"]
    assert named.tobytes() == wanted.tobytes()
    assert counters == Counters(received=bad, lost={"malformed": bad} if bad else {})


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_the_size_of_the_blocks_makes_no_difference(write, frames_in, monkeypatch, size):
    lines = "".join(f"({i}.000000) can{i % 3} {i:03X}#{i:02X}\n" for i in range(100))
    path = write("a.log", lines + "(100.0")
    whole, counters = frames_in(CandumpLog(path))
    monkeypatch.setattr(text, "BLOCK", size)
    pieces, counters_too = frames_in(CandumpLog(path))
    assert whole.tobytes() == pieces.tobytes()
    assert counters == counters_too == Counters(received=1, lost={"malformed": 1})


def test_a_line_without_an_end_is_lost_once_and_does_not_fill_the_memory(write, frames_in):
    endless = "x" * (5 * text.BLOCK)
    frames, counters = frames_in(CandumpLog(write("a.log", USUAL + endless + "\n" + USUAL)))
    assert len(frames) == 2
    assert counters == Counters(received=1, lost={"too_long": 1})


def test_a_compressed_log_is_read_as_it_is(write, frames_in):
    recording = open_recording(write("a.log.gz", gzip.compress(USUAL.encode() * 3)))
    frames, _ = frames_in(recording)
    assert len(frames) == 3
    assert recording.damage is None


def test_what_precedes_a_damage_is_delivered_and_the_damage_told(write, frames_in):
    whole = gzip.compress("".join(f"({i}.000000) can0 123#00\n" for i in range(80_000)).encode())
    half = whole[: len(whole) // 2]
    path = write("a.log.gz", half)
    recording = open_recording(path)
    frames, counters = frames_in(recording)
    assert len(frames) == zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(half).count(b"\n")
    assert frames["t_ns"].tolist() == [i * 1_000_000_000 for i in range(len(frames))]
    assert counters == Counters(received=1, lost={"damaged": 1})
    assert re.fullmatch(
        rf"{re.escape(str(path))}: byte \d+: got 'Compressed file ended .*',"
        r" expected a file that can be read to its end",
        str(recording.damage),
    )


def test_a_recording_can_be_read_again_from_its_beginning(write, frames_in):
    recording = CandumpLog(write("a.log", USUAL * 3))
    first, _ = frames_in(recording)
    second, _ = frames_in(recording)
    assert first.tobytes() == second.tobytes()


def test_progress_goes_from_nothing_to_all(write):
    recording = CandumpLog(write("a.log", USUAL * 20_000))
    seen = [recording.progress() for _ in recording.frames(Counters())]
    assert 0 < seen[0] < seen[-1] <= 1.0
    assert seen == sorted(seen)
    assert recording.progress() == 1.0


def test_data_beyond_the_length_is_zero(write, frames_in):
    frames, _ = frames_in(CandumpLog(write("a.log", USUAL + "(1.0) can0 123##1AABBCC\n")))
    assert not frames["data"][0, 4:].any()
    assert not frames["data"][1, 3:].any()
    assert frames["flags"].tolist() == [0, FrameFlag.FD | FrameFlag.BIT_RATE_SWITCH]
