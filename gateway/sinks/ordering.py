"""Puts the events of several analyzers back into the order of the samples that caused them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.clock import NS_PER_MS
from gateway.record import ALARM, Alarms

HOLD_NS = 200 * NS_PER_MS
"""How long an event waits for the other analyzers: more than a busy one lags behind, less than a
person notices."""

_KEY = ("lane", "order", "rule", "kind")


class AlarmMerge:
    """Holds events until every analyzer has come past the sample that caused them.

    Events of one lane leave in the order of their samples, and for one sample in the order of the
    rules; between lanes in the order in which the analyzers emitted them. An event that comes
    twice, because an analyzer was killed and did its last batch again, leaves once.

    For this to hold, a round goes: read how far the analyzers have come, *then* drain the ring of
    events into `push`, then `pop` with what was read. The other way round an analyzer could emit
    and move on in between, and its event would come too late.

    Args:
        hold_ns: How long to wait for an analyzer at most, in nanoseconds, so that one that is
            dead holds back nobody's warnings for longer. What it emits later comes late, out of
            order. None waits for ever: for a recording, where the order matters and time does not.
    """

    def __init__(self, hold_ns: int | None = HOLD_NS) -> None:
        self._hold_ns = hold_ns
        self._held: Alarms = np.empty(0, ALARM)
        self._early: Alarms = np.empty(0, ALARM)

    def __len__(self) -> int:
        """Return how many events are being held."""
        return len(self._held)

    def push(self, alarms: Alarms) -> None:
        """Take events from any analyzers, in any order."""
        if len(alarms):
            self._held = np.concatenate((self._held, alarms)) if len(self._held) else alarms

    def pop(self, consumed: Sequence[int] | NDArray[np.integer], now_ns: int) -> Alarms:
        """Return the events whose turn has come, in order.

        Args:
            consumed: For each lane of the samples ring, the position below which every analyzer
                has judged its samples and emitted what they cause.
            now_ns: CLOCK_MONOTONIC, as in the events' ``emitted_ns``.
        """
        if not len(self._held):
            return self._held
        if len(self._held) == 1 and not len(self._early):  # as nearly always
            alarm = self._held[0]
            if alarm["order"] < consumed[alarm["lane"]]:
                alone, self._held = self._held, self._held[:0]
                return alone
            if self._hold_ns is None or now_ns - alarm["emitted_ns"] < self._hold_ns:
                return self._held[:0]
        passed = np.asarray(consumed, np.uint64)
        held = self._sorted_once(self._held)
        # No analyzer goes back behind what all have consumed: what it repeats from before that
        # was in the ring by then, and so is in this round.
        self._early = self._early[self._early["order"] >= passed[self._early["lane"]]]

        ready = held["order"] < passed[held["lane"]]
        early = np.zeros(len(held), bool)
        if self._hold_ns is not None:
            overdue = now_ns - held["emitted_ns"] >= self._hold_ns
            for lane in np.unique(held["lane"][overdue & ~ready]):
                # Those before the overdue one in its lane leave with it, to stay before it.
                mine = np.flatnonzero(held["lane"] == lane)
                last = np.flatnonzero(overdue[mine])[-1]
                early[mine[: last + 1]] = True
            early &= ~ready
            self._early = np.concatenate((self._early, held[early]))
        leaves = ready | early
        self._held = held[~leaves]
        return _by_arrival(held[leaves])

    def rest(self) -> Alarms:
        """Return all that is held, in order: for when no analyzer will emit any more."""
        lanes = np.concatenate((self._held["lane"], self._early["lane"]))
        return self.pop(np.full(int(lanes.max(initial=0)) + 1, np.iinfo(np.uint64).max), 0)

    def _sorted_once(self, alarms: Alarms) -> Alarms:
        """Return *alarms* lane by lane in order, without those that are or were there before."""
        both = np.concatenate((self._early, alarms))
        is_new = np.arange(len(both)) >= len(self._early)
        # Stable, so that of two that are the same the one that left, or came, first stays first.
        order = np.lexsort(tuple(both[field] for field in reversed(_KEY)))
        both, is_new = both[order], is_new[order]
        same = np.ones(len(both) - 1, bool)
        for field in _KEY:
            same &= both[field][1:] == both[field][:-1]
        return both[is_new & np.concatenate(([True], ~same))]


def _by_arrival(alarms: Alarms) -> Alarms:
    """Merge lanes by when their events came, keeping each lane's own order."""
    if len(alarms) and (alarms["lane"] == alarms["lane"][0]).all():
        return alarms
    arrival = alarms["emitted_ns"].copy()
    for lane in np.unique(alarms["lane"]):
        mine = alarms["lane"] == lane
        # An event cannot leave before one that goes before it in its lane.
        arrival[mine] = np.maximum.accumulate(arrival[mine])
    return alarms[np.argsort(arrival, kind="stable")]
