"""A producer: reads one source in batches and publishes its samples, for as long as it may."""

from __future__ import annotations

import logging
import select
from collections import Counter

import numpy as np

from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.errors import LinkError, RingTimeout
from gateway.record import SAMPLE, TICK, Origin, Samples
from gateway.ring import Event, Writer
from gateway.sources.base import Source
from gateway.sources.link import LinkLog
from gateway.sources.recorded import RecordedSource
from gateway.workers.board import Row, RowState
from gateway.workers.rhythm import Rhythm

TICK_INTERVAL_NS = 50 * NS_PER_MS
"""How often a live source says that time goes on, at most: silence is told to the rules as data."""

IDLE_BEAT_NS = 500 * NS_PER_MS

MANY = 512
"""Frames that are no trickle: after so many in one read there are more, and nothing gathers."""

DRAIN_READS = 64
"""How often a link is read after the stop at most: one that never falls silent must not hold it."""

FIRST_RETRY_NS = NS_PER_S // 10
LONGEST_RETRY_NS = NS_PER_S // 2
"""What comes back is read again within a second, opening it included. To look for a device that
is not there twice a second costs a hundredth of a percent of a processor."""

FACTS_INTERVAL_NS = 250 * NS_PER_MS


class Producer:
    """One source's loop. Runs in a process of its own until the source ends or stop is set.

    Args:
        source: The link; constructed, not open.
        index: The source's position in the configuration.
        writer: The source's lane of the samples ring.
        row: Where it says how it is; a predecessor's numbers in it are continued.
        start: Set when every process is ready.
        stop: Set when the gateway ends.
        clock: For ticks, retries and the heartbeat.
        rhythm: When it reads, while there is something to read.
        ticks: Whether somebody asks how far a live source's time line has come, though it is
            silent: a rule on silence.
    """

    def __init__(
        self,
        source: Source,
        index: int,
        writer: Writer,
        row: Row,
        start: Event,
        stop: Event,
        clock: Clock,
        rhythm: Rhythm,
        *,
        ticks: bool = True,
    ) -> None:
        self._source = source
        self._index = index
        self._writer = writer
        self._row = row
        self._start = start
        self._stop = stop
        self._clock = clock
        self._rhythm = rhythm
        self._ticks = ticks and source.live
        # As seldom as the readings, where those are seldom: a tick is a wake-up, too.
        self._tick_ns = max(TICK_INTERVAL_NS, rhythm.period_ns)
        self._patience_ns = self._tick_ns if self._ticks else IDLE_BEAT_NS
        self._link = LinkLog(logging.getLogger(source.name))
        self._next_tick_ns = self._next_facts_ns = 0

    def run(self) -> None:
        """Read and publish until the source ends or stop is set, then close the lane."""
        self._continue_predecessor()
        self._row.state = RowState.READY
        while not self._start.wait(NS_PER_S):
            self._beat()
        self._retry_ns = FIRST_RETRY_NS
        ended = False
        while not ended and not self._stop.is_set():
            try:
                with self._source:
                    if not self._link.is_down:
                        self._row.state = RowState.RUNNING
                    ended = self._pump()
            except LinkError as error:
                self._link.lost(error, self._clock.monotonic_ns())
                self._row.state = RowState.WAITING
                self._report()
                self._idle(self._retry_ns)
                self._retry_ns = min(2 * self._retry_ns, LONGEST_RETRY_NS)
        self._writer.close()
        self._report()
        self._row.state = RowState.DONE

    def _pump(self) -> bool:
        """Move batches until stop (False) or the source's end (True)."""
        source, stop = self._source, self._stop
        ready = select.poll()
        ready.register(stop, select.POLLIN)
        descriptor = source.fileno()
        if descriptor is not None:
            ready.register(descriptor, select.POLLIN)
        # A source with a descriptor is waited for together with the stop signal; one without
        # waits by itself, never longer than a tick, so that stop is noticed.
        timeout_ns = TICK_INTERVAL_NS if descriptor is None else 0
        stopped = stop.is_set()
        gathered = False
        while not stopped:
            # What gathered is read without asking first whether there is anything.
            came = gathered or (descriptor is not None and ready.poll(self._patience_ms()))
            before = source.counters.received
            samples = source.read(timeout_ns)
            if self._link.is_down:
                # Only now: what can be opened need not work, as a CAN interface that is down.
                self._restored()
            if samples is None:
                return True
            self._publish(samples)
            del samples  # the next ones go into the same memory, if nobody holds these
            self._beat()
            read = source.counters.received - before
            if (read if gathered else came) and read < MANY:
                # The wake-up costs more than the frame: let a few gather before the next read.
                stopped, gathered = self._rhythm.wait([stop]), True
            else:
                stopped, gathered = stop.is_set(), False
        self._drain()
        return False

    def _patience_ms(self) -> float:
        passed_ns = self._clock.monotonic_ns() % self._patience_ns
        return (self._patience_ns - passed_ns) / NS_PER_MS

    def _restored(self) -> None:
        self._link.restored(self._clock.monotonic_ns())
        self._row.state = RowState.RUNNING
        self._retry_ns = FIRST_RETRY_NS
        self._report()

    def _drain(self) -> None:
        """After stop: take what had already arrived, so that it counts and is judged."""
        counters = self._source.counters
        for _ in range(DRAIN_READS if self._source.live else 1):
            before = counters.received
            samples = self._source.read(0)
            if samples is None:
                return
            self._publish(samples)
            if counters.received - before < MANY:
                return

    def _publish(self, samples: Samples) -> None:
        """Put *samples*, and a tick when one is due, into the ring; wait while it is full."""
        self._count()
        now_ns = self._clock.monotonic_ns()
        if self._ticks and now_ns >= self._next_tick_ns:
            samples = np.append(samples, self._tick(now_ns))
            # On multiples of it, so that the ticks of all sources wake the analyzers only once.
            self._next_tick_ns = now_ns - now_ns % self._tick_ns + self._tick_ns
        self._row.numbers["produced"] += len(samples)
        while len(samples):
            try:
                self._writer.put(samples, TICK_INTERVAL_NS)
            except RingTimeout as full:
                # The slowest analyzer sets the pace; meanwhile the kernel's buffer absorbs.
                samples = samples[full.published :]
                self._beat()
            else:
                return

    def _tick(self, now_ns: int) -> Samples:
        tick = np.zeros(1, SAMPLE)
        tick["t_ns"], tick["signal"], tick["source"] = now_ns, TICK, self._index
        tick["origin"] = Origin.USER
        return tick

    def _idle(self, ns: int) -> None:
        """Wait *ns* for the device, or for stop, with ticks: a lost link is a silent one."""
        until_ns = self._clock.monotonic_ns() + ns
        while (left_ns := until_ns - self._clock.monotonic_ns()) > 0:
            if self._source.live:
                self._publish(np.empty(0, SAMPLE))
            self._beat()
            if self._stop.wait(min(left_ns, TICK_INTERVAL_NS)):
                return

    def _beat(self) -> None:
        now_ns = self._clock.monotonic_ns()
        self._row.beat(now_ns)
        if now_ns >= self._next_facts_ns:
            self._next_facts_ns = now_ns + FACTS_INTERVAL_NS
            if not self._link.is_down:
                self._link.holds(self._source.link_states(), now_ns)
            self._report()

    def _count(self) -> None:
        row, counters = self._row.numbers, self._source.counters
        row["received"] = counters.received
        row["delivered"] = counters.delivered
        row["lost"] = counters.lost.total()

    def _report(self) -> None:
        self._count()  # a source counts what it had begun to read when it is closed
        counters = self._source.counters
        self._row.write_facts(
            {
                "unit": self._source.unit,
                "lost": dict(counters.lost),
                "unknown": dict(counters.unknown.most_common(20)),
                "unknown_total": counters.unknown.total(),
                "error_frames": counters.error_frames,
                "late_ns": counters.late_ns,
                "outages": self._link.outages,
                "tier": getattr(self._source, "tier", ""),
                "link": self._link.facts(self._clock.monotonic_ns()),
            }
        )

    def _continue_predecessor(self) -> None:
        """Go on from where a process that was killed left off, so that totals stay totals."""
        if isinstance(self._source, RecordedSource):
            # What the predecessor published is played and counted again, but not published.
            self._source.skip(self._writer.position)
            self._row.numbers["produced"] = self._writer.position
            return
        row, counters, facts = self._row.numbers, self._source.counters, self._row.read_facts()
        counters.received, counters.delivered = int(row["received"]), int(row["delivered"])
        counters.lost = Counter(facts.get("lost", {}))
        unreported = int(row["lost"]) - counters.lost.total()
        if unreported:
            counters.lost["before restart"] += unreported
        counters.unknown = Counter(facts.get("unknown", {}))
        counters.error_frames = facts.get("error_frames", 0)
        counters.late_ns = facts.get("late_ns", 0)
        self._link.entered.update(facts.get("link", {}).get("entered", {}))
        self._link.outages = facts.get("outages", 0)
