"""A threshold rule: one condition on one signal, ready to be evaluated."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from gateway.config.model import RuleConfig
from gateway.signals import Signal


class Condition(StrEnum):
    """What a rule watches for. The values are the keys of ``[[rule]]``."""

    ABOVE = "above"
    BELOW = "below"
    OUTSIDE = "outside"
    RATE_ABOVE = "rate_above"
    STALE_AFTER = "stale_after"


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
    low: float
    high: float
    deadband: float
    stale_after_ns: int
    on_delay_ns: int
    off_delay_ns: int
    severity: str
    message: str

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
        """Return what *config* means, now that its signal is known.

        Args:
            config: The ``[[rule]]`` table, which has checked itself.
            index: Its position in the configuration.
            signal: What its ``signal`` names.
            source: The position of the source that delivers that signal.
        """
        given = [condition for condition in Condition if getattr(config, condition) is not None]
        low, high = config.outside or (-math.inf, math.inf)
        if config.below is not None:
            low = config.below
        if config.above is not None:
            high = config.above
        if config.rate_above is not None:
            high = config.rate_above
        return cls(
            index=index,
            name=config.name,
            signal=signal,
            source=source,
            condition=given[0],
            low=low,
            high=high,
            deadband=config.deadband,
            stale_after_ns=int(config.stale_after or 0),
            on_delay_ns=int(config.on_delay),
            off_delay_ns=int(config.off_delay),
            severity=config.severity,
            message=config.message or config.name,
        )


@functools.cache
def _decimal_sum(limit: float, deadband: float) -> float:
    # As the person who wrote the rule adds: 0.3 - 0.1 is 0.2. In binary it is a little less, and
    # a signal that is back at exactly 0.2 would keep its alarm for ever.
    return float(Decimal(repr(limit)) + Decimal(repr(deadband)))
