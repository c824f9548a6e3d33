"""All rules of one analyzer, evaluated batch by batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.limits import Limits
from gateway.analysis.rules import Rule
from gateway.analysis.silence import Silence
from gateway.analysis.state import RULE_STATE, Event, RuleStates
from gateway.record import ALARM, Alarm, Alarms, Samples, pack_alarms

__all__ = ["RULE_STATE", "Engine"]


class Engine:
    """Threshold rules as a pure function of the samples: no clock, no I/O.

    However the samples are cut into batches, the events are the same, and rules do not see each
    other. The behaviour of a rule is written down in docs/rules.md.

    Args:
        rules: The rules to evaluate; each has a row in *state* in this order.
        state: `RULE_STATE` rows, as many as there are rules, changed in place by `feed`: all zero
            to begin with, or another engine's to go on where that one stopped. None makes a new
            array. Within `feed` the rows are of no use to anybody else.

    Attributes:
        state: The rows.
    """

    def __init__(self, rules: Sequence[Rule], state: RuleStates | None = None) -> None:
        if state is None:
            state = np.zeros(len(rules), RULE_STATE)
        if state.dtype != RULE_STATE or state.shape != (len(rules),):
            got = f"an array of {state.dtype} in the shape {state.shape}"
            raise ValueError(f"got {got}, expected {len(rules)} rows of RULE_STATE")
        self.state = state
        self._rules = tuple(rules)
        self._limits = Limits(self._rules, state)
        self._silence = Silence(self._rules, state)

    def feed(
        self, samples: Samples, lane: int = 0, positions: int | NDArray[np.integer] = 0
    ) -> Alarms:
        """Advance by a batch of samples of one lane.

        Args:
            samples: In the order of the lane. Samples of signals that no rule watches, and ticks
                of sources that no rule on silence needs, are passed over.
            lane: Goes into the events.
            positions: Where the samples stand in the lane: the first one's position if they
                follow each other without gaps, else one for each. Goes into ``order``.

        Returns:
            The events, in the order of the samples that caused them and for one sample in the
            order of the rules' indices. ``emitted_ns``, ``wall_offset_ns``, ``time_of_day`` and
            ``analyzer`` are left 0: they are the caller's to fill in.
        """
        events = self._limits.feed(samples) + self._silence.feed(samples)
        if not events:
            return np.empty(0, ALARM)
        # Stable: a signal that falls silent and is heard again in the same sample is first raised.
        events.sort(key=lambda event: (event.row, self._rules[event.slot].index))
        return self._alarms(events, lane, positions)

    def _alarms(
        self, events: list[Event], lane: int, positions: int | NDArray[np.integer]
    ) -> Alarms:
        alarms = []
        for event in events:
            row, rule = event.row, self._rules[event.slot]
            alarm = Alarm(
                t_ns=event.t_ns,
                value=event.value,
                rate=event.rate,
                order=positions + row if isinstance(positions, int) else int(positions[row]),
                rule=rule.index,
                signal=rule.signal.index,
                source=rule.source,
                kind=event.kind,
                lane=lane,
            )
            alarms.append(alarm)
        return pack_alarms(alarms)
