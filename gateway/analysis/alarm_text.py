"""Alarm events as text: a JSON line for programs, a line for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from gateway.analysis.rules import Condition, Rule
from gateway.clock import NS_PER_S, format_utc
from gateway.record import Alarm, AlarmKind, TimeOfDay

_STYLES: dict[str, dict[str, Any]] = {
    "info": {"fg": "cyan"},
    "warning": {"fg": "yellow", "bold": True},
    "critical": {"fg": "white", "bg": "red", "bold": True},
}
_RECORDED = int(TimeOfDay.RECORDED)
_CLEARED_STYLE = {"fg": "green"}
_EVENTS = {int(kind): kind.name.lower() for kind in AlarmKind}
_CLOCKS = {int(quality): quality.name.lower() for quality in TimeOfDay}
_ENCODE = msgspec.json.Encoder().encode


class AlarmText:
    """Puts an `Alarm` into words.

    Args:
        rules: Every rule that an event may come from, in any order.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = {rule.index: rule for rule in rules}

    def json(self, alarm: Alarm) -> bytes:
        """Return *alarm* as one line of JSON in UTF-8, line feed included.

        The keys and their order are what programs rely on; ``clock`` follows for a live source,
        and ``rate`` for a rule on the rate. Numbers are the shortest that give the same float
        back; null stands for a value that was never seen and for an infinite one, which JSON has
        no number for.
        """
        rule = self._rules[alarm.rule]
        event: dict[str, str | int | float] = {
            "event": _EVENTS[alarm.kind],
            "rule": rule.name,
            "signal": rule.signal.full_name,
            "value": alarm.value,
            "unit": rule.signal.unit,
            "severity": rule.severity,
            "message": rule.message,
            "t_ns": alarm.t_ns,
            "time": format_utc(alarm.t_ns + alarm.wall_offset_ns),
        }
        if alarm.time_of_day != _RECORDED:
            event["clock"] = _CLOCKS[alarm.time_of_day]
        if rule.condition is Condition.RATE_ABOVE:
            event["rate"] = alarm.rate
        return _ENCODE(event) + b"\n"

    def line(self, alarm: Alarm, color: bool = False) -> str:
        """Return *alarm* as one line for a person, without a line feed.

        Args:
            alarm: An event.
            color: Whether to mark the severity by colour, with ANSI escape sequences.

        Returns:
            Such as ``20:00:00.123 WARNING  engine_hot: High engine temperature:
            can0.EngineStatus.ENGINE_TEMP = 111.25 degC (above 110)``, the time in UTC. A cleared
            alarm has ``cleared`` in place of the severity.
        """
        rule = self._rules[alarm.rule]
        time = format_utc(alarm.t_ns + alarm.wall_offset_ns)[11:23]
        raised = alarm.kind == AlarmKind.RAISED
        word = rule.severity.upper() if raised else "cleared"
        style = _STYLES[rule.severity] if raised else _CLEARED_STYLE
        marked = click.style(word, **style) if color else word
        # As wide as the longest word, so that the names stand below each other.
        marked += " " * (len("CRITICAL") - len(word))
        message = "" if rule.message == rule.name else " ".join(rule.message.split()) + ": "
        value, unit = alarm.value, rule.signal.unit
        shown = "no value yet" if math.isnan(value) else _with_unit(value, unit)
        why = _condition(rule, alarm.rate)
        why = why if raised else f"was {why}"
        return f"{time} {marked} {rule.name}: {message}{rule.signal.full_name} = {shown} ({why})"


def _condition(rule: Rule, rate: float) -> str:
    match rule.condition:
        case Condition.ABOVE:
            return f"above {rule.high:.10g}"
        case Condition.BELOW:
            return f"below {rule.low:.10g}"
        case Condition.OUTSIDE:
            return f"outside {rule.low:.10g} to {rule.high:.10g}"
        case Condition.RATE_ABOVE:
            limit = _with_unit(rule.high, f"{rule.signal.unit}/s")
            return f"rising by more than {limit}: {rate:.6g}"
        case Condition.STALE_AFTER:
            return f"silent for {rule.stale_after_ns / NS_PER_S:.10g} s"


def _with_unit(value: float, unit: str) -> str:
    # Ten digits: a position in degrees needs seven of them behind the point.
    return f"{value:.10g} {unit}".rstrip()
