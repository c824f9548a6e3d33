"""The view: shows people the signals, the warnings and the log, a few times a second."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.alarm_text import AlarmText
from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.errors import RingClosed, RingEvicted, RingTimeout
from gateway.log import pour_out
from gateway.record import Alarm, unpack_alarms
from gateway.ring import Batch, Reader
from gateway.sinks.live import LiveView, open_view
from gateway.sinks.live_model import LiveModel, Notice, Status
from gateway.sinks.live_text import short_names
from gateway.workers.board import Row, RowState
from gateway.workers.plan import Plan

LOOK_NS = 250 * NS_PER_MS
"""How often the rings are looked into. They hold more than comes in this time; where they do not,
the view is a lossy reader: it misses samples, and nobody waits for it."""


class View:
    """The view's loop. Runs in a process of its own until both rings end.

    Args:
        plan: What is shown: its wanted signals and its rules.
        samples: Its reader of the samples ring.
        alarms: Its reader of the alarms ring.
        log_pipe: Descriptor from which the other processes' log lines come; not blocking.
        health: Tells how the processes are.
        active: Tells of each rule, in the configuration's order, whether its alarm is on.
        row: Where it says how it is.
        clock: For everything timed.
    """

    def __init__(
        self,
        plan: Plan,
        samples: Reader,
        alarms: Reader,
        log_pipe: int,
        health: Callable[[], Status],
        active: Callable[[], NDArray[np.bool_]],
        row: Row,
        clock: Clock,
    ) -> None:
        rules = [(rule.signal.index, rule.severity) for rule in plan.rules]
        self._model = LiveModel([plan.signals[index] for index in sorted(plan.wanted)], rules)
        names = zip(self._model.signals, short_names(self._model.signals), strict=True)
        self._short_names = {signal.index: name for signal, name in names}
        self._rules = plan.rules
        self._text = AlarmText(plan.rules)
        self._samples = samples
        self._alarms = alarms
        self._log_pipe = log_pipe
        self._health = health
        self._active = active
        self._row = row
        self._clock = clock
        self._log_rest = b""

    def run(self) -> None:
        """Show what comes until the end of the streams."""
        self._row.state = RowState.RUNNING
        ended = False
        with open_view(self._model) as view:
            while not ended:
                select.select([], [], [], LOOK_NS / NS_PER_S)
                ended = self._take_samples()
                ended = self._take_alarms() and ended
                self._take_log(view)
                self._model.set_active(self._active())
                self._model.status = self._health()
                now_ns = self._clock.monotonic_ns()
                view.update(now_ns)
                self._row.beat(now_ns)
            self._model.tick(self._clock.monotonic_ns())
        self._row.state = RowState.DONE

    def _take_samples(self) -> bool:
        """Feed the model what has come; return whether the stream has ended."""
        batches, ended = _drain(self._samples)
        for batch in batches:
            self._model.feed_samples(batch.records)
        return ended

    def _take_alarms(self) -> bool:
        """Likewise with events, in the order in which the analyzers emitted them."""
        batches, ended = _drain(self._alarms)
        if lost := sum(batch.lost for batch in batches):
            self._model.note(Notice(f"{lost:,} warnings more than could be shown"))
        if batches:
            alarms = np.concatenate([batch.records for batch in batches])
            alarms = alarms[np.argsort(alarms["emitted_ns"], kind="stable")]
            self._model.feed_alarms(alarms, map(self._line, unpack_alarms(alarms)))
            self._row.numbers["received"] += len(alarms)
            self._row.numbers["delivered"] += len(alarms)
        return ended

    def _line(self, alarm: Alarm) -> str:
        """Return *alarm* as the console has it, but with the signal's name of the table."""
        signal = self._rules[alarm.rule].signal
        return self._text.line(alarm).replace(
            f": {signal.full_name} = ", f": {self._short_names[signal.index]} = "
        )

    def _take_log(self, view: LiveView) -> None:
        if view.gone:
            pour_out(self._log_pipe)
            return
        try:
            self._log_rest += os.read(self._log_pipe, 1 << 16)
        except BlockingIOError:
            return
        *lines, self._log_rest = self._log_rest.split(b"\n")
        for line in lines:
            self._model.note(Notice(line.decode(errors="replace")))


def _drain(reader: Reader) -> tuple[list[Batch], bool]:
    """Return all that *reader* has, without waiting, and whether its stream has ended."""
    batches = []
    while True:
        try:
            batches.append(reader.get(timeout_ns=0))
        except RingTimeout:
            return batches, False
        except (RingClosed, RingEvicted):
            return batches, True
