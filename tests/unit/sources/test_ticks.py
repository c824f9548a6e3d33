"""Ticks on a recording's time line: where they stand is decided by the records' times alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.record import SAMPLE, TICK, Origin
from gateway.sources.ticks import Ticker

MS = 1_000_000


def woven(times_ms, cuts=(), silent=()):
    """The samples of records at *times_ms*, ticks as ".", records as their number.

    *cuts* are the records before which a new batch begins; *silent* records have no sample.
    """
    ticker = Ticker(source=3)
    t_ns = np.array(times_ms, np.int64) * MS
    story = []

    def tell(samples):
        for at, value, signal, source, quality, origin in samples.tolist():
            assert (source, quality, origin) == (3, 0, Origin.RECORDED)
            story.append(f"{at / MS:g} ." if signal == TICK else f"{at / MS:g} {value:g}")

    for begin, end in zip([0, *cuts], [*cuts, len(t_ns)], strict=True):

        def decode(a, b, begin=begin):
            numbers = [n for n in range(begin + a, begin + b) if n not in silent]
            samples = np.zeros(len(numbers), SAMPLE)
            samples["t_ns"], samples["value"] = t_ns[numbers], numbers
            samples["source"], samples["origin"] = 3, Origin.RECORDED
            return samples

        tell(ticker.weave(t_ns[begin:end], decode))
    tell(ticker.end())
    return story


@pytest.mark.parametrize(
    ("times_ms", "story"),
    [
        pytest.param([], [], id="no record, no tick"),
        pytest.param([700], ["700 .", "700 0", "700 ."], id="before the first and after the last"),
        pytest.param(
            [0, 49, 50, 60],
            ["0 .", "0 0", "49 1", "50 .", "50 2", "60 3", "60 ."],
            id="a record at a boundary comes after it",
        ),
        pytest.param(
            [7, 56, 57],
            ["7 .", "7 0", "56 1", "57 .", "57 2", "57 ."],
            id="boundaries count from the first record",
        ),
        pytest.param(
            [0, 510],
            ["0 .", "0 0", "500 .", "510 1", "510 ."],
            id="after a silence, one tick at the last boundary passed",
        ),
        pytest.param(
            [0, 60, 40, 110],
            ["0 .", "0 0", "50 .", "60 1", "40 2", "100 .", "110 3", "110 ."],
            id="time that goes back stands still",
        ),
        pytest.param(
            [100, 20],
            ["100 .", "100 0", "20 1", "100 ."],
            id="the last tick is not before the others",
        ),
    ],
)
def test_where_ticks_stand(times_ms, story):
    assert woven(times_ms) == story


def test_a_record_without_samples_lets_time_go_on_too():
    story = ["0 .", "0 0", "50 .", "40 2", "60 ."]
    assert woven([0, 60, 40], silent=(1,)) == story


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=30),
    st.sets(st.integers(0, 29)),
    st.sets(st.integers(1, 29)),
)
def test_how_records_are_cut_into_batches_makes_no_difference(times_ms, silent, cuts):
    cuts = sorted(cut for cut in cuts if cut < len(times_ms))
    assert woven(times_ms, cuts, silent) == woven(times_ms, (), silent)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30).map(sorted), st.sets(st.integers(0)))
def test_no_sample_is_older_than_a_tick_before_it_and_none_is_lost(times_ms, silent):
    story = woven(times_ms, (), silent)
    times = [float(each.split()[0]) for each in story]
    assert times == sorted(times)
    told = [int(each.split()[1]) for each in story if not each.endswith(".")]
    assert told == [n for n in range(len(times_ms)) if n not in silent]
