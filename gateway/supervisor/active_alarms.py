"""Which alarms are on, and the values at which they were raised."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.resumable import ResumableEngine
from gateway.analysis.rules import Rule
from gateway.analysis.states import RuleState
from gateway.errors import LockHeld, RingClosed, RingTimeout
from gateway.record import AlarmKind
from gateway.ring import Reader, Ring

READER = "status"
"""The supervisor's own reader of the alarms ring; lossy."""

_ON = [RuleState.ACTIVE, RuleState.CLEARING]


class ActiveAlarms:
    """Which alarms are on, by the analyzers' own word and not by events.

    Whoever comes late, or is overtaken by a flood of events, would not know it from those. They
    only tell at which value an alarm was raised.

    Args:
        rules: All of them.
        shares: For each analyzer its rules, and the memory in which it keeps where they stand.
        lanes: How many lanes of samples they are judged by.
        alarms: The ring with the events.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        shares: Sequence[tuple[Sequence[Rule], NDArray[np.uint8]]],
        lanes: int,
        alarms: Ring,
    ) -> None:
        self._rules = rules
        self._shares = shares
        self._lanes = lanes
        self._alarms = alarms
        self._reader: Reader | None = None
        self._raised_at: dict[int, float] = {}

    def flags(self) -> NDArray[np.bool_]:
        """Return for each rule whether its alarm is on."""
        on = np.zeros(len(self._rules), np.bool_)
        for rules, memory in self._shares:
            states = ResumableEngine.committed(len(rules), self._lanes, memory)["state"]
            on[[rule.index for rule in rules]] = np.isin(states, _ON)
        return on

    def current(self) -> list[tuple[Rule, float | None]]:
        """Return the rules whose alarm is on, each with the value at which it was raised.

        The value is None where it was raised too long ago to be known.
        """
        self.read_events()
        on = np.flatnonzero(self.flags()).tolist()
        return [(self._rules[index], self._raised_at.get(index)) for index in on]

    def read_events(self) -> None:
        """Note the values of the alarms that were raised since the last call."""
        if self._reader is None:
            self._reader = self._alarms.reader(READER)
        with suppress(RingTimeout, RingClosed, LockHeld):
            # What comes meanwhile can wait: a flood of events must not hold the supervisor.
            for _ in range(2 * len(self._shares)):
                events = self._reader.get(timeout_ns=0).records
                raised = events[events["kind"] == AlarmKind.RAISED]
                values = zip(raised["rule"].tolist(), raised["value"].tolist(), strict=True)
                self._raised_at.update(values)

    def close(self) -> None:
        """Give the reader up, if this process has become it."""
        if self._reader is not None:
            self._reader.close()
