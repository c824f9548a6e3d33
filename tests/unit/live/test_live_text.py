from __future__ import annotations

import numpy as np
import pytest

from gateway.signals import Signal, SignalTable
from gateway.sinks.live_model import Status
from gateway.sinks.live_text import (
    ASCII_BLOCKS,
    alarms_text,
    decimals_of,
    declared_span,
    loss_text,
    processes_text,
    rate_text,
    short_names,
    traffic_text,
    trend_texts,
    value_text,
)

NAN, INF = float("nan"), float("inf")


def test_a_signal_is_called_by_as_little_as_tells_it_apart():
    table = SignalTable()
    for name in ("can0.Engine.TEMP", "can0.Engine.SPEED", "can1.Engine.TEMP", "can0.Brakes.TEMP"):
        table.add(*name.split("."))
    assert short_names(list(table)) == [
        "can0.Engine.TEMP",
        "SPEED",
        "can1.Engine.TEMP",
        "Brakes.TEMP",
    ]


@pytest.mark.parametrize(
    ("value", "decimals"),
    [
        (5.0, 0),
        (0.5, 1),
        (-0.25, 2),
        (0.1 * 3, 1),
        (111.25, 2),
        (46.1234567, 5),
        (12345.678, 2),
        (1e12, 0),
        (1e-9, 0),
        (NAN, 0),
        (INF, 0),
    ],
)
def test_a_value_has_the_decimals_that_seven_digits_show(value, decimals):
    assert decimals_of(value) == decimals


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (5.0, 0, "5"),
        (5.0, 2, "5.00"),
        (-111.25, 2, "-111.25"),
        (12345.678, 5, "12345.67800"),
        (123456.789, 5, "1.235e+05"),
        (-1e300, 0, "-1e+300"),
        (NAN, 3, "-"),
        (INF, 2, "inf"),
    ],
)
def test_a_value_keeps_its_decimal_point_in_place_and_within_its_column(value, decimals, text):
    assert value_text(value, decimals) == text
    assert len(text) <= 11


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0"), (0.5, "0.5"), (9.96, "10.0"), (100.0, "100"), (8999.6, "9000")]
)
def test_a_rate_has_a_decimal_where_it_is_small(rate, text):
    assert rate_text(rate) == text


@pytest.mark.parametrize(
    ("low", "high", "span"),
    [(0.0, 10.0, 10.0), (None, 10.0, 0.0), (0.0, None, 0.0), (5.0, -5.0, 0.0)],
)
def test_a_declared_range_has_a_width(low, high, span):
    assert declared_span(Signal(0, "a", "b", "c", "", low, high)) == span


def trend(*values, span=0.0, blocks="01234567"):
    row = np.array([values])
    low, high = np.nanmin(row, axis=1), np.nanmax(row, axis=1)
    return trend_texts(row, low, high, np.array([span]), blocks)


def test_a_trend_reaches_from_the_least_to_the_greatest_value():
    assert trend(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0) == ["01234567"]
    assert trend(10.0, -10.0, 0.0) == ["704"]


def test_a_trend_is_drawn_in_blocks():
    (text,) = trend_texts(
        np.array([[0.0, 1.0, NAN]]), np.array([0.0]), np.array([1.0]), np.array([0.0])
    )
    assert text == "▁█ "


def test_a_trend_is_blank_where_there_is_no_value():
    assert trend(NAN, 1.0, NAN, 2.0, NAN) == [" 0 7 "]


def test_a_constant_is_a_line_in_the_middle():
    assert trend(5.0, 5.0, 5.0) == ["444"]
    assert trend(5.0, 5.0, 5.0, span=100.0) == ["444"]


def test_noise_that_is_small_against_the_declared_range_looks_flat():
    assert trend(50.0, 50.1, 50.0, span=100.0) == ["343"]
    assert trend(50.0, 50.1, 50.0) == ["070"]


def test_values_without_end_are_drawn_at_the_edges():
    row = np.array([[-INF, 0.0, INF], [-1.7e308, 0.0, 1.7e308]])
    texts = trend_texts(row, row[:, 0], row[:, 2], np.zeros(2), ASCII_BLOCKS)
    assert [len(text) for text in texts] == [3, 3]


def test_no_columns_and_no_rows_are_no_text():
    assert trend_texts(np.zeros((2, 0)), np.zeros(2), np.zeros(2), np.zeros(2)) == ["", ""]
    assert trend_texts(np.zeros((0, 8)), np.zeros(0), np.zeros(0), np.zeros(0)) == []


@pytest.mark.parametrize(
    ("status", "processes", "loss"),
    [
        (None, "", ""),
        (Status(running=1), "1 process ok", "0 lost"),
        (Status(running=7, lost=1234), "7 processes ok", "1,234 lost"),
        (Status(6, ("gps", "can0")), "6 processes ok, away: gps, can0", "0 lost"),
    ],
)
def test_the_status_is_told_in_words(model, status, processes, loss):
    model.status = status
    assert processes_text(model) == processes
    assert loss_text(model) == loss


def test_alarms_and_traffic_are_told_in_words(model, alarm):
    assert alarms_text(model) == "no alarms active"
    alarm(1)
    assert alarms_text(model) == "1 alarm active"
    alarm(2)
    assert alarms_text(model) == "2 alarms active"
    model.sample_rate = 12345.6
    assert traffic_text(model) == "12,346 samples/s"
