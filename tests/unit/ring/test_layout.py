import itertools

import pytest

from gateway.ring.layout import LINE, WORD, RingLayout

LAYOUT = RingLayout(capacity=8, record_size=24, lanes=3, readers=2)


def fields(layout):
    """Every field as (first byte, size)."""
    for reader in range(layout.readers):
        place = layout.place(reader)
        yield place.lock, LINE
        yield place.pid * WORD, WORD
        yield place.orphaned_ns * WORD, WORD
    for index in range(layout.lanes):
        lane = layout.lane(index)
        yield lane.guard_lock, LINE
        yield lane.tenant_lock, LINE
        for word in (lane.published, lane.claimed, lane.flags, lane.wanted):
            yield word * WORD, WORD
        for account in lane.accounts:
            yield account * WORD, 5 * WORD
        yield lane.data, layout.capacity * layout.record_size


@pytest.mark.parametrize("record_size", [1, 24, 48, 80])
@pytest.mark.parametrize("lanes", [1, 5])
@pytest.mark.parametrize("readers", [0, 1, 7])
def test_no_byte_belongs_to_two_fields_and_all_fit(record_size, lanes, readers):
    layout = RingLayout(64, record_size, lanes, readers)
    taken = sorted(fields(layout))
    for (start, size), (following, _) in itertools.pairwise(taken):
        assert start + size <= following
    assert sum(taken[-1]) <= layout.size


def test_no_field_of_the_header_straddles_a_cache_line():
    for start, size in fields(LAYOUT):
        if start < LAYOUT.header_size:
            assert start // LINE == (start + size - 1) // LINE


def test_locks_accounts_and_slots_begin_a_cache_line():
    for index in range(LAYOUT.lanes):
        lane = LAYOUT.lane(index)
        starts = [lane.guard_lock, lane.tenant_lock, lane.data]
        starts += [account * WORD for account in lane.accounts]
        assert all(start % LINE == 0 for start in starts)
