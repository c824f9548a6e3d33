"""A threshold rule: one condition on one signal, checked and ready to be evaluated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from gateway.clock import NS_PER_S
from gateway.config.model import RuleConfig
from gateway.signals import Signal

LONGEST_NS = 10 * 366 * 24 * 3600 * NS_PER_S
"""The longest delay, ten years: added to today's time in nanoseconds, it still fits an int64."""


class Condition(StrEnum):
    """What a rule watches for. The values are the keys of ``[[rule]]``."""

    ABOVE = "above"
    BELOW = "below"
    OUTSIDE = "outside"
    RATE_ABOVE = "rate_above"
    STALE_AFTER = "stale_after"


class RuleError(ValueError):
    """A rule makes no sense in itself.

    Attributes:
        key: The key of ``[[rule]]`` that is wrong; "" where it is about several.
        got: What was found, as it should be shown.
        expected: What would be right.
    """

    def __init__(self, key: str, got: object, expected: str) -> None:
        self.key = key
        self.got = got
        self.expected = expected
        super().__init__(f"{key + ': ' if key else ''}got {got}, expected {expected}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, as the engine takes it; made by `from_config`.

    Attributes:
        index: Its position in the configuration, 0, 1, 2, ...: what an alarm event carries.
        name: Its name.
        signal: The signal it watches.
        source: The position in the configuration of the source that delivers the signal.
        condition: What it watches for.
        low: The condition holds below this; -inf where there is no such limit.
        high: The condition holds above this; inf where there is no such limit. For
            `Condition.RATE_ABOVE` per second.
        deadband: How far back beyond a limit clears, in the limits' unit.
        stale_after_ns: For `Condition.STALE_AFTER`, the silence that makes a signal stale.
        on_delay_ns: How long the condition must have held.
        off_delay_ns: How long the value must have been back.
        severity: "info", "warning" or "critical".
        message: What the warning says.
    """

    index: int
    name: str
    signal: Signal
    source: int
    condition: Condition
    low: float = -math.inf
    high: float = math.inf
    deadband: float = 0.0
    stale_after_ns: int = 0
    on_delay_ns: int = 0
    off_delay_ns: int = 0
    severity: str = "warning"
    message: str = ""

    @property
    def clear_low(self) -> float:
        """The least value that clears: ``low + deadband``."""
        return _decimal_sum(self.low, self.deadband)

    @property
    def clear_high(self) -> float:
        """The greatest value that clears: ``high - deadband``."""
        return _decimal_sum(self.high, -self.deadband)

    @classmethod
    def from_config(cls, config: RuleConfig, index: int, signal: Signal, source: int) -> Rule:
        """Check what *config* means and return it as a rule.

        Args:
            config: The ``[[rule]]`` table.
            index: Its position in the configuration.
            signal: What its ``signal`` names.
            source: The position of the source that delivers that signal.

        Raises:
            RuleError: Not exactly one condition, limits in the wrong order, a deadband that can
                never be left, or a delay beyond ten years.
        """
        condition = _condition(config)
        low, high = -math.inf, math.inf
        if config.outside is not None:
            low, high = config.outside
        elif config.below is not None:
            low = config.below
        elif config.above is not None:
            high = config.above
        elif config.rate_above is not None:
            high = config.rate_above
        rule = cls(
            index=index,
            name=config.name,
            signal=signal,
            source=source,
            condition=condition,
            low=low,
            high=high,
            deadband=config.deadband,
            stale_after_ns=int(config.stale_after or 0),
            on_delay_ns=int(config.on_delay),
            off_delay_ns=int(config.off_delay),
            severity=config.severity,
            message=config.message or config.name,
        )
        _check(rule)
        return rule


def _condition(config: RuleConfig) -> Condition:
    given = [condition for condition in Condition if getattr(config, condition) is not None]
    if len(given) != 1:
        got = " and ".join(given) or "no condition"
        raise RuleError("", got, f"exactly one of {', '.join(Condition)}")
    return given[0]


def _check(rule: Rule) -> None:
    if not rule.low < rule.high:
        raise RuleError("outside", f"[{rule.low:g}, {rule.high:g}]", "the lower limit first")
    if not rule.clear_low <= rule.clear_high:
        most = (rule.high - rule.low) / 2
        raise RuleError("deadband", f"{rule.deadband:g}", f"at most half the range, {most:g}")
    if rule.condition is Condition.STALE_AFTER:
        if rule.deadband:
            raise RuleError("deadband", f"{rule.deadband:g}", "none with stale_after")
        if rule.stale_after_ns <= 0:
            raise RuleError("stale_after", f"{rule.stale_after_ns} ns", "more than 0")
    for key in ("stale_after", "on_delay", "off_delay"):
        ns = getattr(rule, f"{key}_ns")
        if not 0 <= ns <= LONGEST_NS:
            raise RuleError(key, f"{ns / NS_PER_S:g} s", f"0 to {LONGEST_NS / NS_PER_S:g} s")


def _decimal_sum(limit: float, deadband: float) -> float:
    # As the person who wrote the rule adds: 0.3 - 0.1 is 0.2. In binary it is a little less, and
    # a signal that is back at exactly 0.2 would keep its alarm for ever.
    return float(Decimal(repr(limit)) + Decimal(repr(deadband)))
