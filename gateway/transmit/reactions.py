"""From alarm events to what rules send on them, each event once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from gateway.record import AlarmKind, Alarms
from gateway.transmit.arming import Action


class Reactions:
    """Finds the actions that alarm events cause.

    An event may come twice: an analyzer that was killed judges its last batch again, and a reader
    that was killed reads its last batch again. The events of a rule come in the order of the
    samples that caused them, from one lane, so a mark for each rule tells the second time.

    Args:
        actions: What the rules send.
        marks: How far each rule's events were dealt with, shape ``(rules,)``, zeros at first; in
            memory that outlives the process.
    """

    def __init__(self, actions: Iterable[Action], marks: NDArray[np.uint64]) -> None:
        self._actions: dict[tuple[int, int], list[Action]] = {}
        for action in actions:
            self._actions.setdefault((action.rule, action.kind), []).append(action)
        self._marks = marks

    def to(self, alarms: Alarms) -> Iterator[tuple[np.void, list[Action]]]:
        """Yield each new event that causes something, and what it causes.

        An event is marked as dealt with when the next is asked for.
        """
        for alarm in alarms:
            rule, kind = int(alarm["rule"]), int(alarm["kind"])
            actions = self._actions.get((rule, kind))
            # One sample can raise an alarm and clear it, in this order: a late first sample of a
            # signal that had gone stale.
            mark = 2 * int(alarm["order"]) + (kind == AlarmKind.CLEARED) + 1
            if actions and mark > self._marks[rule]:
                yield alarm, actions
                self._marks[rule] = mark
