"""The formats that python-can reads, written here by python-can's own writers."""

import gzip
import logging
import re
import tracemalloc
from importlib.util import find_spec

import can
import pytest

from gateway.counters import Counters
from gateway.errors import RecordingError
from gateway.record import CanId, FrameFlag, Origin
from gateway.sources.recordings import open_recording

MESSAGES = [
    can.Message(timestamp=100.000001, arbitration_id=0x123, is_extended_id=False, data=b"\x01\x02",
                channel=0),
    can.Message(timestamp=100.000002, arbitration_id=0x1ABCDEF0, data=b"12345678", channel=1),
    can.Message(timestamp=100.5, arbitration_id=0x7FF, is_extended_id=False, is_rx=False,
                channel=0),
    can.Message(timestamp=101.25, arbitration_id=0x321, is_extended_id=False, dlc=4,
                is_remote_frame=True, channel=1),
]  # fmt: skip


@pytest.fixture
def written(folder):
    """Write messages with python-can into a file with this suffix; return its path."""

    def written(suffix, messages=MESSAGES):
        path = folder / f"drive{suffix}"
        with can.Logger(str(path)) as log:
            for message in messages:
                log(message)
        return path

    return written


MF4 = pytest.param(
    ".mf4",
    marks=pytest.mark.skipif(not find_spec("asammdf"), reason="no asammdf: pip install '.[mf4]'"),
)


@pytest.mark.parametrize("suffix", [".asc", ".blf", ".csv", ".trc", ".db", ".asc.gz", MF4])
def test_frames_come_as_they_were_written(written, frames_in, suffix):
    remote = suffix != ".trc"  # python-can's writer leaves remote frames out
    recording = open_recording(written(suffix, MESSAGES if remote else MESSAGES[:3]))
    frames, counters = frames_in(recording)
    ids = [0x123, 0x1ABCDEF0 | CanId.EXTENDED, 0x7FF] + [0x321 | CanId.REMOTE] * remote
    assert frames["can_id"].tolist() == ids
    assert frames["len"].tolist() == [2, 8, 0] + [4] * remote
    assert frames["data"][1, :8].tobytes() == b"12345678"
    assert set(frames["origin"].tolist()) == {Origin.RECORDED}
    assert counters == Counters()


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        pytest.param(".csv", [100_000001000, 100_000002000, 100_500000000, 101_250000000],
                     id=".csv: absolute"),
        pytest.param(".db", [100_000001000, 100_000002000, 100_500000000, 101_250000000],
                     id=".db: absolute"),
        pytest.param(".asc", [0, 1000, 499999000, 1_249999000], id=".asc: since the first"),
    ],
)  # fmt: skip
def test_times_are_rounded_to_what_the_file_says(written, frames_in, suffix, expected):
    assert frames_in(open_recording(written(suffix)))[0]["t_ns"].tolist() == expected


def test_times_of_today_are_exact_to_the_microsecond(written, frames_in):
    stamps = [1_795_000_000 + i * 0.000_001 for i in range(500)]
    messages = [can.Message(timestamp=t, arbitration_id=1, channel=0) for t in stamps]
    frames, _ = frames_in(open_recording(written(".csv", messages)))
    expected = [1_795_000_000_000_000_000 + i * 1000 for i in range(500)]
    assert frames["t_ns"].tolist() == expected


def test_a_blf_keeps_its_nanoseconds_beside_today_s_date(written, frames_in):
    start = 1_795_000_000.25
    messages = [
        can.Message(timestamp=start, arbitration_id=1, channel=0),
        can.Message(timestamp=start + 0.5, arbitration_id=1, channel=0),
    ]
    frames, _ = frames_in(open_recording(written(".blf", messages)))
    assert frames["t_ns"].tolist() == [1_795_000_000_250_000_000, 1_795_000_000_750_000_000]


@pytest.mark.parametrize("suffix", [".asc", ".blf"])
def test_numbered_channels_are_called_as_python_can_calls_them(written, frames_in, suffix):
    recording = open_recording(written(suffix))
    frames, _ = frames_in(recording)
    names = [recording.channels[number] for number in frames["channel"]]
    assert names == ["can0", "can1", "can0", "can1"]


