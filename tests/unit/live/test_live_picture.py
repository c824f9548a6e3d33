from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from gateway.record import SAMPLE, Quality
from gateway.signals import SignalTable
from gateway.sinks.live_model import LiveModel, Notice, Status
from gateway.sinks.live_picture import LiveRenderer, share_height

TEMP, FUEL, SPEED, DEPTH = range(4)


@pytest.fixture
def picture(model):
    """Return the picture as lines of text, drawn by rich."""

    def picture(width=80, height=24, **options):
        out = io.StringIO()
        console = Console(file=out, width=width, height=height, color_system=None)
        console.print(LiveRenderer(model, **options).render(width, height))
        lines = out.getvalue().split("\n")
        assert lines.pop() == ""
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        return [line.rstrip() for line in lines]

    return picture


@pytest.fixture
def drive(model, feed, alarm, at):
    """A short drive: TEMP climbs to an alarm, SPEED stops, DEPTH is never heard of."""
    for quarter in range(41):
        feed((TEMP, 100 + quarter / 4), (FUEL, 40.0))
        if quarter < 20:
            feed((SPEED, float(quarter % 8)))
        if quarter == 20:
            alarm(1)
        if quarter == 40:
            feed((FUEL, 0.0), quality=Quality.INVALID)
        at(quarter / 4)
    model.status = Status(running=7, away=("gps",), lost=12)


@pytest.mark.usefixtures("drive")
def test_a_picture_has_the_table_the_warnings_and_the_status(picture):
    assert picture(width=94) == [
        "signal        value unit  trend                              rate/s  state",
        "FUEL              - l                ▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅       4.5  INVALID",
        "TEMP            110 degC             ▁▁▁▂▂▃▃▃▄▄▅▅▅▆▆▇▇▇███      4.0  warning",
        "SPEED             3 km/h             ▁▃▅▇▁▃▅▇▁▃▄▄▄▄               0  stale",
        "DEPTH             - m                                             0  no data",
        "",
        "warnings (1)",
        "rule 1 raised",
        "7 processes ok, away: gps | 12 lost | 1 alarm active | 8 samples/s",
    ]


@pytest.mark.usefixtures("drive")
def test_a_narrow_terminal_loses_the_trend_then_the_rate_then_the_unit(picture):
    assert picture(width=60)[0] == "signal        value unit  trend         rate/s  state"
    assert picture(width=50)[0] == "signal        value unit   rate/s  state"
    assert picture(width=40)[0] == "signal        value unit  state"
    assert picture(width=33)[0] == "signal        value  state"
    assert picture(width=33)[2] == "TEMP            110  warning"


@pytest.mark.usefixtures("drive")
@pytest.mark.parametrize("width", [1, 5, 20, 31, 34, 38, 47, 57, 200])
@pytest.mark.parametrize("height", [1, 2, 3, 5, 8, 100])
def test_a_picture_fits_every_terminal(picture, width, height):
    assert picture(width, height)


@pytest.fixture
def crowd():
    table = SignalTable()
    for number in range(30):
        table.add("can0", "Message", f"SIGNAL_{number}")
    return LiveModel(table, [(7, "warning")])


def lines_of(model, width=80, height=24):
    return [
        "".join(segment.text for segment in line).rstrip()
        for line in LiveRenderer(model).render(width, height).lines
    ]


def test_signals_that_find_no_room_are_counted(crowd):
    lines = lines_of(crowd, height=10)
    assert lines[1].startswith("SIGNAL_7 ")
    assert lines[2].startswith("SIGNAL_0 ")
    assert lines[8:] == ["and 23 more signals", "no alarms active | 0 samples/s"]


def test_warnings_keep_a_place_however_many_signals_there_are(crowd):
    for number in range(20):
        crowd.note(Notice(f"warning {number}"))
    assert lines_of(crowd, height=24)[-6:] == [
        "",
        "warnings (20)",
        "warning 17",
        "warning 18",
        "warning 19",
        "no alarms active | 0 samples/s",
    ]


