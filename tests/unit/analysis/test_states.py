from __future__ import annotations

from itertools import product

import pytest

from gateway.analysis.states import LEAVES, NEXT, RuleState, Zone, advance
from gateway.record import AlarmKind

S, Z = RuleState, Zone


def test_the_table_says_what_follows_for_every_state_and_zone():
    assert set(NEXT) == set(product(RuleState, Zone))
    assert set(NEXT.values()) == set(RuleState)


def test_the_search_stops_at_exactly_the_zones_that_the_table_leads_out_of_a_state_by():
    codes = bytes(Zone)
    for state in RuleState:
        stops = codes.translate(LEAVES[state])
        assert [NEXT[state, zone] is not state for zone in Zone] == [bool(stop) for stop in stops]


@pytest.mark.parametrize(
    ("state", "zone", "held_ns", "after"),
    [
        pytest.param(S.NORMAL, Z.HIGH, 0, (S.PENDING, None), id="a condition starts its delay"),
        pytest.param(S.PENDING, Z.HIGH, 9, (S.PENDING, None), id="not yet"),
        pytest.param(S.PENDING, Z.HIGH, 10, (S.ACTIVE, AlarmKind.RAISED), id="held long enough"),
        pytest.param(S.PENDING, Z.BAND, 10, (S.NORMAL, None), id="too late to be raised"),
        pytest.param(S.ACTIVE, Z.LOW, 99, (S.CLEARING, None), id="back, starts its delay"),
        pytest.param(S.CLEARING, Z.LOW, 19, (S.CLEARING, None), id="not back for long enough"),
        pytest.param(S.CLEARING, Z.LOW, 20, (S.NORMAL, AlarmKind.CLEARED), id="back for good"),
        pytest.param(S.CLEARING, Z.BAND, 20, (S.ACTIVE, None), id="too late to be cleared"),
    ],
)
def test_one_step(state, zone, held_ns, after):
    following, _, kind = advance(state, 100, zone, 100 + held_ns, on_delay_ns=10, off_delay_ns=20)
    assert (following, kind) == after
