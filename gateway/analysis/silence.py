"""Rules on silence: ``stale_after``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.routes import Indices, Routes
from gateway.analysis.rules import Condition, Rule
from gateway.analysis.state import Event, RuleStates
from gateway.analysis.states import RuleState, Zone, advance
from gateway.record import TICK, Quality, Samples


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
        if not self._any or not (signs := self._signs(samples))[0].size:
            return []
        rows, slots, valid = signs
        t_ns, value = samples["t_ns"][rows], samples["value"][rows]

        # Since when it has been silent at each sign: since the last valid sample before it.
        numbers = np.arange(len(rows))
        first = np.concatenate(([True], slots[1:] != slots[:-1]))
        start = np.maximum.accumulate(np.where(first, numbers, 0))
        heard = np.maximum.accumulate(np.where(valid, numbers, -1))
        before = np.concatenate(([-1], heard[:-1]))
        seen = self._state["seen"][slots] != 0
        carried = np.where(seen, self._state["last_ns"][slots], t_ns[start])
        base = np.where(before >= start, t_ns[before], carried)

        state = self._state["state"][slots]
        stirs = np.where(
            state == RuleState.NORMAL,
            t_ns - base >= self._stale_after_ns[slots],
            (state != RuleState.ACTIVE) | valid,
        )
        stirs |= t_ns < base
        stirring = np.unique(slots[stirs])

        quiet = ~np.isin(slots, stirring) if stirring.size else np.ones(len(rows), bool)
        fresh = first & quiet & ~seen
        self._state["last_ns"][slots[fresh]] = t_ns[fresh]
        self._state["last_value"][slots[fresh]] = np.nan
        self._state["seen"][slots[fresh]] = 1
        last = np.flatnonzero(np.concatenate((first[1:], [True])) & quiet & (heard >= start))
        self._state["last_ns"][slots[last]] = t_ns[heard[last]]
        self._state["last_value"][slots[last]] = value[heard[last]]

        events: list[Event] = []
        for slot in stirring.tolist():
            mine = np.flatnonzero(slots == slot)
            events += self._step(slot, rows[mine], t_ns[mine], value[mine], valid[mine])
        return events

    def _signs(self, samples: Samples) -> tuple[Indices, Indices, NDArray[np.bool_]]:
        """Return rows, slots and whether the sample is valid, each rule's signs in order."""
        signal = samples["signal"]
        rows, slots = self._by_signal.pairs(signal)
        value = samples["value"][rows]
        valid = (samples["quality"][rows] != Quality.INVALID) & (value == value)
        ticks = np.flatnonzero(signal == TICK)
        if ticks.size:
            at, of = self._by_source.pairs(samples["source"][ticks])
            rows, slots = np.concatenate((rows, ticks[at])), np.concatenate((slots, of))
            valid = np.concatenate((valid, np.zeros(len(of), bool)))
        order = np.lexsort((rows, slots))
        return rows[order], slots[order], valid[order]

    def _step(
        self,
        slot: int,
        rows: Indices,
        t_ns: NDArray[np.int64],
        value: NDArray[np.float64],
        valid: NDArray[np.bool_],
    ) -> list[Event]:
        rule, row_state = self._rules[slot], self._state[slot]
        state = RuleState(row_state["state"])
        since = int(row_state["since_ns"])
        seen = bool(row_state["seen"])
        base = int(row_state["last_ns"]) if seen else int(t_ns[0])
        last = float(row_state["last_value"]) if seen else np.nan
        events: list[Event] = []

        def step(row: int, zone: Zone, t: int) -> None:
            nonlocal state, since
            state, since, kind = advance(state, since, zone, t, rule.on_delay_ns, rule.off_delay_ns)
            if kind is not None:
                events.append(Event(row, slot, kind, t, last, np.nan))

        for row, t, v, is_valid in zip(
            rows.tolist(), t_ns.tolist(), value.tolist(), valid.tolist(), strict=True
        ):
            # Where the time line steps back, the silence is counted anew from there; measured
            # from a sample that lies in the future it might never end.
            base = min(base, t)
            stale = base + rule.stale_after_ns
            if t >= stale:
                step(row, Zone.HIGH, stale)
                if state is RuleState.PENDING and t >= since + rule.on_delay_ns:
                    step(row, Zone.HIGH, since + rule.on_delay_ns)
            if is_valid:
                base, last = t, v
                step(row, Zone.LOW, t)
        self._state[slot] = (since, base, last, state, 1, 0)
        return events
