"""Each state of a link is said once when it begins and once when it ends."""

import logging

import pytest

from gateway.clock import NS_PER_S
from gateway.errors import LinkError, LinkLostError
from gateway.sources.link import LinkLog, LinkState


@pytest.fixture
def link(caplog):
    caplog.set_level(logging.INFO)
    return LinkLog(logging.getLogger("gps"))


@pytest.fixture
def said(caplog):
    """Return what was said since the last time."""

    def said():
        lines = [record.message for record in caplog.records]
        caplog.clear()
        return lines

    return said


def unplugged():
    return LinkLostError("ttyUSB0 is gone", LinkState.UNPLUGGED)


def absent():
    return LinkError("cannot open ttyUSB0: there is no such device", LinkState.ABSENT)


def test_a_state_is_said_when_it_begins_and_when_it_ends(link, said):
    for second in range(10):
        states = {LinkState.MUTE: f"nothing came for {second} s"} if 2 <= second < 7 else {}
        link.holds(states, second * NS_PER_S)
    assert said() == ["link mute: nothing came for 2 s", "link no longer mute, after 5.0 s"]


def test_states_that_hold_together_are_said_each_for_itself(link, said):
    passive, alone = LinkState.ERROR_PASSIVE, LinkState.NO_ACKNOWLEDGEMENT
    link.holds({passive: "127 errors"}, 0)
    link.holds({passive: "128 errors", alone: "nobody answers"}, NS_PER_S)
    link.holds({alone: "nobody answers"}, 2 * NS_PER_S)
    assert said() == [
        "link error-passive: 127 errors",
        "link no-acknowledgement: nobody answers",
        "link no longer error-passive, after 2.0 s",
    ]


def test_an_outage_is_over_when_the_link_is_restored(link, said):
    link.lost(unplugged(), 0)
    assert link.is_down
    link.restored(NS_PER_S * 5 // 2)
    assert not link.is_down
    assert said() == [
        "link unplugged: ttyUSB0 is gone",
        "link restored, no longer unplugged, after 2.5 s",
    ]


def test_what_was_unplugged_is_absent_and_that_is_one_outage(link, said):
    link.lost(unplugged(), 0)
    for second in range(5):
        link.lost(absent(), second * NS_PER_S)
    assert said() == ["link unplugged: ttyUSB0 is gone"]
    assert link.outages == 1


def test_an_outage_that_changes_its_reason_is_one_outage_of_two_states(link, said):
    link.lost(unplugged(), 0)
    link.lost(LinkError("another program has it", LinkState.BUSY), NS_PER_S)
    link.restored(3 * NS_PER_S)
    assert said() == [
        "link unplugged: ttyUSB0 is gone",
        "link no longer unplugged, after 1.0 s",
        "link busy: another program has it",
        "link restored, no longer busy, after 2.0 s",
    ]
    assert link.outages == 1


def test_a_link_that_is_gone_is_no_longer_mute(link, said):
    link.holds({LinkState.MUTE: "nothing came"}, 0)
    link.lost(unplugged(), NS_PER_S)
    assert said() == [
        "link mute: nothing came",
        "link no longer mute, after 1.0 s",
        "link unplugged: ttyUSB0 is gone",
    ]


def test_the_facts_tell_what_holds_since_when_and_what_there_was(link):
    for second in (0, 10, 20):
        link.holds({LinkState.MUTE: "nothing came"}, second * NS_PER_S)
        link.holds({}, (second + 5) * NS_PER_S)
    link.lost(absent(), 30 * NS_PER_S)
    assert link.facts(34 * NS_PER_S) == {
        "states": {
            "absent": {"detail": "cannot open ttyUSB0: there is no such device", "for_s": 4.0}
        },
        "entered": {"mute": 3, "absent": 1},
    }


def test_an_error_of_an_unknown_kind_is_a_lost_link(link, said):
    link.lost(LinkError("the driver says 42"), 0)
    assert said() == ["link lost: the driver says 42"]
