"""Several streams on one time line, against the merge that Python has."""

import heapq
import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.sources.merge import merge

RECORD = np.dtype([("t_ns", np.int64), ("stream", np.int64), ("number", np.int64)])
STREAMS = st.lists(
    st.lists(st.lists(st.integers(0, 12), max_size=5), max_size=5), min_size=1, max_size=4
)


def chunked(streams):
    """Arrays of RECORD for times in streams of chunks."""
    for stream, chunks in enumerate(streams):
        numbers = itertools.count()
        yield [np.array([(t, stream, next(numbers)) for t in chunk], RECORD) for chunk in chunks]


def merged(streams):
    parts = list(merge([iter(chunks) for chunks in chunked(streams)]))
    return np.concatenate([np.empty(0, RECORD), *parts]).tolist()


def reference(streams):
    """What heapq makes of it when each stream's time stands still where it goes back."""
    rows = []
    for stream, chunks in enumerate(streams):
        times = list(itertools.chain(*chunks))
        latest = itertools.accumulate(times, max)
        rows.append(
            [(at, stream, n, t) for n, (at, t) in enumerate(zip(latest, times, strict=True))]
        )
    return [(t, stream, n) for _, stream, n, t in heapq.merge(*rows)]


@given(STREAMS)
def test_records_come_by_time_then_by_stream(streams):
    assert merged(streams) == reference(streams)


@given(STREAMS)
def test_how_streams_are_cut_into_chunks_makes_no_difference(streams):
    whole = [[list(itertools.chain(*chunks))] for chunks in streams]
    single = [[[t] for t in itertools.chain(*chunks)] for chunks in streams]
    assert merged(whole) == merged(single) == merged(streams)


def test_one_stream_passes_as_it_is():
    assert merged([[[3, 1], [2]]]) == [(3, 0, 0), (1, 0, 1), (2, 0, 2)]


def test_only_a_chunk_of_each_stream_is_held():
    held = []

    def stream(name, times):
        for t in times:
            held.append(name)
            yield np.array([(t, 0, 0)], RECORD)

    merging = merge([stream("early", range(100)), stream("late", range(1000, 1100))])
    for _ in range(10):
        next(merging)
    assert held.count("late") == 1
    assert held.count("early") <= 11
