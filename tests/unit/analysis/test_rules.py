from __future__ import annotations

import math

import pytest

from gateway.analysis.rules import Condition


@pytest.mark.parametrize(
    ("keys", "condition", "limits", "clears"),
    [
        ({"above": 80}, Condition.ABOVE, (-math.inf, 80), (-math.inf, 80)),
        ({"above": 80, "deadband": 5}, Condition.ABOVE, (-math.inf, 80), (-math.inf, 75)),
        ({"below": 12, "deadband": 1}, Condition.BELOW, (12, math.inf), (13, math.inf)),
        ({"outside": (3, 6), "deadband": 1}, Condition.OUTSIDE, (3, 6), (4, 5)),
        ({"rate_above": 5, "deadband": 2}, Condition.RATE_ABOVE, (-math.inf, 5), (-math.inf, 3)),
        ({"above": 0.3, "deadband": 0.1}, Condition.ABOVE, (-math.inf, 0.3), (-math.inf, 0.2)),
    ],
)
def test_a_rule_fires_beyond_its_limits_and_clears_within_these(
    rule, keys, condition, limits, clears
):
    made = rule(**keys)
    assert made.condition is condition
    assert (made.low, made.high) == limits
    assert (made.clear_low, made.clear_high) == clears


def test_a_deadband_of_half_the_range_leaves_one_value_that_clears(heard):
    assert heard("0:9 1:4.4 2:4.5", outside=(3, 6), deadband=1.5) == "0:RAISED 2:CLEARED"


def test_a_rule_without_a_message_says_its_name(rule):
    assert rule(name="engine_hot", above=110).message == "engine_hot"
