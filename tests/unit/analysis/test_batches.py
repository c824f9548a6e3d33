"""However the samples are cut, the engine says what the plain sample-by-sample rules say."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.analysis.engine import Engine
from gateway.analysis.resumable import ResumableEngine
from gateway.analysis.state import RULE_STATE
from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.record import SAMPLE, TICK, Quality

SIGNALS, SOURCES = 2, 2
LEVELS = st.integers(-2, 2).map(float)
DELAYS = st.integers(0, 4).map(lambda n: n * 0.01)
STEP_NS = 10 * NS_PER_MS


@st.composite
def rule_keys(draw):
    condition = draw(st.sampled_from(["above", "below", "outside", "rate_above", "stale_after"]))
    keys = {
        "signal_index": draw(st.integers(0, SIGNALS - 1)),
        "on_delay": draw(DELAYS),
        "off_delay": draw(DELAYS),
    }
    if condition == "stale_after":
        keys["source"] = draw(st.integers(0, SOURCES - 1))
        return keys | {"stale_after": draw(st.integers(1, 5)) * 0.01}
    keys["deadband"] = draw(st.sampled_from([0.0, 0.5, 1.0]))
    if condition == "outside":
        low = draw(LEVELS)
        return keys | {"outside": (low, low + draw(st.integers(2, 3)))}
    scale = 1 / STEP_NS * NS_PER_S if condition == "rate_above" else 1.0
    return keys | {condition: draw(LEVELS) * scale}


def stream(raw, step):
    """Samples, three bytes each; the time goes by 0..3 steps of 10 ms, or by *step* at times."""
    when, what, value = np.frombuffer(raw[: len(raw) // 3 * 3], np.uint8).reshape(-1, 3).T
    samples = np.zeros(len(when), SAMPLE)
    steps = np.where(when < 208, when.astype(np.int64) % 4, step)
    samples["t_ns"] = np.cumsum(steps) * STEP_NS
    # Of eight samples five are a rule's signals', one is nobody's, two are ticks.
    samples["signal"] = np.array([0, 0, 0, 1, 1, SIGNALS, TICK, TICK])[what % 8]
    samples["source"] = what // 8 % SOURCES
    samples["quality"] = np.array([0, 0, 0, 0, 0, 1, 2, 2])[what // 16 % 8]
    samples["value"] = value.astype(float) % 9 - 4
    samples["value"][(samples["quality"] == Quality.INVALID) & (value > 127)] = np.nan
    return samples


STREAMS = st.builds(stream, st.binary(min_size=30, max_size=180), st.sampled_from([1, -2, -9]))


def as_told(alarms):
    return [
        (
            int(alarm["order"]),
            int(alarm["rule"]),
            alarm["kind"],
            int(alarm["t_ns"]),
            repr(float(alarm["value"])),
            None if math.isnan(alarm["rate"]) else float(alarm["rate"]),
        )
        for alarm in alarms
    ]


def as_expected(events):
    return [(*event[:4], repr(event[4]), event[5]) for event in events]


def cut(samples, cuts):
    edges = sorted({0, len(samples), *(c % len(samples) for c in cuts)})
    return [(a, samples[a:b]) for a, b in pairwise(edges)]


@settings(max_examples=1500, deadline=None)
@given(
    keys=st.lists(rule_keys(), min_size=1, max_size=6),
    samples=STREAMS,
    cuts=st.lists(st.integers(0, 59), max_size=8),
)
def test_any_batching_gives_the_events_of_sample_by_sample_rules(
    rule, reference, keys, samples, cuts
):
    rules = [rule(index=n, **k) for n, k in enumerate(keys)]
    engine = Engine(rules)
    said = [engine.feed(batch, 0, start) for start, batch in cut(samples, cuts)]
    assert as_told(np.concatenate(said)) == as_expected(reference(rules).feed(samples))


@settings(max_examples=100, deadline=None)
@given(keys=st.lists(rule_keys(), min_size=1, max_size=4), samples=STREAMS, at=st.integers(0, 59))
def test_an_engine_that_takes_over_anothers_state_goes_on_as_if_it_were_the_same(
    rule, keys, samples, at
):
    rules = [rule(index=n, **k) for n, k in enumerate(keys)]
    at %= len(samples)
    memory = np.zeros(len(rules), RULE_STATE)
    before = Engine(rules, memory).feed(samples[:at], 0, 0)
    after = Engine(rules, memory).feed(samples[at:], 0, at)
    whole = Engine(rules).feed(samples)
    assert as_told(np.concatenate((before, after))) == as_told(whole)


@settings(max_examples=100, deadline=None)
@given(keys=st.lists(rule_keys(), min_size=2, max_size=5), samples=STREAMS)
def test_a_rule_says_the_same_whatever_other_rules_stand_beside_it(rule, keys, samples):
    rules = [rule(index=n, **k) for n, k in enumerate(keys)]
    together = as_told(Engine(rules).feed(samples))
    for each in rules:
        alone = as_told(Engine([each]).feed(samples))
        assert alone == [event for event in together if event[1] == each.index]


@settings(max_examples=100, deadline=None)
@given(keys=st.lists(rule_keys(), min_size=1, max_size=4), samples=STREAMS)
def test_feeding_a_subset_with_its_positions_keeps_the_positions_of_the_lane(rule, keys, samples):
    rules = [rule(index=n, **k) for n, k in enumerate(keys)]
    watched = {each.signal.index for each in rules}
    mine = np.flatnonzero(np.isin(samples["signal"], [*watched, TICK]))
    part = Engine(rules).feed(samples[mine], 3, mine.astype(np.uint64))
    assert as_told(part) == as_told(Engine(rules).feed(samples))
    assert (part["lane"] == 3).all()


@pytest.mark.parametrize("far", [0, 1, 2**53, 2**60])
def test_a_position_is_exact_however_far_the_lane_has_come(rule, samples, far):
    story = samples("0:99 1:1 2:99")
    first = Engine([rule(above=50)]).feed(story, 0, far + 1)
    assert first["order"].tolist() == [far + 1, far + 2, far + 3]
    memory = np.zeros(ResumableEngine.size(1, 1), np.uint8)
    resumed = ResumableEngine([rule(above=50)], 1, memory).feed(story, 0, far + 1)
    assert resumed["order"].tolist() == [far + 1, far + 2, far + 3]
    each = np.array([far, far + 1, far + 5], np.uint64)
    assert Engine([rule(above=50)]).feed(story, 0, each)["order"].tolist() == each.tolist()


def test_state_of_the_wrong_shape_is_told(rule):
    with pytest.raises(
        ValueError, match=r"got an array of float64 in the shape \(2,\), expected 1"
    ):
        Engine([rule(above=1)], np.zeros(2))
