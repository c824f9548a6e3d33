from __future__ import annotations

import json

import numpy as np
import pytest

from gateway.analysis.alarm_text import AlarmText
from gateway.analysis.engine import Engine
from gateway.analysis.rules import Rule
from gateway.config.model import RuleConfig
from gateway.record import Alarm, AlarmKind, TimeOfDay, unpack_alarms
from gateway.signals import SignalTable


@pytest.fixture
def engine_hot():
    signal = SignalTable().add("can0", "EngineStatus", "ENGINE_TEMP", "degC")
    config = RuleConfig(
        name="engine_hot",
        signal="ENGINE_TEMP",
        above=110.0,
        deadband=2.0,
        message="High engine temperature",
    )
    return Rule.from_config(config, 0, signal, 0)


def alarm(value=111.25, kind=AlarmKind.RAISED, t_ns=0, wall_offset_ns=0, rate=np.nan):
    return Alarm(t_ns, value, rate, order=0, wall_offset_ns=wall_offset_ns, kind=kind)


EVENING_NS = 1_795_291_200_123_456_789  # 2026-11-21T20:00:00.123456789Z


def test_an_event_is_a_line_of_json_with_the_keys_in_the_order_of_the_contract(engine_hot):
    uptime_ns = 46_408_584_930_000
    raised = alarm(t_ns=uptime_ns, wall_offset_ns=EVENING_NS - uptime_ns)
    assert AlarmText([engine_hot]).json(raised) == (
        b'{"event":"raised","rule":"engine_hot","signal":"can0.EngineStatus.ENGINE_TEMP",'
        b'"value":111.25,"unit":"degC","severity":"warning","message":"High engine temperature",'
        b'"t_ns":46408584930000,"time":"2026-11-21T20:00:00.123456789Z"}\n'
    )


def test_a_recordings_time_is_its_own(engine_hot):
    event = json.loads(AlarmText([engine_hot]).json(alarm(t_ns=EVENING_NS)))
    assert event["time"] == "2026-11-21T20:00:00.123456789Z"


@pytest.mark.parametrize(
    ("time_of_day", "clock"),
    [
        (TimeOfDay.UNSYNCHRONISED, "unsynchronised"),
        (TimeOfDay.SYNCHRONISED, "synchronised"),
    ],
)
def test_a_live_sources_event_says_how_good_its_time_is(engine_hot, time_of_day, clock):
    raised = alarm()._replace(time_of_day=time_of_day)
    event = json.loads(AlarmText([engine_hot]).json(raised))
    assert list(event)[-2:] == ["time", "clock"]
    assert event["clock"] == clock


def test_a_rule_on_the_rate_adds_the_rate(rule, samples):
    rules = [rule(rate_above=5)]
    (raised,) = unpack_alarms(Engine(rules).feed(samples("0:0 2:20")))
    event = json.loads(AlarmText(rules).json(raised))
    assert list(event)[-2:] == ["time", "rate"]
    assert (event["value"], event["rate"]) == (20, 10)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (111.0, b'"value":111.0,'),
        (0.1, b'"value":0.1,'),
        (1 / 3, b'"value":0.3333333333333333,'),
        (-0.0, b'"value":-0.0,'),
        (np.nan, b'"value":null,'),
        (np.inf, b'"value":null,'),
    ],
)
def test_a_value_is_the_shortest_number_that_reads_back_as_itself_or_null(engine_hot, value, text):
    line = AlarmText([engine_hot]).json(alarm(value))
    assert text in line
    assert json.loads(line)["value"] in (value, None)


def test_text_of_any_language_stays_one_line(rule):
    loud = rule(above=1, message='öl "heiß"\n\tsofort\u2028halten')
    event = alarm()
    assert AlarmText([loud]).json(event).count(b"\n") == 1
    assert json.loads(AlarmText([loud]).json(event))["message"] == loud.message
    assert len(AlarmText([loud]).line(event).splitlines()) == 1


def test_a_person_reads_the_time_of_day_the_severity_the_value_and_the_limit(engine_hot):
    text = AlarmText([engine_hot])
    place = "High engine temperature: can0.EngineStatus.ENGINE_TEMP"
    assert text.line(alarm(111.25, t_ns=EVENING_NS)) == (
        f"20:00:00.123 WARNING  engine_hot: {place} = 111.25 degC (above 110)"
    )
    assert text.line(alarm(107.9, AlarmKind.CLEARED, t_ns=EVENING_NS)) == (
        f"20:00:00.123 cleared  engine_hot: {place} = 107.9 degC (was above 110)"
    )


def test_a_person_reads_the_time_of_day_of_a_live_source(engine_hot):
    raised = alarm(t_ns=3_000_000_000, wall_offset_ns=EVENING_NS - 3_000_000_000)
    assert AlarmText([engine_hot]).line(raised).startswith("20:00:00.123 WARNING")


def test_a_rule_without_a_message_says_its_name_once(rule):
    line = AlarmText([rule(above=1)]).line(alarm(2))
    assert line == "00:00:00.000 WARNING  r0: can0.M.s0 = 2 degC (above 1)"


def test_a_value_without_a_unit_has_nothing_behind_it():
    signal = SignalTable().add("can0", "M", "GEAR", "")
    config = RuleConfig(name="high_gear", signal="GEAR", above=7)
    line = AlarmText([Rule.from_config(config, 0, signal, 0)]).line(alarm(8))
    assert line == "00:00:00.000 WARNING  high_gear: can0.M.GEAR = 8 (above 7)"


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"below": 3.5}, "= 1 degC (below 3.5)"),
        ({"outside": (3, 6)}, "= 1 degC (outside 3 to 6)"),
        (
            {"outside": (42.4967123, 42.4967891)},
            "= 1 degC (outside 42.4967123 to 42.4967891)",
        ),
        ({"above": -71.1234567}, "= 1 degC (above -71.1234567)"),
        ({"rate_above": 5}, "= 1 degC (rising by more than 5 degC/s: 7.25)"),
        ({"stale_after": 0.5}, "= 1 degC (silent for 0.5 s)"),
    ],
)
def test_each_condition_in_words(rule, keys, reason):
    assert AlarmText([rule(**keys)]).line(alarm(1, rate=7.25)).endswith(reason)


def test_a_signal_that_was_never_heard_shows_no_number(rule):
    line = AlarmText([rule(stale_after=2)]).line(alarm(np.nan))
    assert line.endswith("can0.M.s0 = no value yet (silent for 2 s)")


@pytest.mark.parametrize(
    ("severity", "kind", "escape"),
    [
        ("info", AlarmKind.RAISED, "\x1b[36mINFO\x1b[0m    "),
        ("warning", AlarmKind.RAISED, "\x1b[33m\x1b[1mWARNING\x1b[0m "),
        ("critical", AlarmKind.RAISED, "\x1b[37m\x1b[41m\x1b[1mCRITICAL\x1b[0m"),
        ("critical", AlarmKind.CLEARED, "\x1b[32mcleared\x1b[0m "),
    ],
)
def test_colour_marks_the_severity_and_keeps_the_columns(rule, severity, kind, escape):
    text = AlarmText([rule(above=1, severity=severity)])
    assert text.line(alarm(kind=kind), color=True).split(" ", 1)[1].startswith(escape + " r0:")
    assert "\x1b" not in text.line(alarm(kind=kind))


def test_events_of_one_rule_among_many_are_found_by_its_index(rule):
    rules = [rule(index=9, above=1), rule(index=4, below=1)]
    event = alarm()._replace(rule=4)
    assert json.loads(AlarmText(rules).json(event))["rule"] == "r4"
