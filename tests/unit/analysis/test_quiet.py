"""What is quiet for a rule leaves it as it is; what is not is told to its analyzer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.analysis.engine import Engine
from gateway.analysis.quiet import Quiet, QuietRules, QuietTable, quiet_of
from gateway.analysis.state import RULE_STATE
from gateway.analysis.states import RuleState
from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.record import SAMPLE, TICK, Quality

ALL = Quiet()
BELOW_ZERO, ABOVE_ZERO = math.nextafter(0.0, -1.0), math.nextafter(0.0, 1.0)


@pytest.fixture
def quiet(rule):
    """Return what is quiet for a rule with these keys after a story."""

    def quiet(samples, **keys):
        engine = Engine([rule(**keys)])
        engine.feed(samples)
        return quiet_of(rule(**keys), engine.state[0])

    return quiet


@pytest.mark.parametrize(
    ("keys", "story", "expected"),
    [
        ({"above": 80.0}, "0:1", ALL._replace(high=80.0)),
        ({"below": 3.0}, "0:9", ALL._replace(low=3.0)),
        ({"outside": (3.0, 80.0)}, "0:9", ALL._replace(low=3.0, high=80.0)),
        ({"above": 10.0, "deadband": 10.0}, "0:11", ALL._replace(low=ABOVE_ZERO)),
        ({"below": -10.0, "deadband": 10.0}, "0:-11", ALL._replace(high=BELOW_ZERO)),
        ({"outside": (-90.0, 10.0), "deadband": 10.0}, "0:11", ALL._replace(low=ABOVE_ZERO)),
        ({"outside": (-10.0, 90.0), "deadband": 10.0}, "0:-11", ALL._replace(high=BELOW_ZERO)),
        # Raised on one side, it is back, and raised on the other.
        (
            {"outside": (-10.0, 90.0), "deadband": 10.0},
            "0:99 1:0 2:-11",
            ALL._replace(high=BELOW_ZERO),
        ),
    ],
)
def test_values_that_leave_a_rule_in_its_state_are_quiet(quiet, samples, keys, story, expected):
    assert quiet(samples(story), **keys) == expected


@pytest.mark.parametrize(
    ("keys", "story"),
    [
        ({"above": 80.0, "on_delay": 2.0}, "0:81 1:81"),
        ({"above": 80.0, "off_delay": 2.0}, "0:81 1:7 2:7"),
        ({"stale_after": 1.0, "on_delay": 2.0}, "0:1 1.5:tick"),
        ({"stale_after": 1.0, "off_delay": 2.0}, "0:1 1.5:tick 2:1"),
        ({"rate_above": 5.0}, "0:1 1:2"),
    ],
)
def test_nothing_is_known_to_be_quiet_while_a_delay_runs_or_for_a_rate(quiet, samples, keys, story):
    assert quiet(samples(story), **keys) is None


def test_silence_has_all_values_quiet_and_times_up_to_when_it_would_be_told(quiet, samples):
    expected = ALL._replace(since_ns=3 * NS_PER_S, until_ns=5 * NS_PER_S - 1)
    assert quiet(samples("0:1 3:1 4:tick"), stale_after=2.0) == expected


def test_before_the_first_sign_of_a_signal_no_time_is_quiet(quiet, samples):
    found = quiet(samples(""), stale_after=2.0)
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert found.until_ns < 0


def test_a_signal_that_is_silent_may_go_on_so_and_no_value_is_quiet(quiet, samples):
    found = quiet(samples("0:1 3:tick"), stale_after=2.0)
    assert found.low > found.high
    assert (found.since_ns, found.until_ns) == (ALL.since_ns, ALL.until_ns)


def table_for(rules, owner, sources=1, analyzers=2):
    owner = np.array(owner, np.uint8)
    memory = np.zeros(QuietTable.size(len(owner), sources, analyzers), np.uint8)
    return QuietTable(memory, rules, owner, sources, analyzers)


def written(rules, samples, owner):
    """A table in which each analyzer wrote what is quiet for its rules, after these samples."""
    table = table_for(rules, owner)
    for analyzer in range(2):
        mine = [rule for rule in rules if owner[rule.signal.index] == analyzer]
        engine = Engine(mine)
        engine.feed(samples)
        assert QuietRules(table, analyzer, mine, engine.state).write()
    return table


def test_only_the_analyzers_are_stirred_that_judge_the_signals(rule, samples):
    rules = [rule(i, signal_index=i, above=10.0) for i in range(3)]
    table = written(rules, samples("0:s0=1 0:s1=1 0:s2=1"), owner=[0, 1, 1])
    assert table.stirs(0, samples("1:s0=10 1:s1=10 1:s2=10")) == 0b00
    assert table.stirs(0, samples("1:s0=11 1:s1=10 1:s2=10")) == 0b01
    assert table.stirs(0, samples("1:s0=10 1:s1=11 1:s2=11")) == 0b10
    assert table.stirs(0, samples("1:s0=11 1:s1=10 1:s2=11")) == 0b11


def test_what_is_quiet_for_one_rule_of_a_signal_need_not_be_for_another(rule, samples):
    rules = [rule(0, above=10.0), rule(1, below=2.0), rule(2, above=50.0)]
    table = written(rules, samples("0:5"), owner=[0])
    assert [table.stirs(0, samples(f"1:{value}")) for value in (1, 5, 11, 51)] == [1, 0, 1, 1]


def test_what_is_not_valid_stirs_nobody(rule, samples):
    table = written([rule(above=10.0)], samples("0:5"), owner=[0])
    assert table.stirs(0, samples("1:nan")) == 0


def test_samples_of_no_rule_and_ticks_stir_nobody(rule, samples):
    table = written([rule(above=10.0)], samples("0:5"), owner=[0, 1])
    assert table.stirs(0, samples("1:s1=99 2:tick")) == 0


def test_silence_is_told_to_its_analyzer_when_its_time_has_come(rule, samples):
    table = written([rule(signal_index=1, stale_after=2.0)], samples("1:s1=5"), owner=[0, 1])
    assert table.stirs(0, samples("2.9:tick")) == 0b00
    assert table.stirs(0, samples("3:tick")) == 0b10
    assert table.stirs(0, samples("2:s0=7 3.1:s0=7")) == 0b10
    # Where the time line steps back, the silence is counted anew.
    assert table.stirs(0, samples("0.9:tick")) == 0b10


def test_a_signal_that_is_heard_again_puts_its_silence_off(rule, samples):
    rules = [rule(stale_after=2.0)]
    table, engine = table_for(rules, owner=[0]), Engine(rules)
    quiet = QuietRules(table, 0, rules, engine.state)
    for story in ("1:5", "2:5"):
        engine.feed(samples(story))
        assert quiet.write()
    assert [table.stirs(0, samples(f"{t_s}:tick")) for t_s in (3, 4)] == [0, 1]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_silences_on_a_source_the_one_that_is_due_first_is_told(rule, samples, order):
    rules = [rule(0, signal_index=0, stale_after=2.0), rule(1, signal_index=1, stale_after=5.0)]
    table = written(rules[::order], samples("1:s0=5 2:s1=5"), owner=[0, 0])
    # Between the last sign of both and the first time that one is silent.
    assert [table.stirs(0, samples(f"{t_s}:tick")) for t_s in (1.9, 2, 2.9, 3)] == [1, 0, 0, 1]


def test_each_analyzer_is_told_of_its_own_silences(rule, samples):
    rules = [rule(0, signal_index=0, stale_after=2.0), rule(1, signal_index=1, stale_after=4.0)]
    table = written(rules, samples("1:s0=5 1:s1=5"), owner=[0, 1])
    told = [table.stirs(0, samples(f"{t_s}:tick")) for t_s in (2.9, 3, 4.9, 5)]
    assert told == [0b00, 0b01, 0b01, 0b11]


def test_an_analyzer_of_a_value_and_one_of_a_silence_are_stirred_together(rule, samples):
    rules = [rule(0, signal_index=0, above=10.0), rule(1, signal_index=1, stale_after=2.0)]
    table = written(rules, samples("1:s0=5 1:s1=5"), owner=[0, 1])
    assert table.stirs(0, samples("3:s0=11")) == 0b11


def test_times_since_1970_are_told_apart_to_the_nanosecond(rule, samples):
    heard_ns = 1_700_000_000 * NS_PER_S + 1
    sign, tick = samples("0:5"), samples("0:tick")
    sign["t_ns"] = heard_ns
    table = written([rule(stale_after=2.0)], sign, owner=[0])

    def stirs(t_ns):
        tick["t_ns"] = t_ns
        return table.stirs(0, tick)

    due_ns = heard_ns + 2 * NS_PER_S
    times_ns = (heard_ns - 1, heard_ns, due_ns - 1, due_ns)
    assert [stirs(t_ns) for t_ns in times_ns] == [1, 0, 0, 1]


def test_where_no_sample_comes_nobody_is_stirred(rule, samples):
    rules = [rule(0, stale_after=2.0), rule(1, above=10.0)]
    assert written(rules, samples("1:5"), owner=[0]).stirs(0, samples("")) == 0


def test_silence_on_one_source_is_not_asked_for_on_another(rule, samples):
    rules = [rule(stale_after=2.0)]
    table = table_for(rules, owner=[0], sources=2)
    engine = Engine(rules)
    engine.feed(samples("1:5"))
    assert QuietRules(table, 0, rules, engine.state).write()
    assert (table.stirs(0, samples("9:tick")), table.stirs(1, samples("9:tick"))) == (1, 0)


def test_an_analyzer_does_not_write_as_long_as_one_rule_keeps_it_awake(rule, samples):
    rules = [rule(0, above=10.0), rule(1, above=20.0, on_delay=1.0)]
    table, engine = table_for(rules, owner=[0]), Engine(rules)
    quiet = QuietRules(table, 0, rules, engine.state)
    engine.feed(samples("0:5"))
    assert quiet.write()
    engine.feed(samples("1:25"))
    assert not quiet.write()
    engine.feed(samples("1.5:5"))
    assert quiet.write()
    assert table.stirs(0, samples("2:10")) == 0


def test_an_analyzer_without_rules_is_never_stirred(rule, samples):
    table = table_for([rule(above=1.0)], owner=[0])
    assert QuietRules(table, 1, [], np.zeros(0, RULE_STATE)).write()
    assert table.stirs(0, samples("0:9")) & 0b10 == 0


LEVELS = st.integers(-3, 3).map(float)
DELAYS = st.sampled_from([0.0, 0.0, 0.0, 0.02])


@st.composite
def rule_keys(draw):
    condition = draw(st.sampled_from(["above", "below", "outside", "rate_above", "stale_after"]))
    keys = {
        "signal_index": draw(st.integers(0, 2)),
        "on_delay": draw(DELAYS),
        "off_delay": draw(DELAYS),
    }
    if condition == "stale_after":
        return keys | {"stale_after": draw(st.integers(1, 5)) * 0.01}
    keys["deadband"] = draw(st.sampled_from([0.0, 0.5, 1.0]))
    level = draw(LEVELS)
    return keys | {condition: (level, level + 2) if condition == "outside" else level}


@st.composite
def streams(draw):
    """Samples of three signals and ticks, 10 ms apart, at times a step back."""
    kinds = st.sampled_from([0, 0, 1, 1, 2, 2, TICK])
    rows = draw(st.lists(st.tuples(kinds, LEVELS, st.booleans(), st.integers(-1, 8)), max_size=30))
    samples = np.zeros(len(rows), SAMPLE)
    t_ns = 0
    for row, (signal, value, half, step) in zip(samples, rows, strict=True):
        t_ns += (step + 1) // 3 * 10 * NS_PER_MS if step >= 0 else -20 * NS_PER_MS
        row["t_ns"], row["signal"], row["value"] = t_ns, signal, value + half / 2
        row["quality"] = Quality.INVALID if signal != TICK and step == 7 else Quality.GOOD
        if row["quality"] == Quality.INVALID and half:
            row["value"] = np.nan
    return samples


@given(st.lists(rule_keys(), min_size=1, max_size=3), streams(), streams())
def test_whatever_comes_while_nothing_stirs_changes_no_state(rule, keys, before, after):
    rules = [rule(index, **each) for index, each in enumerate(keys)]
    engine, table = Engine(rules), table_for(rules, owner=[0, 0, 0])
    quiet = QuietRules(table, 0, rules, engine.state)
    known = quiet.write()
    for row in range(0, len(before), 5):
        engine.feed(before[row : row + 5])
        known = quiet.write()
    states = engine.state["state"].copy()
    if not known:
        return
    batches = [after[row : row + 3] for row in range(0, len(after), 3)]
    stirring = [bool(table.stirs(0, batch)) for batch in batches]
    slept = batches[: stirring.index(True) if True in stirring else None]
    alarms = engine.feed(np.concatenate([after[:0], *slept]))
    assert len(alarms) == 0
    assert (engine.state["state"] == states).all()


@given(
    st.sampled_from(["above", "below"]), LEVELS, st.sampled_from([0.0, 0.5, 1.0]), streams(), LEVELS
)
def test_what_stirs_a_rule_on_a_limit_changes_its_state(
    rule, condition, level, deadband, before, value
):
    rules = [rule(deadband=deadband, **{condition: level})]
    engine, table = Engine(rules), table_for(rules, owner=[0, 0, 0])
    engine.feed(before)
    was = RuleState(engine.state["state"][0])
    assert QuietRules(table, 0, rules, engine.state).write()
    sample = np.zeros(1, SAMPLE)
    sample["value"], sample["t_ns"] = value, before["t_ns"].max(initial=0)
    stirs = table.stirs(0, sample)
    engine.feed(sample)
    assert bool(stirs) == (RuleState(engine.state["state"][0]) is not was)
