from __future__ import annotations

import numpy as np
import pytest

from gateway.analysis.engine import Engine
from gateway.clock import NS_PER_S
from gateway.record import ALARM

OVEN = {"above": 80.0, "deadband": 5.0, "on_delay": 2, "off_delay": 1}


@pytest.mark.parametrize(
    ("story", "reported"),
    [
        pytest.param("0:20 1:80 9:80", "", id="stays quiet at the limit itself"),
        pytest.param("0:81 1:81 2:81", "2:RAISED", id="raises once the on-delay is over"),
        pytest.param("0:81 5:81", "5:RAISED", id="raises on the first sample after the on-delay"),
        pytest.param("0:85 1:85 1.5:79 2:85 3:85", "", id="a dip restarts the on-delay"),
        pytest.param("0:85 1.999:85", "", id="one millisecond short of the on-delay is short"),
        pytest.param("0:85 2:85 3:77 9:77", "2:RAISED", id="does not clear inside the deadband"),
        pytest.param("0:85 2:85 3:75 4:75", "2:RAISED 4:CLEARED", id="clears after the off-delay"),
        pytest.param("0:85 2:85 3:75 3.5:85 4:85", "2:RAISED", id="a relapse ends the clearing"),
        pytest.param(
            "0:85 2:85 3:75 3.5:77 4:75 4.9:70", "2:RAISED", id="the deadband ends it too"
        ),
        pytest.param("0:85 1:77 2:85 3:85", "", id="the deadband ends a pending alarm"),
        pytest.param("0:85 1:nan 2:85", "2:RAISED", id="a NaN does not restart the on-delay"),
        pytest.param("0:85 1:bad 2:85", "2:RAISED", id="nor does an invalid sample"),
        pytest.param("0:85 1:85 2:bad 9:nan", "", id="an invalid sample completes no on-delay"),
        pytest.param("0:bad 2:85 4:85", "4:RAISED", id="nor does it start one"),
        pytest.param(
            "0:85 2:85 3:75 3.5:nan 4:bad 5:75",
            "2:RAISED 5:CLEARED",
            id="an invalid sample neither ends nor completes the clearing",
        ),
        pytest.param("0:85! 2:85!", "2:RAISED", id="a value out of its range is judged"),
        pytest.param("0:85 2:85 3:85 60:85 3600:85", "2:RAISED", id="reports a long alarm once"),
        pytest.param("0:inf 2:inf 3:-inf 4:-inf", "2:RAISED 4:CLEARED", id="judges the infinite"),
    ],
)
def test_above_with_delays_and_a_deadband(heard, story, reported):
    assert heard(story, **OVEN) == reported


@pytest.mark.parametrize(
    ("keys", "story", "reported"),
    [
        pytest.param({"above": 80}, "0:80.1 1:80", "0:RAISED 1:CLEARED", id="above, no delays"),
        pytest.param({"below": 12}, "0:12 1:11.9 2:12", "1:RAISED 2:CLEARED", id="below is strict"),
        pytest.param(
            {"below": 12, "deadband": 1}, "0:11 1:12.9 2:13", "0:RAISED 2:CLEARED", id="below"
        ),
        pytest.param(
            {"outside": (3, 6)}, "0:3 1:2.9 2:3 3:6 4:6.1 5:6",
            "1:RAISED 2:CLEARED 4:RAISED 5:CLEARED",
            id="outside is strict on both sides",
        ),
        pytest.param(
            {"outside": (3, 6), "deadband": 1},
            "0:2 1:3.9 2:5.1 3:5 4:7 5:5.1 6:4",
            "0:RAISED 3:CLEARED 4:RAISED 6:CLEARED",
            id="outside clears beyond the deadband of both sides",
        ),
        pytest.param(
            {"outside": (3, 6)}, "0:2 1:9 2:4", "0:RAISED 2:CLEARED",
            id="from one side of the range to the other it is one alarm",
        ),
        pytest.param(
            {"outside": (3, 6), "on_delay": 2}, "0:2 1:9 2:2", "2:RAISED",
            id="and one on-delay",
        ),
        pytest.param(
            {"above": 0.3, "deadband": 0.1}, "0:1 1:0.2", "0:RAISED 1:CLEARED",
            id="limit and deadband are subtracted as decimals, as people do",
        ),
    ],
)  # fmt: skip
def test_the_other_limits(heard, keys, story, reported):
    assert heard(story, **keys) == reported


@pytest.mark.parametrize(
    ("keys", "story", "reported"),
    [
        pytest.param({}, "0:0 1:5 2:10.1 3:15.1", "2:RAISED 3:CLEARED", id="strictly, per second"),
        pytest.param({}, "0:0 0.1:0.6 0.2:1.2 0.3:1.2", "0.1:RAISED 0.3:CLEARED", id="tenths"),
        pytest.param({}, "0:1000", "", id="one sample has no rate"),
        pytest.param({}, "0:10 1:0 2:-10", "", id="a fall is no rise"),
        pytest.param({}, "0:0 1:bad 2:nan 3:16", "3:RAISED", id="measured between valid samples"),
        pytest.param({}, "0:0 0:4 1:6 1:5 2:11", "1:RAISED 2:CLEARED", id="one stamp"),
        pytest.param({}, "5:99 4:0 5:5", "", id="no rate over a step back"),
        pytest.param({}, "5:0 4:0 5:6", "5:RAISED", id="the next rise is measured from the step"),
        pytest.param(
            {"deadband": 2}, "0:0 1:6 2:10 3:13", "1:RAISED 3:CLEARED", id="deadband per second"
        ),
        pytest.param({"on_delay": 1}, "0:0 1:6 1.5:7 2:13 3:19", "3:RAISED", id="delayed"),
        pytest.param({}, "0:inf 1:inf 2:1", "", id="a rate that is not a number decides nothing"),
        pytest.param({}, "0:-1.7e308 1:1.7e308", "1:RAISED", id="a rise beyond all numbers is one"),
    ],
)  # fmt: skip
def test_rate_above_five_per_second(heard, keys, story, reported):
    assert heard(story, rate_above=5, **keys) == reported


