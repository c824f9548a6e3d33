"""NMEA 0183 text, with and without times."""

import numpy as np
import pytest

from gateway.counters import Counters
from gateway.sources.recordings import open_sentences

DEPTH = "$IIDBT,034.25,f,010.44,M,005.64,F*27"


@pytest.fixture
def lines_in(write):
    """The times and lines of a text, at ten lines a second where it has no times."""

    def lines_in(content, rate=10.0):
        chunks = list(open_sentences(write("boat.nmea", content), rate).sentences(Counters()))
        times = np.concatenate([times for times, _ in chunks]).tolist()
        return times, [line for _, lines in chunks for line in lines]

    return lines_in


def test_without_times_sentences_come_at_the_given_rate(lines_in):
    times, lines = lines_in(f"{DEPTH}\r\n{DEPTH}\n\n{DEPTH}")
    assert times == [0, 100_000_000, 200_000_000]
    assert lines == [DEPTH.encode() + b"\r\n"] * 3


def test_the_rate_does_not_drift(lines_in):
    times, _ = lines_in(f"{DEPTH}\n" * 3001, rate=3.0)
    assert (times[3], times[3000]) == (1_000_000_000, 1_000_000_000_000)


def test_what_is_no_sentence_keeps_its_place_in_time_for_the_decoder_to_count(lines_in):
    times, lines = lines_in(f"{DEPTH}\ngarbage\n{DEPTH}\n")
    assert times == [0, 100_000_000, 200_000_000]
    assert lines[1] == b"garbage\r\n"


@pytest.mark.parametrize(
    ("before", "t_ns"),
    [
        pytest.param("1690000000.250 ", 1690000000_250000000, id="seconds in front"),
        pytest.param("1690000000, ", 1690000000_000000000, id="whole seconds, a comma"),
        pytest.param("1690000000250;", 1690000000_250000000, id="milliseconds in front"),
        pytest.param("\\c:1690000000*5A\\", 1690000000_000000000, id="tag block"),
        pytest.param("\\s:gps,c:1690000000.5,n:3*5A\\", 1690000000_500000000, id="among tags"),
        pytest.param("\\c:1690000000250*5A\\", 1690000000_250000000, id="in milliseconds"),
        pytest.param("\\c:169000000.250*5A\\", 169000000_250000000, id="as long, but seconds"),
    ],
)
def test_times_in_the_file_are_taken(lines_in, before, t_ns):
    times, lines = lines_in(f"{before}{DEPTH}\n{DEPTH}\n")
    assert times == [t_ns, t_ns], "a line without a time has that of the line before"
    assert lines == [DEPTH.encode() + b"\r\n"] * 2


def test_a_tag_block_without_a_time_says_no_time(lines_in):
    assert lines_in(f"\\s:gps*5A\\{DEPTH}\n" * 2)[0] == [0, 100_000_000]


@pytest.mark.parametrize("late", ["9690000000 ", "\\c:9990000000000*5A\\"])
def test_a_time_that_no_clock_shows_is_none(lines_in, late):
    times, _ = lines_in(f"1690000000 {DEPTH}\n{late}{DEPTH}\n")
    assert times == [1690000000_000000000] * 2