@pytest.mark.parametrize("suffix", [".asc", ".blf"])
def test_directions_and_fd_frames_and_error_frames_are_flagged(written, frames_in, suffix):
    messages = [
        can.Message(timestamp=1.0, arbitration_id=1, is_rx=False, channel=0),
        can.Message(timestamp=1.1, arbitration_id=1, is_fd=True, bitrate_switch=True,
                    data=b"x" * 12, channel=0),
        can.Message(timestamp=1.2, is_error_frame=True, channel=0),
    ]  # fmt: skip
    frames, _ = frames_in(open_recording(written(suffix, messages)))
    brs = FrameFlag.FD | FrameFlag.BIT_RATE_SWITCH
    assert frames["flags"][:2].tolist() == [FrameFlag.TRANSMITTED, brs]
    assert frames["len"][1] == 12
    assert frames["can_id"][2] & CanId.ERROR


def test_what_precedes_a_cut_in_a_blf_is_delivered_and_the_cut_told(written, frames_in):
    many = [
        can.Message(timestamp=i / 1000, arbitration_id=1, data=i.to_bytes(8), channel=0)
        for i in range(20_000)
    ]
    path = written(".blf", many)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    recording = open_recording(path)
    frames, counters = frames_in(recording)
    assert 1000 < len(frames) < 20_000
    numbers = [int.from_bytes(data) for data in frames["data"][:, :8].tolist()]
    assert numbers == list(range(len(frames)))
    assert counters == Counters(received=1, lost={"damaged": 1})
    assert re.fullmatch(
        rf"{re.escape(str(path))}: after frame {len(frames)}: got a file cut short by \d+ bytes,"
        " expected all of it",
        str(recording.damage),
    )


CODE_PAGES = {
    ".asc": """\
date Sat Sep 30 15:06:13.191 2017
base hex  timestamps absolute
// Prüfstand Süd
   0.000000 Start of measurement
   0.015991 1  123             Rx   d 2 01 02
""",
    ".trc": """\
;$FILEVERSION=1.1
;$STARTTIME=43008.920986006946
;   C:\\Users\\Jürgen\\drive.trc
     1)         0.1  Rx         0123  2  01 02
""",
    ".csv": """\
timestamp,arbitration_id,extended,remote,error,dlc,data,Größe
0.0,0x123,0,0,0,2,AQI=
""",
}


