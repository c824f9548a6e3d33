"""What candump shows on a screen, in the shapes it has had over the years."""

import pytest

from gateway.counters import Counters
from gateway.record import CanId
from gateway.sources.recordings.screen import CandumpScreen


def shown(frame):
    size = frame["len"] if not frame["can_id"] & CanId.REMOTE else 0
    return (
        f"{frame['can_id']:X} {frame['flags']} {frame['len']}"
        f" {frame['data'][:size].tobytes().hex().upper()}".rstrip()
    )


@pytest.mark.parametrize(
    ("line", "means"),
    [
        pytest.param("  can0  123   [2]  11 22", "123 0 2 1122", id="today's"),
        pytest.param("  can0  123   [0]", "123 0 0", id="no data"),
        pytest.param("  can0  12345678   [1]  11", "92345678 0 1 11", id="29-bit id"),
        pytest.param("  can0  00000123   [1]  11", "80000123 0 1 11", id="small 29-bit id"),
        pytest.param("  can0  123   [3]  remote request", "40000123 0 3", id="remote request"),
        pytest.param("  can0  123  [12]  " + "AB " * 12, "123 4 12 " + "AB" * 12, id="CAN FD"),
        pytest.param("  can0  123  [02]  AB CD", "123 4 2 ABCD", id="short CAN FD"),
        pytest.param(
            "  can0  RX - -  180   [8]  00 00 00 00 00 00 2A 00   '......*.'",
            "180 0 8 0000000000002A00",
            id="direction and text",
        ),
        pytest.param("  can0  TX B E  123  [02]  AB CD", "123 135 2 ABCD", id="sent, FD flags"),
        pytest.param(
            "  can0  20000004   [8]  00 04 00 00 00 00 78 00   ERRORFRAME",
            "20000004 0 8 0004000000007800",
            id="error frame",
        ),
        pytest.param("<0x18eeff01> [8] 05 a0 be 1c 00 a0 a0 c0 ",
                     "98EEFF01 0 8 05A0BE1C00A0A0C0", id="before 2009"),
        pytest.param("<0x123> [2] 05 a0 ", "123 0 2 05A0", id="before 2009, 11-bit id"),
    ],
)  # fmt: skip
def test_a_line_is_a_frame(write, frames_in, line, means):
    frames, counters = frames_in(CandumpScreen(write("a.txt", line + "\n")))
    assert [shown(each) for each in frames] == [means]
    assert counters == Counters()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("  can0  123   [8]  11 22 33", id="cut off in the data"),
        pytest.param("  can0  123   [8", id="cut off in the length"),
        pytest.param("  can0  123   [3]  11 22 3", id="half a byte"),
        pytest.param("  can0  123   [9]  " + "00 " * 9, id="nine bytes without FD"),
        pytest.param("  can0  FFF   [1]  00", id="11-bit id of 12 bits"),
        pytest.param("  can0  12345   [1]  00", id="id of five digits"),
        pytest.param(" (1.000000)  can0  123   [1]  00", id="a time where others have none"),
        pytest.param("gateway: something else", id="something else"),
    ],
)
def test_a_bad_line_is_counted_and_keeps_its_place_in_time(write, frames_in, line):
    usual = "  can0  123   [1]  00\n"
    frames, counters = frames_in(CandumpScreen(write("a.txt", usual + line + "\n" + usual)))
    assert frames["t_ns"].tolist() == [0, 2_000_000]
    assert counters == Counters(received=1, lost={"malformed": 1})


def test_without_time_stamps_frames_come_at_a_steady_pace(write, frames_in):
    path = write("a.txt", "  can0  123   [1]  00\n" * 3)
    assert frames_in(CandumpScreen(path))[0]["t_ns"].tolist() == [0, 1_000_000, 2_000_000]


def test_time_stamps_are_exact(write, frames_in):
    lines = " (1690000000.123456)  can0  123   [1]  00\n (1690000000.123456789)  can0  123   [0]\n"
    frames, _ = frames_in(CandumpScreen(write("a.txt", lines)))
    assert frames["t_ns"].tolist() == [1690000000_123456000, 1690000000_123456789]


def test_the_oldest_format_names_its_channel_once(write, frames_in):
    lines = "# a comment\n#\ninterface = can3, family = 29, type = 3, proto = 1\n<0x123> [1] 05 \n"
    recording = CandumpScreen(write("a.txt", lines))
    frames, counters = frames_in(recording)
    assert [recording.channels[number] for number in frames["channel"]] == ["can3"]
    assert counters == Counters()


def test_explanations_of_error_frames_are_nothing(write, frames_in):
    lines = "  can0  20000004   [1]  00   ERRORFRAME\n\tcontroller-problem{tx-error-warning}\n"
    frames, counters = frames_in(CandumpScreen(write("a.txt", lines)))
    assert len(frames) == 1
    assert counters == Counters()


def test_a_nissan_leaf_is_read_whole(recordings, frames_in):
    recording = CandumpScreen(recordings / "leaf" / "leaf.log")
    frames, counters = frames_in(recording)
    assert len(frames) + counters.lost.total() == 10_660
    assert len(set(frames["can_id"].tolist())) == 61
    assert recording.channels == ["can0"]


def test_a_boat_s_nmea_2000_bus_is_read_whole(recordings, frames_in):
    frames, counters = frames_in(CandumpScreen(recordings / "boat" / "nmea2000.candump.txt"))
    assert len(frames) == 6026
    assert (frames["can_id"] & CanId.EXTENDED != 0).all()
    assert counters == Counters()
