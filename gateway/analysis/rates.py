"""How fast signals rise, for the rules that ask for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.routes import Indices
from gateway.analysis.rules import Condition, Rule
from gateway.analysis.state import RuleStates
from gateway.clock import NS_PER_S


class Rates:
    """Turns values into rises per second.

    The rise is measured between consecutive valid samples of the signal. Samples with one and the
    same time stamp (a serial port's, read together) have no time between them: the first stands
    for all of them. Where the time line steps back there is no rate; the next rise is measured
    from the sample after the step.

    Args:
        rules: All rules of the engine. False as a truth value if none asks for a rate.
        state: Their rows; ``last_ns``, ``last_value`` and ``seen`` are changed in place.
    """

    def __init__(self, rules: Sequence[Rule], state: RuleStates) -> None:
        self._wanted = np.array([rule.condition is Condition.RATE_ABOVE for rule in rules], bool)
        self._any = bool(self._wanted.any())
        self._state = state

    def __bool__(self) -> bool:
        return self._any

    def feed(
        self, slots: Indices, t_ns: NDArray[np.int64], value: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return *value* with the rate in its place wherever the rule asks for a rate.

        Args:
            slots: The rules, in the order of the samples.
            t_ns: The samples' times.
            value: Their values, NaN for samples that are not valid.

        Returns:
            NaN where there is no rate, as for a signal's very first sample.
        """
        asked = np.flatnonzero(self._wanted[slots] & (value == value))
        if not asked.size:
            return np.where(self._wanted[slots], np.nan, value)
        # One rule's samples beside each other, each still in order.
        asked = asked[np.argsort(slots[asked], kind="stable")]
        slot, t, v = slots[asked], t_ns[asked], value[asked]
        first = np.concatenate(([True], slot[1:] != slot[:-1]))
        before_t = np.where(first, self._state["last_ns"][slot], np.roll(t, 1))
        seen = ~first | (self._state["seen"][slot] != 0)

        # The first sample of every stamp, and what came before it: the first of the stamp before.
        kept = np.flatnonzero(~seen | (t != before_t))
        asked, slot, t, v = asked[kept], slot[kept], t[kept], v[kept]
        rates = np.where(self._wanted[slots], np.nan, value)
        if not kept.size:
            return rates
        first = np.concatenate(([True], slot[1:] != slot[:-1]))
        before_t = np.where(first, self._state["last_ns"][slot], np.roll(t, 1))
        before_v = np.where(first, self._state["last_value"][slot], np.roll(v, 1))
        forward = (t > before_t) & (~first | (self._state["seen"][slot] != 0))
        rise_s = np.where(forward, t - before_t, 1) / NS_PER_S
        # The difference of huge values may be infinite, or not a number: then it is no rate.
        with np.errstate(over="ignore", invalid="ignore"):
            rates[asked] = np.where(forward, (v - before_v) / rise_s, np.nan)

        last = np.flatnonzero(np.concatenate((first[1:], [True])))
        self._state["last_ns"][slot[last]] = t[last]
        self._state["last_value"][slot[last]] = v[last]
        self._state["seen"][slot[last]] = 1
        return rates