@pytest.mark.parametrize("suffix", CODE_PAGES)
@pytest.mark.parametrize("code_page", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_what_is_no_frame_may_be_in_any_code_page(write, frames_in, suffix, code_page, pack):
    name = f"drive{suffix}" if pack is bytes else f"drive{suffix}.gz"
    path = write(name, pack(CODE_PAGES[suffix].encode(code_page)))
    frames, counters = frames_in(open_recording(path))
    assert (frames["can_id"].tolist(), frames["len"].tolist()) == ([0x123], [2])
    assert counters == Counters()


def test_events_that_are_no_frames_do_not_fill_the_log(write, frames_in, caplog):
    caplog.set_level(logging.INFO)
    event = "     2)         0.2  Warng      FFFFFFFF  4  00 00 00 08\n"
    frames, counters = frames_in(open_recording(write("a.trc", CODE_PAGES[".trc"] + event)))
    assert (len(frames), counters) == (1, Counters())
    assert caplog.messages == []


@pytest.mark.parametrize("suffix", [".asc", ".trc"])
def test_a_line_without_an_end_does_not_fill_the_memory(write, frames_in, suffix):
    size = 20_000_000
    text = CODE_PAGES[suffix].encode() + bytes(size)
    recording = open_recording(write(f"drive{suffix}.gz", gzip.compress(text, 1)))
    tracemalloc.start()
    frames, _ = frames_in(recording)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(frames) == 1
    assert most < size / 4


def test_a_frame_right_behind_the_header_of_an_asc_is_not_lost(write, frames_in):
    lines = CODE_PAGES[".asc"].splitlines(keepends=True)
    frames, _ = frames_in(open_recording(write("a.asc", "".join(lines[:2] + lines[-1:] * 2))))
    assert frames["can_id"].tolist() == [0x123] * 2


def test_an_asc_whose_times_count_from_line_to_line_is_refused(write):
    absolute = CODE_PAGES[".asc"]
    relative = absolute.replace("timestamps absolute", "timestamps relative")
    assert open_recording(write("absolute.asc", absolute))
    path = write("relative.asc", relative)
    with pytest.raises(RecordingError) as refused:
        open_recording(path)
    assert str(refused.value) == (
        f"{path}: after frame 0: got 'timestamps relative, which count from line to line', "
        "expected a sound .asc file"
    )


def test_a_blf_that_was_packed_lacks_nothing(written, frames_in, folder):
    packed = folder / "drive.blf.gz"
    packed.write_bytes(gzip.compress(written(".blf").read_bytes()))
    frames, counters = frames_in(open_recording(packed))
    assert len(frames) == 4
    assert counters == Counters()


@pytest.mark.parametrize("size", [0, 1 << 30], ids=["none", "a gigabyte"])
def test_an_object_of_a_size_that_cannot_be_ends_a_blf_after_what_precedes_it(
    folder, frames_in, size
):
    path = folder / "drive.blf"
    with can.BLFWriter(str(path), compression_level=0) as log:
        for message in MESSAGES:
            log(message)
    content = bytearray(path.read_bytes())
    starts = [found.start() for found in re.finditer(b"LOBJ", content)]
    third = starts[3]  # behind the container's own
    content[third + 8 : third + 12] = size.to_bytes(4, "little")
    path.write_bytes(content)
    recording = open_recording(path)
    frames, counters = frames_in(recording)
    assert frames["can_id"].tolist() == [0x123, 0x1ABCDEF0 | CanId.EXTENDED]
    assert counters == Counters(received=1, lost={"damaged": 1})
    assert str(recording.damage) == (
        f"{path}: after frame 2: got 'an object of {size} bytes', expected a sound .blf file"
    )


def test_what_precedes_a_broken_line_in_a_csv_is_delivered(written, frames_in):
    path = written(".csv")
    path.write_text(path.read_text() + "not,a,frame\n")
    recording = open_recording(path)
    frames, counters = frames_in(recording)
    assert len(frames) == 4
    assert counters.lost == {"damaged": 1}
    assert str(recording.damage).startswith(f"{path}: after frame 4: got ")


@pytest.mark.parametrize("suffix", [".blf", ".csv", ".db", ".asc", ".trc", ".asc.gz"])
@pytest.mark.parametrize("content", [b"", b"nothing of the kind\n" * 50, bytes(range(256))])
def test_a_file_that_is_none_of_its_format_is_one_line(write, suffix, content):
    path = write(f"drive{suffix}", content)
    with pytest.raises(RecordingError) as error:
        open_recording(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    assert ", expected " in str(error.value)


def test_a_frame_with_a_time_that_no_clock_shows_is_lost_and_counted(written, frames_in):
    path = written(".csv")
    path.write_text(path.read_text().replace("100.000002,", "1e300,").replace("100.5,", "-1e11,"))
    frames, counters = frames_in(open_recording(path))
    assert frames["t_ns"].tolist() == [100_000001000, 101_250000000]
    assert counters == Counters(received=2, lost={"malformed": 2})


def test_a_frame_of_less_than_no_bytes_is_lost_and_counted(written, frames_in):
    path = written(".csv")
    remote = ",0,4,"
    assert remote in path.read_text()
    path.write_text(path.read_text().replace(remote, ",0,-4,"))
    frames, counters = frames_in(open_recording(path))
    assert frames["can_id"].tolist() == [0x123, 0x1ABCDEF0 | CanId.EXTENDED, 0x7FF]
    assert counters == Counters(received=1, lost={"malformed": 1})


def test_what_python_can_says_in_several_lines_is_told_in_one(written):
    path = written(".db")
    schema = path.read_bytes()
    assert b"dlc INTEGER" in schema
    path.write_bytes(schema.replace(b"dlc INTEGER", b'"lc INTEGER', 1))
    with pytest.raises(RecordingError) as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)
    assert "malformed database schema" in str(caught.value)


def test_an_mf4_without_the_library_for_it_says_what_to_install(folder, mocker):
    mocker.patch("gateway.sources.recordings.library.find_spec", return_value=None)
    path = folder / "drive.mf4"
    path.write_bytes(b"MDF     4.10")
    with pytest.raises(RecordingError, match=re.escape("pip install 'embedded-gateway[mf4]'")):
        list(open_recording(path).frames(Counters()))
