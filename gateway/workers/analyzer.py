"""An analyzer: judges its share of the signals and emits alarm events."""

from __future__ import annotations

import numpy as np

from gateway.analysis.quiet import QuietRules
from gateway.analysis.resumable import ResumableEngine
from gateway.clock import NS_PER_MS, Clock
from gateway.errors import RingClosed, RingTimeout
from gateway.record import Alarms, TimeOfDay
from gateway.ring import Reader, Writer
from gateway.workers.board import Row, RowState
from gateway.workers.rhythm import Rhythm

IDLE_BEAT_NS = 500 * NS_PER_MS

MANY = 1 << 12
"""Samples that are no trickle: an analyzer that found so many at once looks again at once."""


class Analyzer:
    """One analyzer's loop. Runs in a process of its own until the samples ring ends.

    Args:
        number: Its number among the analyzers, 0, 1, 2, ...
        engine: Its rules, with their state in memory that outlives this process.
        samples: Its reader of the samples ring.
        alarms: Its lane of the alarms ring.
        live: For each source whether its times are CLOCK_MONOTONIC, shape ``(sources,)``.
        row: Where it says how it is.
        clock: For the heartbeat and the alarms' wall-clock time.
        rhythm: When it looks into the ring, while samples flow and it may not doze.
        quiet: What it may doze by.
    """

    def __init__(
        self,
        number: int,
        engine: ResumableEngine,
        samples: Reader,
        alarms: Writer,
        live: np.ndarray[tuple[int], np.dtype[np.bool_]],
        row: Row,
        clock: Clock,
        rhythm: Rhythm,
        quiet: QuietRules,
    ) -> None:
        self._number = number
        self._engine = engine
        self._samples = samples
        self._alarms = alarms
        self._live = live
        self._row = row
        self._clock = clock
        self._rhythm = rhythm
        self._quiet = quiet

    def run(self) -> None:
        """Judge samples until the end of the stream, then close the lane of alarms."""
        self._row.state = RowState.RUNNING
        self._alarms.wake_readers()  # who was killed had emitted events, and had not come to it
        numbers = self._row.numbers
        taken = 0
        while True:
            self._row.beat(self._clock.monotonic_ns())
            try:
                batch = self._samples.peek(timeout_ns=0 if taken else IDLE_BEAT_NS)
            except RingTimeout:
                if taken:
                    self._rest(taken)
                taken = 0
                continue
            except RingClosed:
                break
            taken += len(batch.records)
            numbers["received"] += len(batch.records)
            alarms = self._engine.feed(batch.records, batch.lane, batch.positions)
            if len(alarms):
                self._emit(alarms)
            # In this order a kill at any point repeats events rather than losing one: whoever
            # merges the analyzers' events drops one that comes twice.
            self._engine.commit()
            self._samples.commit()
            if len(alarms):
                # Only now: whoever puts the events in order waits for this commit as well.
                self._alarms.wake_readers()
            numbers["delivered"] += len(batch.records)
        self._alarms.close()
        self._row.state = RowState.DONE

    def _rest(self, taken: int) -> None:
        """Let samples gather: while none of them changes anything, for as long as may be."""
        self._samples.stay_awake()
        if self._quiet.write():
            self._samples.doze(IDLE_BEAT_NS)
        elif taken < MANY:
            self._rhythm.wait()

    def _emit(self, alarms: Alarms) -> None:
        now_ns = self._clock.monotonic_ns()
        alarms["emitted_ns"] = now_ns
        alarms["analyzer"] = self._number
        # A live source's times are monotonic, and a person wants to read the time of day; a
        # recording's are its own: there both numbers stay 0, see `TimeOfDay`.
        wall_offset_ns = self._clock.wall_ns() - now_ns
        good = self._clock.is_synchronised()
        time_of_day = TimeOfDay.SYNCHRONISED if good else TimeOfDay.UNSYNCHRONISED
        live = self._live.take(alarms["source"])
        alarms["wall_offset_ns"] = live * wall_offset_ns
        alarms["time_of_day"] = live * np.uint16(time_of_day)
        while True:
            try:
                self._alarms.put(alarms, IDLE_BEAT_NS, wake=False)
            except RingTimeout as full:
                alarms = alarms[full.published :]
                self._row.beat(self._clock.monotonic_ns())
            else:
                return
