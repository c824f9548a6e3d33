"""An expression over time: only what came since, a frame at a time, up to the end."""

import pytest

from gateway.bench.history import History
from gateway.clock import NS_PER_MS, NS_PER_S


@pytest.mark.parametrize(
    ("text", "story", "held"),
    [
        pytest.param("RPM > 4", "20 RPM=3,30 RPM=5,40 RPM=6", 30, id="the first moment counts"),
        pytest.param("RPM > 4", "5 RPM=9,20 RPM=3", None, id="what came before has no say"),
        pytest.param("RPM > 4", "10 RPM=5", 10, id="the beginning belongs to it"),
        pytest.param("RPM > 4", "100 RPM=5", 100, id="so does the end"),
        pytest.param("RPM > 4", "101 RPM=5", None, id="what comes later does not"),
        pytest.param("RPM > 4", "20 RPM=nan,30 RPM=3", None, id="invalid values are passed over"),
        pytest.param(
            "RPM > 4 and ENGINE_TEMP > 4",
            "20 RPM=5,30 ENGINE_TEMP=5",
            30,
            id="a signal keeps its value until its next",
        ),
        pytest.param(
            "RPM > 4 and IN_PIT == 1",
            "5 IN_PIT=1,20 RPM=5,30 IN_PIT=0",
            None,
            id="a value from before is not kept",
        ),
        pytest.param(
            "RPM > 4 and ENGINE_TEMP < 4",
            "20 RPM=3 ENGINE_TEMP=3,30 RPM=5 ENGINE_TEMP=5",
            None,
            id="a frame's signals are judged together",
        ),
    ],
)
def test_watch(watching, text, story, held):
    expected = None if held is None else held * NS_PER_MS
    assert watching(text, story).held_ns == expected
    assert watching(text, *(moment for moment in story.split(","))).held_ns == expected


def test_it_knows_what_never_came(watching):
    found = watching("RPM > 4 and IN_PIT == 'pit'", "20 RPM=3")
    assert found.missing == ["can0.LapStatus.IN_PIT"]
    assert found.judged == 0


def test_it_knows_the_last_values_and_the_nearest(watching):
    found = watching("RPM > 10", "20 RPM=3,30 RPM=9,40 RPM=5")
    assert found.judged == 3
    assert found.latest == [5.0]
    assert (found.nearest, found.nearest_values) == (1.0, (9.0,))
    assert found.nearest_ns == 30 * NS_PER_MS


def test_a_history_gives_back_what_is_between_two_moments(batch):
    history = History()
    history.append(batch("10 RPM=1,20 RPM=2"))
    history.append(batch("30 RPM=3,40 RPM=4"))
    found = history.between(20 * NS_PER_MS, 30 * NS_PER_MS)
    assert [value for part in found for value in part["value"]] == [2.0, 3.0]
    assert history.at(25 * NS_PER_MS) == 1
    assert history.at(50 * NS_PER_MS) == history.end == 2


def test_a_history_forgets_what_is_too_old_and_goes_on_counting(batch):
    history = History()
    for second in range(1000):
        later = batch("0 RPM=1")
        later["t_ns"] = second * NS_PER_S
        history.append(later)
    assert history.end == 1000
    kept = [int(part["t_ns"][0]) // NS_PER_S for part in history.batches(0)]
    assert kept[-300:] == list(range(700, 1000))
    assert 300 <= len(kept) <= 700
    assert [int(p["t_ns"][0]) // NS_PER_S for p in history.batches(998)] == [998, 999]
    history.clear()
    assert list(history.batches(0)) == []
    assert history.end == 1000
