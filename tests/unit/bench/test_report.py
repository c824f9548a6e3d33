"""What is left of a failure: names, picture, candump log; and from when durations count."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from gateway.bench.candump import candump_lines
from gateway.bench.outcome import Latency, Outcome, Rate
from gateway.bench.picture import WIDTH, Moment, Trace, draw
from gateway.bench.report import file_name
from gateway.bench.timeline import Timeline
from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.counters import Counters
from gateway.record import FRAME, CanId, FrameFlag
from gateway.sources.recordings.candump import CandumpLog

SVG = "{http://www.w3.org/2000/svg}"


def picture(trace, moments=(), looked_ms=(0, 1000), span_ms=(-200, 1200)):
    looked = tuple(ms * NS_PER_MS for ms in looked_ms)
    span = tuple(ms * NS_PER_MS for ms in span_ms)
    return ElementTree.fromstring(draw("a < b & c", [trace], moments, looked, span))


def trace(*points, thresholds=(), name="can0.M.RPM"):
    t_ns = np.array([ms * NS_PER_MS for ms, _ in points], np.int64)
    return Trace(name, "1/min", t_ns, np.array([v for _, v in points], float), thresholds)


def texts(document):
    return [each.text for each in document.iter(f"{SVG}text")]


def lines(document, style):
    return [each.get("d") for each in document.iter(f"{SVG}path") if each.get("class") == style]


def numbers(document, style):
    return [[float(n) for n in re.findall(r"[0-9.]+", path)] for path in lines(document, style)]


def test_a_picture_shows_the_signal_its_threshold_and_the_event():
    found = picture(
        trace((0, 1000.0), (500, 5000.0), thresholds=(4000.0,)),
        [Moment(0, "set x = 1", "stimulus"), Moment(500 * NS_PER_MS, "here", "event")],
    )
    assert {"a < b & c", "can0.M.RPM [1/min]", "4000", "set x = 1", "here"} <= set(texts(found))
    [line], [threshold] = numbers(found, "line"), numbers(found, "threshold")
    [stimulus], [event] = numbers(found, "stimulus"), numbers(found, "event")
    first_x, low_y, second_x, high_y, _ = line
    assert high_y < threshold[1] < low_y
    assert first_x == pytest.approx(90 + (WIDTH - 110) * 200 / 1400, abs=0.5)
    assert second_x == pytest.approx(90 + (WIDTH - 110) * 700 / 1400, abs=0.5)
    assert (stimulus[0], event[0]) == (
        pytest.approx(first_x, abs=1),
        pytest.approx(second_x, abs=1),
    )


def test_a_picture_of_many_samples_is_no_larger_than_its_points_across():
    many = trace(*((n / 100, n % 97) for n in range(100_000)))
    assert len(draw("t", [many], [], (0, NS_PER_S), (0, NS_PER_S))) < 200_000


def test_a_picture_says_where_nothing_came():
    assert "nothing came" in texts(picture(trace()))


@pytest.mark.parametrize("values", [[(0, 0.0)], [(0, 5.0), (1, 5.0)], [(0, -1e300), (1, 1e300)]])
def test_a_picture_of_any_values_can_be_drawn(values):
    assert lines(picture(trace(*values)), "line")


def frame(can_id, data=b"", flags=0, length=None, channel=0, t_ns=NS_PER_S):
    row = np.zeros(1, FRAME)
    row["t_ns"], row["can_id"], row["flags"], row["channel"] = t_ns, can_id, flags, channel
    row["len"] = len(data) if length is None else length
    row["data"][0, : len(data)] = list(data)
    return row


def test_the_log_is_one_that_the_gateway_reads_back(tmp_path):
    sent = np.concatenate(
        [
            frame(0x123, b"\x01\x02"),
            frame(0x18DAF110 | CanId.EXTENDED, bytes(8), FrameFlag.TRANSMITTED, t_ns=1_000_000_001),
            frame(0x7FF, bytes(range(64)), FrameFlag.FD | FrameFlag.BIT_RATE_SWITCH, channel=1),
            frame(0x100 | CanId.REMOTE, length=4),
            frame(0x004 | CanId.ERROR, bytes(8)),
        ]
    )
    log = tmp_path / "test.log"
    log.write_text("".join(candump_lines([sent[:2], sent[2:]], ["can0", "can1"], 7)))
    recording = CandumpLog(log)
    found = np.concatenate(list(recording.frames(Counters())))
    for field in ("can_id", "len", "flags", "channel", "data"):
        assert found[field].tolist() == sent[field].tolist(), field
    assert found["t_ns"].tolist() == (sent["t_ns"] + 7).tolist()


@pytest.mark.parametrize(
    ("node_id", "name"),
    [
        ("tests/test_limp.py::test_home", "tests-test_limp-test_home"),
        (
            "tests/a/test_x.py::TestEngine::test_y[hot-90.5]",
            "tests-a-test_x-TestEngine-test_y_hot-90.5",
        ),
    ],
)
def test_the_files_of_a_test_are_called_alike_at_each_run(node_id, name):
    assert file_name(node_id) == name


def test_names_that_differ_only_in_signs_stay_apart():
    both = [file_name(f"test_x.py::test_y[RPM {sign} 4000]") for sign in "<>"]
    assert both[0].startswith("test_x-test_y_RPM_4000-")
    assert both[0] != both[1]


def test_a_long_name_is_cut_and_stays_its_own():
    long = [file_name(f"tests/test_x.py::test_y[{'v' * 300}{n}]") for n in range(2)]
    assert max(map(len, long)) <= 128
    assert long[0] != long[1]


def test_an_expectation_counts_from_the_last_stimulus_or_window():
    times = Timeline(0)
    assert times.for_expectation(50) == 50
    times.stimulus(100, "set")
    assert times.for_expectation(500) == 100
    times.fulfilled_ns = 300
    assert times.for_expectation(500) == 100
    times.window(900)
    assert times.for_expectation(950) == 900


def test_a_window_begins_no_earlier_than_the_last_fulfilled_expectation():
    times = Timeline(0)
    assert times.for_window(50) == 50
    times.stimulus(100, "set")
    assert times.for_window(500) == 100
    times.fulfilled_ns = 300
    assert times.for_window(500) == 300
    times.stimulus(400, "release")
    assert times.for_window(500) == 400


def test_a_latency_that_was_not_found_passes_no_comparison():
    missing = Latency(float("nan"), Outcome(False, "RPM > 1", "nothing came"))
    assert not missing < 1
    assert not missing > 1
    assert repr(missing) == "<RPM > 1: nothing came>"
    assert repr(Latency(0.0125, Outcome(True, "", ""))) == "12.500 ms"


def test_a_rate_tells_what_it_was_found_from():
    assert repr(Rate(50.0, 51, 0.019, 0.021)) == "50.000 Hz (51 frames, 19.000 to 21.000 ms apart)"
    assert repr(Rate(0.0, 1, float("nan"), float("nan"))) == "0.000 Hz (1 frame)"
