"""What rules send: on the event that they name, and once."""

import numpy as np
import pytest

from gateway.record import ALARM, AlarmKind
from gateway.transmit.arming import Action
from gateway.transmit.reactions import Reactions

RAISED, CLEARED = AlarmKind.RAISED, AlarmKind.CLEARED


def alarms(*events):
    """Events given as (rule, kind, order)."""
    records = np.zeros(len(events), ALARM)
    for record, event in zip(records, events, strict=True):
        record["rule"], record["kind"], record["order"] = event
    return records


@pytest.fixture
def marks():
    return np.zeros(3, np.uint64)


@pytest.fixture
def reactions(marks):
    def reactions():
        on = [(0, RAISED, "fan"), (0, CLEARED, "stop"), (2, RAISED, "fan"), (2, RAISED, "lamp")]
        return Reactions([Action(rule, kind, "", name, None) for rule, kind, name in on], marks)

    return reactions


def sent(reactions, events):
    return [action.transmit for _, actions in reactions.to(events) for action in actions]


def test_raising_and_clearing_each_send_what_is_theirs(reactions):
    assert sent(reactions(), alarms((0, RAISED, 5), (0, CLEARED, 9))) == ["fan", "stop"]


def test_an_event_may_send_several_and_most_send_nothing(reactions):
    events = alarms((1, RAISED, 1), (2, RAISED, 2), (2, CLEARED, 3))
    assert sent(reactions(), events) == ["fan", "lamp"]


def test_the_first_event_of_all_sends(reactions):
    assert sent(reactions(), alarms((0, RAISED, 0))) == ["fan"]


def test_an_event_that_comes_again_sends_nothing(reactions):
    events = alarms((0, RAISED, 5), (0, CLEARED, 9))
    same = reactions()
    sent(same, events)
    assert sent(same, events) == []
    assert sent(same, alarms((0, RAISED, 10))) == ["fan"]


def test_what_was_dealt_with_stays_so_for_a_successor(reactions):
    events = alarms((0, RAISED, 5))
    sent(reactions(), events)
    assert sent(reactions(), events) == []


def test_an_event_is_dealt_with_only_when_the_next_is_asked_for(reactions):
    events = reactions().to(alarms((0, RAISED, 5)))
    next(events)
    events.close()  # killed in the middle of it
    assert sent(reactions(), alarms((0, RAISED, 5))) == ["fan"]


def test_one_sample_may_raise_and_clear(reactions):
    assert sent(reactions(), alarms((0, RAISED, 5), (0, CLEARED, 5))) == ["fan", "stop"]
