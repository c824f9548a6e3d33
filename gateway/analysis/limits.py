"""Rules on a value or on its rate: ``above``, ``below``, ``outside``, ``rate_above``."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.rates import Rates
from gateway.analysis.routes import Indices, Routes
from gateway.analysis.rules import Condition, Rule
from gateway.analysis.state import Event, RuleStates
from gateway.analysis.states import LEAVES, WAITING, RuleState, Zone, advance
from gateway.record import Quality, Samples

# As numpy's own type: comparing an array with a member of an enum takes ten times as long.
_INVALID = np.uint8(Quality.INVALID)
_BAND = np.int8(Zone.BAND)
_ALWAYS = int(np.iinfo(np.int64).min)
_NEVER = int(np.iinfo(np.int64).max)


class Limits:
    """All rules of an engine that compare with limits.

    Most batches change nothing. A sample is *quiet* for a rule that it leaves in its state, and in
    each state the quiet samples are those inside an interval, or those outside it:

        NORMAL    quiet inside   [low, high]                 the condition does not hold
        PENDING   quiet outside  [low, high]                 it still does
        ACTIVE    quiet outside  [clear_low, clear_high]     not back yet
        CLEARING  quiet inside   [clear_low, clear_high]     still back

    So one comparison of the whole batch, with each rule's interval of the moment, finds the rules
    that have anything to decide; only those go through the table of states.

    Args:
        rules: All rules of the engine; a rule's slot is its position here. Rules on silence are
            passed over.
        state: Their rows, changed in place.
    """

    def __init__(self, rules: Sequence[Rule], state: RuleStates) -> None:
        slots = [n for n, rule in enumerate(rules) if rule.condition != Condition.STALE_AFTER]
        self._rules = rules
        self._states, self._entered_ns = state["state"], state["since_ns"]
        self._last_value = state["last_value"]
        self._routes = Routes([rules[slot].signal.index for slot in slots], slots)
        self._rates = Rates(rules, state)
        # The interval of the moment and when a delay is over: derived from the state, see `_set`.
        self._from = np.zeros(len(rules))
        self._to = np.zeros(len(rules))
        self._quiet_inside = np.zeros(len(rules), bool)
        self._since_ns = np.full(len(rules), _ALWAYS)
        self._due_ns = np.full(len(rules), _NEVER)
        self._waiting: set[int] = set()
        for slot in slots:
            self._set(slot, RuleState(self._states[slot]), int(self._entered_ns[slot]))

    def feed(self, samples: Samples) -> list[Event]:
        """Advance by a batch; return what it causes, each rule's events in order."""
        rows, slots = self._routes.pairs(samples["signal"])
        if not rows.size:
            return []
        # `take` all along: to index with an array is another, longer way through numpy, which an
        # analyzer that was just woken finds in no cache.
        value = samples["value"].take(rows)
        # NaN stands for "no decision" from here on: it may neither start, nor reset, nor complete
        # a delay. Compared like a number it would count as "back", just when the sensor dies.
        invalid = samples["quality"].take(rows) == _INVALID
        judged = np.where(invalid, np.nan, value) if 1 in invalid.tobytes() else value
        if self._rates:
            judged = self._rates.feed(slots, samples["t_ns"][rows], judged)

        stirs = (judged >= self._from.take(slots)) & (judged <= self._to.take(slots))
        stirs ^= self._quiet_inside.take(slots)
        if self._waiting:
            t_ns = samples["t_ns"][rows]
            stirs |= (t_ns >= self._due_ns[slots]) | (t_ns < self._since_ns[slots])
        if 1 not in stirs.tobytes():
            return []

        decided = judged == judged
        stirs &= decided
        events: list[Event] = []
        for slot in sorted(set(slots.take(stirs.nonzero()[0]).tolist())):
            mine = ((slots == slot) & decided).nonzero()[0]
            at = rows.take(mine)
            t_ns = samples["t_ns"].take(at)
            events += self._step(slot, at, t_ns, value.take(mine), judged.take(mine))
        return events

    def _step(
        self,
        slot: int,
        rows: Indices,
        t_ns: NDArray[np.int64],
        value: NDArray[np.float64],
        judged: NDArray[np.float64],
    ) -> Iterator[Event]:
        """Take a rule through the table of states, given its samples."""
        rule = self._rules[slot]
        high = (judged < rule.low) | (judged > rule.high)
        low = (judged >= rule.clear_low) & (judged <= rule.clear_high)
        # As bytes, the search for the sample that ends a state is one memchr however far it is.
        codes = (_BAND + high.view(np.int8) - low.view(np.int8)).tobytes()
        leaves: dict[RuleState, bytes] = {}
        times: list[int] = t_ns.tolist()
        forward = times == sorted(times)
        by_rate = rule.condition is Condition.RATE_ABOVE
        state, since = RuleState(self._states[slot]), int(self._entered_ns[slot])
        n, stop = 0, len(codes)
        while n < stop:
            state, since, kind = advance(
                state, since, codes[n], times[n], rule.on_delay_ns, rule.off_delay_ns
            )
            if kind is not None:
                rate = float(judged[n]) if by_rate else np.nan
                if rule.condition is Condition.OUTSIDE:
                    self._last_value[slot] = value[n]
                yield Event(int(rows[n]), slot, kind, times[n], float(value[n]), rate)
            if state not in leaves:
                leaves[state] = codes.translate(LEAVES[state])
            end = leaves[state].find(1, n + 1)
            end = stop if end < 0 else end
            if state in WAITING:
                due = since + _delay(rule, state)
                if forward:
                    end = bisect_left(times, due, n + 1, end)
                else:
                    # A step back in time starts the delay again, so it must be seen too.
                    later = (m for m in range(n + 1, end) if not since <= times[m] < due)
                    end = next(later, end)
            n = end
        self._set(slot, state, since)

    def _set(self, slot: int, state: RuleState, since_ns: int) -> None:
        rule = self._rules[slot]
        self._states[slot], self._entered_ns[slot] = state, since_ns
        fired = state in (RuleState.ACTIVE, RuleState.CLEARING)
        self._from[slot] = rule.clear_low if fired else rule.low
        self._to[slot] = rule.clear_high if fired else rule.high
        self._quiet_inside[slot] = state in (RuleState.NORMAL, RuleState.CLEARING)
        if state in WAITING:
            self._waiting.add(slot)
            self._since_ns[slot] = since_ns
            self._due_ns[slot] = min(since_ns + _delay(rule, state), _NEVER)
        else:
            self._waiting.discard(slot)
            self._since_ns[slot] = _ALWAYS
            self._due_ns[slot] = _NEVER


def _delay(rule: Rule, state: RuleState) -> int:
    return rule.on_delay_ns if state is RuleState.PENDING else rule.off_delay_ns
