from __future__ import annotations

import math

import numpy as np
import pytest

from gateway.record import ALARM, SAMPLE, TICK, Quality
from gateway.sinks.live_model import (
    COLUMNS,
    NOTICES_KEPT,
    SEVERITIES,
    LiveModel,
    Notice,
    State,
)

TEMP, FUEL, SPEED, DEPTH = range(4)


def test_signals_with_rules_come_first_in_the_order_of_the_rules(model):
    assert [signal.name for signal in model.signals] == ["FUEL", "TEMP", "SPEED", "DEPTH"]


def test_of_a_batch_the_last_value_of_each_signal_is_shown(feed, look):
    feed((TEMP, 1.0), (SPEED, 5.0), (TEMP, 2.0), (TEMP, 3.0), (SPEED, 6.0))
    assert look("TEMP", "values") == 3.0
    assert look("SPEED", "values") == 6.0
    assert math.isnan(look("FUEL", "values"))


def test_ticks_and_signals_that_are_not_shown_change_no_row(signals):
    model = LiveModel([signals[SPEED]])
    samples = np.zeros(3, SAMPLE)
    samples["signal"] = [TEMP, TICK, DEPTH]
    samples["value"] = 7.0
    model.feed_samples(samples)
    model.tick(0)
    assert np.isnan(model.values).all()
    assert model.states.tolist() == [State.WAITING]


def test_an_empty_batch_is_nothing(model, feed, at):
    feed()
    at(0)
    assert model.states.tolist() == [State.WAITING] * 4


def test_rates_are_means_over_the_last_two_seconds(model, feed, at, look):
    at(0)
    for tenth in range(1, 81):
        feed(*[(TEMP, 1.0)] * (10 if tenth <= 40 else 2), (SPEED, 1.0))
        at(tenth / 10)
        if tenth == 40:
            assert look("TEMP", "rates") == pytest.approx(100)
            assert model.sample_rate == pytest.approx(110)
    assert look("TEMP", "rates") == pytest.approx(20)
    assert look("SPEED", "rates") == pytest.approx(10)
    assert look("FUEL", "rates") == 0
    assert model.sample_rate == pytest.approx(30)


def test_ticks_are_no_samples_but_signals_that_are_not_shown_are(signals):
    model = LiveModel([signals[SPEED]])
    model.tick(0)
    samples = np.zeros(10, SAMPLE)
    samples["signal"] = [TEMP] * 4 + [TICK] * 6
    model.feed_samples(samples)
    model.tick(1_000_000_000)
    assert model.sample_rate == pytest.approx(4)


def test_a_signal_waits_until_its_first_sample(feed, at, look):
    at(0)
    assert look("TEMP", "states") == State.WAITING
    feed((TEMP, 1.0))
    at(0.25)
    assert look("TEMP", "states") == State.OK


def test_the_quality_of_the_last_sample_is_shown(feed, at, look):
    feed((TEMP, 300.0), quality=Quality.OUT_OF_RANGE)
    at(0)
    assert look("TEMP", "states") == State.OUT_OF_RANGE
    assert look("TEMP", "values") == 300.0
    feed((TEMP, 999.0), quality=Quality.INVALID)
    at(0.25)
    assert look("TEMP", "states") == State.INVALID
    assert math.isnan(look("TEMP", "values"))
    feed((TEMP, 20.0))
    at(0.5)
    assert look("TEMP", "states") == State.OK


def test_a_signal_that_falls_silent_is_stale_after_two_seconds_and_comes_back(feed, at, look):
    for tenth in range(10):
        feed((TEMP, 1.0))
        at(tenth / 10)
    at(2.9)
    assert look("TEMP", "states") == State.OK
    at(3)
    assert look("TEMP", "states") == State.STALE
    feed((TEMP, 1.0))
    at(3.25)
    assert look("TEMP", "states") == State.OK


def test_a_slow_signal_is_stale_only_after_four_of_its_intervals(feed, at, look):
    for second in (0, 5, 10):
        feed((DEPTH, 1.0))
        at(second)
    at(29.9)
    assert look("DEPTH", "states") == State.OK
    at(30.1)
    assert look("DEPTH", "states") == State.STALE