def test_of_one_stamp_in_two_batches_the_first_sample_stands_for_both(rule, samples):
    engine = Engine([rule(rate_above=5)])
    events = [engine.feed(samples(batch)) for batch in ("0:0", "0:4", "1:6")]
    assert [alarms["rate"].tolist() for alarms in events] == [[], [], [6.0]]


def test_an_event_carries_the_value_and_for_a_rate_rule_the_rate(rule, samples):
    rules = [rule(index=0, above=80), rule(index=1, rate_above=5)]
    level, rate = Engine(rules).feed(samples("1:70 3:90"))
    assert (level["value"], rate["value"]) == (90, 90)
    assert rate["rate"] == 10
    assert np.isnan(level["rate"])


@pytest.mark.parametrize(
    ("story", "reported"),
    [
        pytest.param("9:85 1:85 2:85 3:85", "3:RAISED", id="the on-delay starts again at the step"),
        pytest.param("0:85 2:85 9:75 1:75 2:75", "2:RAISED 2:CLEARED", id="so does the off-delay"),
        pytest.param("2:85 1.5:85 3.4:85 3.5:85", "3.5:RAISED", id="from the earliest sample"),
        pytest.param("0:85 2:85 1:85 0:85", "2:RAISED", id="an alarm that is on stays on"),
    ],
)
def test_when_the_time_line_steps_back_no_alarm_gets_stuck(heard, story, reported):
    assert heard(story, **OVEN) == reported


def test_several_levels_on_one_signal_are_rules_of_their_own(heard, rule):
    levels = [
        rule(index=0, above=110),
        rule(index=1, above=90),
        rule(index=2, below=20),
        rule(index=3, below=5),
    ]
    story = "0:50 1:95 2:120 3:100 4:50 5:10 6:1 7:50"
    assert heard(story, *levels) == (
        "1:r1=RAISED 2:r0=RAISED 3:r0=CLEARED 4:r1=CLEARED "
        "5:r2=RAISED 6:r3=RAISED 7:r2=CLEARED 7:r3=CLEARED"
    )


def test_events_come_in_the_order_of_the_samples_then_of_the_rules_indices(rule, samples):
    # Neither the order of the rules in this engine nor that of the signals matters.
    rules = [
        rule(index=7, signal_index=0, above=1),
        rule(index=3, signal_index=1, above=1),
        rule(index=5, signal_index=0, above=1),
    ]
    alarms = Engine(rules).feed(samples("0:s0=0 1:s1=9 2:s0=9"))
    assert alarms[["order", "rule"]].tolist() == [(1, 3), (2, 5), (2, 7)]


def test_an_event_says_where_in_the_lane_its_sample_stood(rule, samples):
    engine = Engine([rule(above=80)])
    assert engine.feed(samples("0:0 1:90"), 2, 2**40)["order"].tolist() == [2**40 + 1]
    (cleared,) = engine.feed(samples("2:90 3:0"), 2, np.array([2**40 + 7, 2**40 + 9]))
    assert (cleared["order"], cleared["lane"]) == (2**40 + 9, 2)


def test_an_event_names_rule_signal_and_source_and_leaves_the_rest_to_the_caller(rule, samples):
    (alarm,) = Engine([rule(index=4, signal_index=2, source=6, above=80)]).feed(samples("1:s2=90"))
    expected = np.zeros(1, ALARM)
    expected["t_ns"], expected["value"], expected["rate"] = 10**9, 90, np.nan
    expected["rule"], expected["signal"], expected["source"], expected["kind"] = 4, 2, 6, 1
    assert alarm.tobytes() == expected.tobytes()


def test_samples_of_other_signals_are_passed_over(heard):
    assert heard("0:s1=99 1:s99=99 2:s4294967294=99 3:tick", above=80) == ""


def test_a_batch_without_samples_and_an_engine_without_rules_have_nothing_to_say(rule, samples):
    assert len(Engine([rule(above=80)]).feed(samples(""))) == 0
    assert len(Engine([]).feed(samples("0:99 1:tick"))) == 0


def test_an_engine_refuses_a_state_of_another_shape(rule):
    with pytest.raises(ValueError, match="expected 1 rows of RULE_STATE"):
        Engine([rule(above=80)], np.zeros(2, Engine([]).state.dtype))


def test_a_step_back_in_a_quiet_batch_of_its_own_is_seen_too(rule, samples):
    engine = Engine([rule(**OVEN)])
    for story in ("9:85", "1:85", "2:85"):
        assert len(engine.feed(samples(story))) == 0
    assert engine.feed(samples("3:85"))["t_ns"].tolist() == [3 * NS_PER_S]