@pytest.mark.parametrize(("ascii_only", "mark"), [(False, "…"), (True, ">")])
def test_a_warning_that_is_cut_says_so(crowd, ascii_only, mark):
    crowd.note(Notice("low_fuel: FUEL_LEVEL = 14.975 %"))

    def last_warning(width):
        lines = LiveRenderer(crowd, ascii_only=ascii_only).render(width, 24).lines
        return "".join(segment.text for segment in lines[-2])

    assert last_warning(width=32) == "low_fuel: FUEL_LEVEL = 14.975 %"
    assert last_warning(width=25) == "low_fuel: FUEL_LEVEL = 1" + mark
    assert last_warning(width=1) == mark


@pytest.mark.parametrize(
    ("height", "signals", "notices", "shared"),
    [
        (24, 4, 0, (4, 0)),
        (24, 4, 3, (4, 3)),
        (24, 4, 100, (4, 8)),
        (24, 30, 100, (17, 3)),
        (24, 14, 100, (14, 6)),
        (10, 30, 100, (4, 2)),
        (5, 30, 100, (3, None)),
        (5, 30, 0, (3, None)),
        (9, 4, 0, (4, 0)),
        (7, 4, 0, (4, None)),
        (7, 4, 1, (4, None)),
        (2, 30, 100, (0, None)),
        (1, 30, 100, (0, None)),
        (24, 0, 2, (0, 2)),
    ],
)
def test_the_lines_of_a_terminal_are_shared_out(height, signals, notices, shared):
    assert share_height(height, signals, notices) == shared


def styles(model):
    return {
        segment.text.strip(): str(segment.style)
        for line in LiveRenderer(model).render(120, 30).lines
        for segment in line
    }


def test_colours_tell_how_grave_it_is(model, feed, alarm, at):
    feed((TEMP, 1.0), (SPEED, 1.0))
    alarm(1, 2)
    at(0)
    model.status = Status(running=1, lost=5)
    assert styles(model)["critical"] == "bold red"
    assert styles(model)["ok"] == "green"
    assert styles(model)["rule 1 raised"] == "bold yellow"
    assert styles(model)["rule 2 raised"] == "bold red"
    assert styles(model)["5 lost"] == "bold red"
    alarm(-2)
    assert styles(model)["rule 2 cleared"] == "green"
    assert styles(model)["warning"] == "bold yellow"


def test_an_alarm_does_not_hide_that_a_signal_is_silent(model, feed, alarm, at):
    feed((TEMP, 1.0))
    at(0)
    alarm(2)
    at(10)
    assert styles(model)["stale"] == "bold red"


def test_a_column_does_not_move_when_a_value_is_round(model, feed, at):
    renderer = LiveRenderer(model)
    for second, value in enumerate((1.25, 3.0, 2.5)):
        feed((TEMP, value))
        at(second)
        row = renderer.render(120, 30).lines[2]
        assert row[0].text.split()[1] == f"{value:.2f}"


def test_a_terminal_that_knows_only_ascii_gets_only_ascii(signals):
    tilt = signals.add("can0", "Engine", "TILT", "°")
    model = LiveModel(signals)
    model.note(Notice("Öldruck\tniedrig"))
    for half_second, value in enumerate((0.0, 1.0, 3.5, 7.0)):
        samples = np.zeros(1, SAMPLE)
        samples["signal"], samples["value"] = tilt.index, value
        model.feed_samples(samples)
        model.tick(half_second * 500_000_000)
    text = "\n".join(
        "".join(segment.text for segment in line)
        for line in LiveRenderer(model, ascii_only=True).render(120, 30).lines
    )
    assert text.isascii()
    assert "?ldruck niedrig" in text
    assert "_.=#" in text


def test_a_long_name_is_cut_before_the_numbers_are():
    table = SignalTable()
    table.add("can0", "Message", "A_NAME_THAT_GOES_ON_AND_ON_AND_ON_FOR_EVER_AND_EVER")
    (row,) = lines_of(LiveModel(table), width=60)[1:2]
    assert row.split() == ["A_NAME_THAT_GOES_ON_AND_ON_AND_ON", "-", "no", "data"]


def test_wide_characters_keep_the_columns_in_line():
    table = SignalTable()
    table.add("can0", "Message", "温度")
    table.add("can0", "Message", "TEMP")
    wide, narrow = lines_of(LiveModel(table))[1:3]
    assert wide.index("-") + len("温度") == narrow.index("-")
