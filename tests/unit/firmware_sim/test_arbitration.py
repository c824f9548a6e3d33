"""Who wins, against the bits of the arbitration field put on the wire one by one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import wire
from firmware_sim.arbitration import key

EXTENDED, REMOTE, FD = wire.EXTENDED, wire.REMOTE, wire.FD

ids = st.tuples(
    st.one_of(st.integers(0, 0x7FF), st.integers(0, 0x1FFFFFFF).map(lambda n: n | EXTENDED)),
    st.sampled_from([0, REMOTE]),
).map(sum)


def field(can_id):
    """The bits from ID28 to RTR."""
    remote = int(bool(can_id & REMOTE))
    if not can_id & EXTENDED:
        return [*number(can_id, 11), remote, 0]
    return [*number(can_id >> 18, 11), 1, 1, *number(can_id, 18), remote]


def number(value, width):
    return [value >> place & 1 for place in reversed(range(width))]


def winner_on_the_wire(one, other):
    """The node that still sees its own bits when the other does not: 0 is dominant."""
    for mine, its in zip(field(one), field(other), strict=False):
        if mine != its:
            return one if mine == 0 else other
    return one


@settings(deadline=None)
@given(ids, ids)
def test_the_frame_whose_bits_stay_dominant_longest_has_the_lower_key(one, other):
    winner = winner_on_the_wire(one, other)
    assert key(winner, 0) <= key(other if winner == one else one, 0)


@settings(deadline=None)
@given(ids, ids)
def test_different_fields_have_different_keys(one, other):
    assert (key(one, 0) == key(other, 0)) == (one == other)


def test_of_one_base_id_standard_data_goes_first_then_standard_remote_then_extended():
    same = [0x123, 0x123 | REMOTE, 0x123 << 18 | EXTENDED, 0x123 << 18 | EXTENDED | REMOTE]
    keys = [key(can_id, 0) for can_id in same]
    assert keys == sorted(set(keys))


def test_a_lower_base_id_wins_whatever_the_kind_of_frame():
    assert key(0x122 << 18 | 0x3FFFF | EXTENDED | REMOTE, 0) < key(0x123, 0)


def test_of_one_id_the_classic_frame_goes_before_the_can_fd_one():
    assert key(0x123, 0) < key(0x123, FD) < key(0x123 | REMOTE, 0)


def test_an_error_flag_waits_for_nobody():
    assert key(wire.ERROR | wire.ERR_PROTOCOL, 0) < key(0, 0)
