"""An alarm sink: puts the analyzers' events back into order and hands them to an output."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from gateway.clock import NS_PER_MS, Clock
from gateway.record import Alarms
from gateway.ring.reader import Reader
from gateway.ring.ring import Ring
from gateway.sinks.ordering import AlarmMerge
from gateway.workers.board import Row, RowState

IDLE_BEAT_NS = 500 * NS_PER_MS
SETTLE_NS = 2 * NS_PER_MS
"""How soon to look again whether the other analyzers have come as far as a held event."""


class Output(Protocol):
    """Where a sink's events end: a journal, standard output, a console."""

    def write(self, alarms: Alarms) -> int:
        """Take *alarms*, in order, and return how many of all so far are safely written."""
        ...

    def close(self) -> None:
        """Write what is still pending, as far as that is possible."""
        ...


class AlarmSink:
    """One sink's loop. Runs in a process of its own until the alarms ring ends.

    Args:
        output: Where the events end.
        alarms: Its reader of the alarms ring.
        samples: The samples ring, for how far the analyzers have come.
        analyzers: The names of the analyzers' readers of that ring.
        row: Where it says how it is.
        clock: For the heartbeat and the merge's patience.
    """
