"""A process may be killed anywhere: what it leaves is enough to go on, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.analysis.engine import Engine
from gateway.analysis.resumable import ResumableEngine
from gateway.analysis.state import RULE_STATE
from gateway.analysis.states import RuleState
from gateway.record import ALARM, SAMPLE

STORY = "0:0 1:90 2:90 3:90 4:70 5:90 6:70 7:70 8:0 9:tick 15:tick 16:90 17:90 18:90"


@pytest.fixture(scope="session")
def rules(rule):
    return [
        rule(index=0, above=80, on_delay=1, off_delay=1),
        rule(index=1, rate_above=50),
        rule(index=2, stale_after=3),
    ]


@pytest.fixture(scope="session")
def make(rules):
    """Start a process's engine on *memory*; new memory if there is none."""

    def make(memory=None, lanes=3):
        if memory is None:
            memory = np.zeros(ResumableEngine.size(len(rules), lanes), np.uint8)
        return ResumableEngine(rules, lanes, memory), memory

    return make


def once_each(alarms):
    _, first = np.unique(alarms[["order", "rule", "kind"]], return_index=True)
    return alarms[np.sort(first)]


@settings(deadline=None)
@given(data=st.data())
def test_killed_anywhere_and_repeated_the_events_are_those_of_one_run(data, rules, make, samples):
    story = samples(STORY)
    engine, memory = make()
    emitted, taken = [], 0
    while taken < len(story):
        end = data.draw(st.integers(taken + 1, len(story)))
        emitted.append(engine.feed(story[taken:end], 1, taken))
        killed = data.draw(st.sampled_from(["not", "before commit", "after commit"]))
        if killed != "before commit":
            engine.commit()
        if killed == "not":
            taken = end  # the ring is told
        else:
            engine, _ = make(memory)
    expected = Engine(rules).feed(story, 1)
    assert len(expected) > 6
    assert once_each(np.concatenate(emitted)).tobytes() == expected.tobytes()


def test_a_kill_while_a_commit_is_written_leaves_the_commit_before_it(make, samples):
    story = samples(STORY)
    engine, memory = make()
    engine.feed(story[:3], 1, 0)
    engine.commit()
    good = memory.copy()
    engine.feed(story[3:9], 1, 3)
    engine.commit()
    torn = memory.copy()
    torn[:8] = good[:8]  # the kill came before the last store; the other copy is half-written
    torn_half = np.flatnonzero(torn != good)[::2]
    torn[torn_half] = 0xAA
    after, _ = make(torn)
    before, _ = make(good)
    assert after.state.tobytes() == before.state.tobytes()
    assert after.state["state"][0] == RuleState.ACTIVE


def test_another_process_sees_what_was_committed_and_nothing_newer(make, samples, rules):
    story = samples(STORY)
    engine, memory = make()
    assert not ResumableEngine.committed(len(rules), 3, memory)["state"].any()
    engine.feed(story[:4], 1, 0)
    engine.commit()
    committed = engine.state.tobytes()
    engine.feed(story[4:9], 1, 4)
    assert engine.state.tobytes() != committed
    assert ResumableEngine.committed(len(rules), 3, memory).tobytes() == committed
    engine.commit()
    assert ResumableEngine.committed(len(rules), 3, memory).tobytes() == engine.state.tobytes()


def test_each_lane_has_its_own_position(make, samples):
    story = samples("0:0 1:90 2:90")
    engine, memory = make()
    engine.feed(samples("0:s9=0 1:s9=0"), 0, 500)
    engine.commit()
    after, _ = make(memory)
    assert after.feed(story, 1, 0)["order"].tolist() == [1, 2, 2]


def test_positions_with_gaps_are_passed_over_where_they_were_judged(make, samples):
    story = samples("0:0 1:0 2:90")
    engine, memory = make()
    engine.feed(story[:2], 1, np.array([10, 20]))
    engine.commit()
    after, _ = make(memory)
    alarms = after.feed(story, 1, np.array([10, 20, 30]))
    assert alarms["order"].tolist() == [30]


def test_what_a_rule_remembers_takes_32_bytes_and_every_number_in_it_lies_aligned():
    assert RULE_STATE.itemsize == 32
    assert all(offset % field.alignment == 0 for field, offset in RULE_STATE.fields.values())


def test_without_samples_or_rules_there_is_nothing_to_say(make, samples):
    engine, _ = make()
    assert len(engine.feed(samples(""), 0, 0)) == 0
    nothing = ResumableEngine([], 1, np.zeros(ResumableEngine.size(0, 1), np.uint8))
    assert len(nothing.feed(samples(STORY), 0, 0)) == 0
    nothing.commit()


def test_no_samples_cause_no_events_but_an_array_of_them(make):
    engine, _ = make()
    none = engine.feed(np.empty(0, SAMPLE), 0, 0)
    assert none.dtype == ALARM
    assert len(none) == 0