def test_a_trend_has_a_column_for_every_half_second(feed, at, look):
    for quarter in range(7):
        feed((TEMP, float(quarter)))
        at(quarter / 4)
    assert look("TEMP", "trends")[-4:].tolist() == [0, 2, 4, 6]
    assert np.isnan(look("TEMP", "trends")[:-4]).all()
    assert look("TEMP", "lows") == 0
    assert look("TEMP", "highs") == 6


def test_a_trend_is_blank_where_a_signal_was_invalid_or_stale(feed, at, look):
    feed((TEMP, 1.0), (FUEL, 1.0))
    at(0)
    feed((TEMP, 9.0), quality=Quality.INVALID)
    at(0.5)
    for second in (1, 1.5, 2, 2.5):
        at(second)
    assert np.isnan(look("TEMP", "trends")[-5:]).all()
    assert look("FUEL", "trends")[-6:-1].tolist() == [1] * 5
    assert math.isnan(look("FUEL", "trends")[-1])
    assert look("TEMP", "highs") == 1.0


def test_a_view_that_was_held_up_fills_the_columns_that_it_missed(feed, at, look):
    feed((TEMP, 1.0))
    at(0)
    feed((TEMP, 2.0))
    at(1.5)
    assert look("TEMP", "trends")[-4:].tolist() == [1, 2, 2, 2]
    feed((TEMP, 3.0))
    at(1000)
    assert look("TEMP", "trends").tolist() == [3] * COLUMNS


def test_a_signal_shows_the_gravest_of_its_active_alarms(model, alarm, look):
    alarm(1)
    assert SEVERITIES[look("TEMP", "severities")] == "warning"
    alarm(2)
    assert SEVERITIES[look("TEMP", "severities")] == "critical"
    assert model.active == 2
    alarm(-2)
    assert SEVERITIES[look("TEMP", "severities")] == "warning"
    alarm(-1)
    assert SEVERITIES[look("TEMP", "severities")] == ""
    assert SEVERITIES[look("FUEL", "severities")] == ""
    assert model.active == 0


def test_an_alarm_is_on_though_its_event_was_missed(model, look):
    model.set_active(np.array([False, True, False]))
    assert SEVERITIES[look("TEMP", "severities")] == "warning"
    assert model.active == 1
    assert not model.notices


def test_an_alarm_of_a_signal_that_is_not_shown_is_counted_all_the_same(signals):
    model = LiveModel([signals[SPEED]], [(DEPTH, "critical")])
    alarms = np.zeros(1, ALARM)
    alarms["kind"] = 1
    model.feed_alarms(alarms, ["aground"])
    model.set_active(np.array([True]))
    assert model.active == 1
    assert model.severities.tolist() == [0]
    assert [notice.text for notice in model.notices] == ["aground"]


def test_every_event_leaves_a_notice_newest_last(model, alarm):
    alarm(1, -1, 2)
    assert list(model.notices) == [
        Notice("rule 1 raised", "warning"),
        Notice("rule 1 cleared", "warning", over=True),
        Notice("rule 2 raised", "critical"),
    ]
    assert model.noticed == 3


def test_a_text_is_wanted_for_every_event(model):
    with pytest.raises(ValueError, match="argument 3 is shorter"):
        model.feed_alarms(np.zeros(2, ALARM), ["only one"])


def test_notices_are_bounded_and_counted_on(model, alarm):
    for _ in range(3):
        alarm(*[1, -1] * 100)
    assert len(model.notices) == NOTICES_KEPT
    assert model.noticed == 600


def test_a_notice_has_no_characters_that_move_the_cursor(model):
    model.note(Notice("gps: link\x1b[2J lost\n"))
    assert model.notices[0].text == "gps: link [2J lost "


def test_a_model_of_no_signals_takes_whatever_comes():
    model = LiveModel([])
    model.feed_samples(np.zeros(3, SAMPLE))
    model.tick(0)
    model.tick(500_000_000)
    assert model.signals == ()
    assert model.trends.shape == (0, COLUMNS)
