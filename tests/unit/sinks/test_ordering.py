from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import NS_PER_MS
from gateway.record import ALARM
from gateway.sinks.ordering import HOLD_NS, AlarmMerge

RAISED, CLEARED = 1, 2


def alarms(*keys, emitted_ms=0):
    """Events by (lane, order, rule) or (lane, order, rule, kind)."""
    made = np.zeros(len(keys), ALARM)
    for row, (lane, order, rule, *kind) in zip(made, keys, strict=True):
        row["lane"], row["order"], row["rule"] = lane, order, rule
        row["kind"] = kind[0] if kind else RAISED
    made["emitted_ns"] = emitted_ms * NS_PER_MS
    return made


def keys(events):
    return [tuple(event) for event in events[["lane", "order", "rule"]].tolist()]


def test_an_event_waits_until_every_analyzer_is_past_its_sample():
    merge = AlarmMerge()
    merge.push(alarms((0, 5, 1)))
    assert keys(merge.pop([5], 0)) == []
    assert len(merge) == 1
    assert keys(merge.pop([6], 0)) == [(0, 5, 1)]
    assert len(merge) == 0


def test_events_of_one_lane_leave_by_sample_then_rule_then_raised_before_cleared():
    merge = AlarmMerge()
    merge.push(alarms((0, 9, 1), (0, 7, 2), (0, 7, 1, CLEARED), emitted_ms=1))
    merge.push(alarms((0, 8, 0), (0, 7, 1, RAISED), emitted_ms=2))
    out = merge.pop([10], 0)
    assert keys(out) == [(0, 7, 1), (0, 7, 1), (0, 7, 2), (0, 8, 0), (0, 9, 1)]
    assert out["kind"].tolist()[:2] == [RAISED, CLEARED]


def test_lanes_do_not_wait_for_each_other_and_merge_by_when_the_events_came():
    merge = AlarmMerge()
    merge.push(alarms((0, 50, 0), emitted_ms=3))
    merge.push(alarms((1, 2, 1), (1, 3, 1), emitted_ms=1))
    merge.push(alarms((1, 1, 2), emitted_ms=4))
    assert keys(merge.pop([51, 0], 0)) == [(0, 50, 0)]
    merge.push(alarms((0, 60, 0), emitted_ms=5))
    # (1, 1, 2) came last but goes first in its lane, so what follows it there came after it.
    assert keys(merge.pop([61, 4], 0)) == [(1, 1, 2), (1, 2, 1), (1, 3, 1), (0, 60, 0)]


def test_an_event_that_comes_twice_leaves_once():
    merge = AlarmMerge()
    merge.push(alarms((0, 5, 1), emitted_ms=1))
    merge.pop([5], NS_PER_MS)
    merge.push(alarms((0, 5, 1), (0, 5, 2), (0, 5, 1, CLEARED), emitted_ms=2))
    out = merge.pop([6], 2 * NS_PER_MS)
    assert keys(out) == [(0, 5, 1), (0, 5, 1), (0, 5, 2)]
    assert out["emitted_ns"].tolist()[0] == NS_PER_MS


def test_a_dead_analyzer_holds_back_the_others_for_so_long_and_no_longer():
    merge = AlarmMerge()
    merge.push(alarms((0, 5, 1), emitted_ms=1))
    emitted_ns = NS_PER_MS
    assert keys(merge.pop([0], emitted_ns + HOLD_NS - 1)) == []
    assert keys(merge.pop([0], emitted_ns + HOLD_NS)) == [(0, 5, 1)]


def test_those_before_an_overdue_event_leave_before_it():
    merge = AlarmMerge(hold_ns=10 * NS_PER_MS)
    merge.push(alarms((0, 5, 1), (1, 1, 0), emitted_ms=0))
    merge.push(alarms((0, 4, 2), (0, 6, 2), emitted_ms=9))
    assert keys(merge.pop([0, 0], 10 * NS_PER_MS)) == [(1, 1, 0), (0, 4, 2), (0, 5, 1)]
    assert keys(merge.rest()) == [(0, 6, 2)]


def test_an_event_that_left_early_is_not_repeated_when_its_analyzer_does_the_batch_again():
    merge = AlarmMerge(hold_ns=0)
    merge.push(alarms((0, 5, 1), (0, 6, 1)))
    assert keys(merge.pop([0], 0)) == [(0, 5, 1), (0, 6, 1)]
    merge.push(alarms((0, 5, 1), (0, 6, 1), (0, 7, 1)))
    assert keys(merge.pop([7], 0)) == [(0, 7, 1)]


def test_a_recording_waits_for_ever():
    merge = AlarmMerge(hold_ns=None)
    merge.push(alarms((0, 5, 1)))
    assert keys(merge.pop([5], 3600 * 10**9)) == []
    assert keys(merge.rest()) == [(0, 5, 1)]


def test_the_rest_leaves_in_order_whatever_the_analyzers_consumed():
    merge = AlarmMerge()
    merge.push(alarms((1, 5, 1), (1, 2**63, 0), (1, 3, 3)))
    assert keys(merge.rest()) == [(1, 3, 3), (1, 5, 1), (1, 2**63, 0)]
    assert len(merge.rest()) == 0


@st.composite
def drives(draw):
    """Events of one lane, shared among analyzers by rule, each judging in batches of its own."""
    length, analyzers = 20, draw(st.integers(1, 3))
    events = draw(st.sets(st.tuples(st.integers(0, length - 1), st.integers(0, 5)), max_size=20))
    return length, analyzers, [alarms((0, *event)) for event in sorted(events)]


@settings(deadline=None)
@given(drive=drives(), data=st.data())
def test_events_of_analyzers_that_lag_and_are_killed_leave_in_the_order_of_one(drive, data):
    length, analyzers, events = drive
    consumed, merge, out = [0] * analyzers, AlarmMerge(hold_ns=None), []
    while min(consumed) < length:
        who = data.draw(st.sampled_from([n for n in range(analyzers) if consumed[n] < length]))
        end = data.draw(st.integers(consumed[who] + 1, length))
        for event in events:
            if event["rule"][0] % analyzers == who and consumed[who] <= event["order"][0] < end:
                merge.push(event)
        killed = data.draw(st.booleans())  # before it said that it had come so far
        consumed[who] = consumed[who] if killed else end
        out += keys(merge.pop([min(consumed)], 0))
    assert out == [key for event in events for key in keys(event)]


@pytest.mark.parametrize("hold_ns", [HOLD_NS, None])
def test_nothing_held_is_nothing_to_leave(hold_ns):
    merge = AlarmMerge(hold_ns)
    merge.push(alarms())
    assert len(merge.pop([0], 0)) == 0
    assert len(merge.rest()) == 0
