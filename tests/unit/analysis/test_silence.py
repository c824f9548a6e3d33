from __future__ import annotations

import numpy as np
import pytest

from gateway.analysis.engine import Engine
from gateway.clock import NS_PER_S


@pytest.mark.parametrize(
    ("story", "reported"),
    [
        pytest.param("0:1 1:1 2.9:1 4:1", "", id="stays quiet while samples come"),
        pytest.param("0:1 5:tick", "2:RAISED", id="is raised at the moment it fell silent"),
        pytest.param("0:1 1.9:tick", "", id="not before it has been silent for that long"),
        pytest.param("0:1 2:tick", "2:RAISED", id="silent for exactly that long is silent"),
        pytest.param("0:1 5:1", "2:RAISED 5:CLEARED", id="its own next sample shows the gap"),
        pytest.param("0:1 5:tick 6:tick 7:1", "2:RAISED 7:CLEARED", id="reports one gap once"),
        pytest.param("0:1 5:tick 7:1 9:1", "2:RAISED 7:CLEARED 9:RAISED 9:CLEARED", id="next"),
        pytest.param("0:1 1:bad 2:bad", "2:RAISED", id="invalid samples do not end the silence"),
        pytest.param("0:1 1:nan 2:tick", "2:RAISED", id="nor do NaNs"),
        pytest.param("0:1 5:bad 6:1", "2:RAISED 6:CLEARED", id="but they show how late it is"),
        pytest.param("0:1 1:9! 2.9:tick", "", id="values out of range are signs of life"),
        pytest.param("1:tick 3:tick", "3:RAISED", id="never heard: since the first tick"),
        pytest.param("1:bad 3:tick", "3:RAISED", id="or since its first invalid sample"),
        pytest.param("1:tick 4:1", "3:RAISED 4:CLEARED", id="never heard, then heard"),
        pytest.param("0:1 1:s7=1 5:s7=1", "", id="another signal's samples show nothing"),
    ],
)  # fmt: skip
def test_stale_after_two_seconds(heard, story, reported):
    assert heard(story, stale_after=2) == reported


@pytest.mark.parametrize(
    ("story", "reported"),
    [
        pytest.param("0:1 4.9:tick", "", id="not within the on-delay"),
        pytest.param("0:1 3:tick 4:1 6.9:tick", "", id="a sample within it makes a new start"),
        pytest.param("0:1 3:tick 9:tick", "5:RAISED", id="raised at the end of the on-delay"),
        pytest.param("0:1 9:tick 10:1 10.9:1", "5:RAISED", id="not cleared within the off-delay"),
        pytest.param("0:1 9:tick 10:1 11:1", "5:RAISED 11:CLEARED", id="cleared after it"),
        pytest.param("0:1 9:tick 10:1 12:tick 12.5:1 13:1 13.5:1", "5:RAISED 13.5:CLEARED",
                     id="falling silent again ends the clearing"),
        pytest.param("0:1 9:tick 10:1 11:tick 11.5:bad", "5:RAISED", id="only valid samples clear"),
    ],
)  # fmt: skip
def test_stale_after_two_seconds_with_delays_of_three_and_one(heard, story, reported):
    assert heard(story, stale_after=2, on_delay=3, off_delay=1) == reported


def test_the_events_do_not_depend_on_when_ticks_come(heard):
    gap = "0:1 {} 10:1"
    ticks = ["", "2:tick", "3.7:tick", "1:tick 2.5:tick 9.9:tick", "10:tick"]
    assert {heard(gap.format(tick), stale_after=2) for tick in ticks} == {"2:RAISED 10:CLEARED"}


def test_only_ticks_of_its_own_source_show_a_signals_silence(rule, samples):
    elsewhere = Engine([rule(stale_after=2, source=1)])
    assert len(elsewhere.feed(samples("0:1 5:tick"))) == 0


@pytest.mark.parametrize(
    ("story", "reported"),
    [
        pytest.param("9:1 0:tick 1:tick 2:tick", "2:RAISED", id="counted anew from the step"),
        pytest.param("9:1 0:1 1.9:1 3:tick", "", id="a signal that goes on is not silent"),
        pytest.param("5:1 9:tick 1:tick 2:1", "7:RAISED 2:CLEARED", id="an alarm clears as ever"),
    ],
)  # fmt: skip
def test_when_the_time_line_steps_back_silence_is_still_noticed(heard, story, reported):
    assert heard(story, stale_after=2) == reported


def test_a_step_back_in_a_quiet_batch_of_its_own_is_seen_too(rule, samples):
    engine = Engine([rule(stale_after=20)])
    for story in ("0:1", "9:1 1:tick"):
        assert len(engine.feed(samples(story))) == 0
    assert engine.feed(samples("21:tick"))["t_ns"].tolist() == [21 * NS_PER_S]


def test_the_events_carry_the_last_valid_value_and_the_one_that_ended_the_silence(rule, samples):
    raised, cleared = Engine([rule(stale_after=2)]).feed(samples("0:7 1:nan 5:tick 6:8"))
    assert (raised["value"], cleared["value"]) == (7, 8)


def test_a_signal_that_was_never_heard_has_no_value(rule, samples):
    (raised,) = Engine([rule(stale_after=2)]).feed(samples("0:tick 5:tick"))
    assert np.isnan(raised["value"])


def test_an_event_stands_where_the_sample_stood_that_showed_the_silence(rule, samples):
    alarms = Engine([rule(stale_after=2)]).feed(samples("0:1 1:tick 5:tick 6:1"), 0, 100)
    assert alarms["order"].tolist() == [102, 103]
