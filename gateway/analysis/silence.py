"""Rules on silence: ``stale_after``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.routes import Indices, Routes
from gateway.analysis.rules import Condition, Rule
from gateway.analysis.state import Event, RuleStates
from gateway.analysis.states import RuleState, Zone, advance
from gateway.record import TICK, Quality, Samples

# As numpy's own type: comparing an array with a member of an enum takes ten times as long.
_INVALID = np.uint8(Quality.INVALID)
_NORMAL, _ACTIVE = np.uint8(RuleState.NORMAL), np.uint8(RuleState.ACTIVE)


class _Signs(NamedTuple):
    """The signs in a batch, rule by rule, each rule's in order; all of one length.

    Attributes:
        rows: The samples.
        slots: The rules.
        t_ns: The samples' times.
        value: Their values; of a tick, nothing that means anything.
        valid: Whether it is the signal itself, with a value.
        first: The number of the same rule's first sign.
        heard: The number of the last valid sign so far, of any rule; -1 before the first.
    """

    rows: Indices
    slots: Indices
    t_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    valid: NDArray[np.bool_]
    first: Indices
    heard: Indices


class Silence:
    """All rules of an engine that wait for a signal to fall silent.

    Silence sends no samples, so it shows only in what else comes: a *sign* that the time line has
    come so far. The ticks of the signal's source are signs, and so are the signal's own samples,
    valid or not. A valid one also ends the silence.

    What a sign shows happened earlier: at the last valid sample's time plus ``stale_after``, plus
    ``on_delay``. The events carry those times, so they do not depend on when ticks come.

    Args:
        rules: All rules of the engine; a rule's slot is its position here. Rules with other
            conditions are passed over.
        state: Their rows, changed in place.
    """

    def __init__(self, rules: Sequence[Rule], state: RuleStates) -> None:
        slots = [n for n, rule in enumerate(rules) if rule.condition is Condition.STALE_AFTER]
        self._rules = rules
        self._state = state
        self._by_signal = Routes([rules[slot].signal.index for slot in slots], slots)
        self._by_source = Routes([rules[slot].source for slot in slots], slots)
        self._stale_after_ns = np.array([rule.stale_after_ns for rule in rules], np.int64)
        self._any = bool(slots)

    def feed(self, samples: Samples) -> list[Event]:
        """Advance by a batch; return what it causes, each rule's events in order."""
        if not self._any:
            return []
        signs = self._signs(samples)
        if not signs.rows.size:
            return []
        stirring = np.zeros(len(self._rules), bool)
        stirring[signs.slots[self._stirs(signs)]] = True
        self._remember(signs, ~stirring[signs.slots])
        events: list[Event] = []
        for slot in np.flatnonzero(stirring).tolist():
            events += self._step(slot, signs)
        return events

    def _signs(self, samples: Samples) -> _Signs:
        signal = samples["signal"]
        rows, slots = self._by_signal.pairs(signal)
        value = samples["value"][rows]
        valid = (samples["quality"][rows] != _INVALID) & (value == value)
        ticks = np.flatnonzero(signal == TICK)
        if ticks.size:
            at, of = self._by_source.pairs(samples["source"][ticks])
            rows, slots = np.concatenate((rows, ticks[at])), np.concatenate((slots, of))
            valid = np.concatenate((valid, np.zeros(len(of), bool)))
        order = np.lexsort((rows, slots))
        rows, slots, valid = rows[order], slots[order], valid[order]
        starts = np.concatenate(([True], slots[1:] != slots[:-1]))[: len(slots)]
        numbers = np.arange(len(slots))
        return _Signs(
            rows=rows,
            slots=slots,
            t_ns=samples["t_ns"][rows],
            value=samples["value"][rows],
            valid=valid,
            first=np.maximum.accumulate(np.where(starts, numbers, 0)),
            heard=np.maximum.accumulate(np.where(valid, numbers, -1)),
        )

    def _stirs(self, signs: _Signs) -> NDArray[np.bool_]:
        """Return which signs may have something to decide: a few too many, never too few."""
        slots, t_ns = signs.slots, signs.t_ns
        # Since when it has been silent: the last valid sample before this sign, here or earlier.
        before = np.concatenate(([-1], signs.heard[:-1]))
        seen = self._state["seen"][slots] != 0
        carried = np.where(seen, self._state["last_ns"][slots], t_ns[signs.first])
        since = np.where(before >= signs.first, t_ns[before], carried)
        late = t_ns - since >= self._stale_after_ns[slots]
        state = self._state["state"][slots]
        stirs = np.where(state == _NORMAL, late, (state != _ACTIVE) | signs.valid)
        return stirs | (t_ns < since)

    def _remember(self, signs: _Signs, which: NDArray[np.bool_]) -> None:
        """Note the last valid sample of the rules whose signs are *which*, or the first sign."""
        state, slots = self._state, signs.slots
        numbers = np.arange(len(slots))
        new = (numbers == signs.first) & which & (state["seen"][slots] == 0)
        state["last_ns"][slots[new]] = signs.t_ns[new]
        state["last_value"][slots[new]] = np.nan
        state["seen"][slots[new]] = 1
        is_last = np.concatenate((slots[1:] != slots[:-1], [True]))
        last = is_last & which & (signs.heard >= signs.first)
        state["last_ns"][slots[last]] = signs.t_ns[signs.heard[last]]
        state["last_value"][slots[last]] = signs.value[signs.heard[last]]

    def _step(self, slot: int, signs: _Signs) -> list[Event]:
        """Take one rule through the table of states, sign by sign."""
        rule, row = self._rules[slot], self._state[slot]
        mine = np.flatnonzero(signs.slots == slot)
        state, since = RuleState(row["state"]), int(row["since_ns"])
        silent_since, last = int(row["last_ns"]), float(row["last_value"])
        if not row["seen"]:
            silent_since, last = int(signs.t_ns[mine[0]]), np.nan
        events: list[Event] = []

        def step(sample: int, zone: Zone, t: int) -> None:
            nonlocal state, since
            state, since, kind = advance(state, since, zone, t, rule.on_delay_ns, rule.off_delay_ns)
            if kind is not None:
                events.append(Event(sample, slot, kind, t, last, np.nan))

        columns = (signs.rows, signs.t_ns, signs.value, signs.valid)
        for sample, t, value, valid in zip(*(c[mine].tolist() for c in columns), strict=True):
            # Where the time line steps back, the silence is counted anew from there; measured
            # from a sample that lies in the future it might never end.
            silent_since = min(silent_since, t)
            stale = silent_since + rule.stale_after_ns
            if t >= stale:
                step(sample, Zone.HIGH, stale)
                if state is RuleState.PENDING and t >= since + rule.on_delay_ns:
                    step(sample, Zone.HIGH, since + rule.on_delay_ns)
            if valid:
                silent_since, last = t, value
                step(sample, Zone.LOW, t)
        self._state[slot] = (since, silent_since, last, state, 1, 0)
        return events
