"""The splitter: units out of a stream, none of them uncounted, in bounded memory."""

import tracemalloc

import pytest

from gateway.counters import Counters
from gateway.decode.splitter import UNKNOWN_LIMIT, Splitter, count_unknown


def split(splitter, *pieces):
    counters = Counters()
    units = [unit for piece in pieces for unit in splitter.feed(piece, counters)]
    return units, counters.received, dict(counters.lost)


@pytest.mark.parametrize(
    ("pieces", "units"),
    [
        pytest.param([b"ab\ncd\n"], [b"ab", b"cd"], id="cuts at the delimiter"),
        pytest.param([b"a", b"b\nc", b"d\n"], [b"ab", b"cd"], id="joins what was read in pieces"),
        pytest.param([b"\n\nab\n\n"], [b"ab"], id="does not count emptiness as a unit"),
        pytest.param([b"ab\ncd"], [b"ab"], id="keeps a half unit back"),
    ],
)
def test_splitter(pieces, units):
    assert split(Splitter(b"\n"), *pieces) == (units, len(units), {})


def test_a_unit_of_exactly_the_limit_is_kept_and_one_byte_more_is_lost():
    assert split(Splitter(b"\n", 4), b"1234\n12345\n") == ([b"1234"], 2, {"too_long": 1})


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_a_unit_that_is_too_long_is_counted_once_however_it_arrives(size):
    stream = b"ab\n" + b"x" * 50 + b"\ncd\n" + b"y" * 50
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert split(Splitter(b"\n", 8), *pieces) == ([b"ab", b"cd"], 4, {"too_long": 2})


def test_a_megabyte_without_an_end_is_one_lost_unit_and_takes_no_memory():
    splitter = Splitter(b"\n")
    noise = bytes(range(11, 139)) * 8
    counters = Counters()
    tracemalloc.start()
    for _ in range(1024):
        splitter.feed(noise, counters)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 1024
    assert splitter.feed(b"\nab\n", counters) == [b"ab"]
    assert (counters.received, dict(counters.lost)) == (2, {"too_long": 1})


def test_midway_passes_over_the_rest_of_a_unit_whose_beginning_was_not_heard():
    splitter = Splitter(b"\n")
    assert splitter.reset(midway=True) == 0
    assert split(splitter, b"2.5", b",3\n1,2\n") == ([b"1,2"], 2, {"incomplete": 1})


def test_midway_loses_nothing_when_the_first_byte_ends_a_unit():
    splitter = Splitter(b"\n")
    splitter.reset(midway=True)
    assert split(splitter, b"\n1,2\n") == ([b"1,2"], 1, {})


def test_reset_forgets_a_half_unit_and_says_so():
    splitter = Splitter(b"\n")
    split(splitter, b"ab\ncd")
    assert splitter.reset() == 1
    assert splitter.reset() == 0
    assert split(splitter, b"ef\n") == ([b"ef"], 1, {})


def test_unknown_ids_are_counted_by_name_until_there_are_too_many_names():
    counters = Counters()
    for name in range(UNKNOWN_LIMIT + 10):
        count_unknown(f"noise{name}", counters)
    count_unknown("noise0", counters)
    assert counters.unknown["noise0"] == 2
    assert counters.unknown["others"] == 10
    assert len(counters.unknown) == UNKNOWN_LIMIT + 1
