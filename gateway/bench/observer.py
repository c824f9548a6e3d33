"""What happens on the bench's links, seen through the gateway's own readers, decoders and rules.

There is no thread: whoever waits for something calls `Observer.pump`. What comes in between waits
in the sockets' buffers, with the times at which it came; so nothing depends on when it is read,
and what a buffer had no room for is counted. Only a serial line knows no such times: what comes on
it is stamped when it is read.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from gateway.analysis.engine import Engine
from gateway.bench.errors import BenchError
from gateway.bench.history import History
from gateway.bench.holdings import LinkHoldings
from gateway.bench.tap import BusTap
from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.config.model import CanConfig, Config
from gateway.errors import LinkError
from gateway.record import SAMPLE, TICK, Origin, Samples
from gateway.signals import SignalTable
from gateway.sources.base import Source
from gateway.workers.plan import make_plan, make_source

TICK_INTERVAL_NS = 50 * NS_PER_MS
OPEN_WITHIN_NS = 5 * NS_PER_S
RETRY_NS = 50 * NS_PER_MS
LONGEST_WAIT_NS = 10 * NS_PER_MS
"""For sources without a descriptor, which are asked again and again."""


class Observer:
    """Watches all links of a bench from one process and one thread.

    Args:
        config: The sources and rules, the sources as they are on this bench.
        clock: CLOCK_MONOTONIC, on which the links' times are, too.

    Attributes:
        config: As given.
        signals: Every signal that any source can deliver.
        rules: The rules.
        sources: The sources, in the configuration's order.
        samples: What they delivered since `begin`, merged by time.
        frames: The frames on CAN buses since `begin`; ``channel`` is the source's position.
        alarms: The alarm events since `begin`.
        outages: Why each source was lost since `begin`, once for each time.
        seen_ns: Everything that came before this moment has been read.
        holdings: What came with the links whenever they were opened.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self._clock = clock
        plan = make_plan(config, self._make_sources)
        self.config = config
        self.signals = plan.signals
        self.rules = plan.rules
        self.sources = plan.sources
        for source in self.sources:
            source.select({signal.index for signal in source.signals})
        self.samples = History()
        self.frames = History()
        self.alarms: list[np.void] = []
        self.outages: dict[str, list[str]] = {source.name: [] for source in self.sources}
        self.seen_ns = 0
        self.holdings = LinkHoldings()
        self._engine = Engine(self.rules)
        self._early = np.empty(0, SAMPLE)
        self._tick_ns = 0
        self._open: dict[int, Source] = {}
        self._retry_ns = 0
        self._ready = select.poll()
        self._others: list[int] = []

    @property
    def buses(self) -> list[BusTap]:
        """The CAN buses among the sources."""
        return [source for source in self.sources if isinstance(source, BusTap)]

    def open(self) -> None:
        """Open all links; those that are not there yet are waited for.

        Raises:
            BenchError: One of them cannot be opened.
        """
        until_ns = self._clock.monotonic_ns() + OPEN_WITHIN_NS
        while errors := self._open_all():
            if self._clock.monotonic_ns() > until_ns:
                self.close()
                raise BenchError(f"the bench is not complete: {'; '.join(errors)}")
            select.poll().poll(RETRY_NS / NS_PER_MS)

    def close(self) -> None:
        """Close all links. May be called twice."""
        for source in self._open.values():
            source.__exit__(None, None, None)
        self._open.clear()
        self.watch(())

    def begin(self) -> None:
        """Read what waits and forget all that was: a test begins, with all rules at rest."""
        self.pump(0)
        for history in (self.samples, self.frames):
            history.clear()
        self.alarms.clear()
        self._early = self._early[:0]
        self._engine = Engine(self.rules)
        self._engine.feed(self._ticks(self.seen_ns))  # silence counts from here
        self.outages = {source.name: [] for source in self.sources}

    def descriptors(self) -> list[int]:
        """Return those of the open links."""
        found = (source.fileno() for source in self._open.values())
        return [descriptor for descriptor in found if descriptor is not None]

    def watch(self, others: Sequence[int]) -> None:
        """Wake `pump` for these descriptors, too, from now on."""
        self._others = list(others)
        self._ready = select.poll()
        for descriptor in (*self.descriptors(), *others):
            self._ready.register(descriptor, select.POLLIN)

    def pump(self, until_ns: int) -> None:
        """Take what has come; wait for something until *until_ns* if there was nothing.

        It may return early, with nothing new.
        """
        now_ns = self._clock.monotonic_ns()
        if until_ns > now_ns:
            longest_ns = LONGEST_WAIT_NS if self._is_polled else TICK_INTERVAL_NS
            wait_ns = min(until_ns - now_ns, longest_ns)
            self._ready.poll(-(-wait_ns // NS_PER_MS))
            now_ns = self._clock.monotonic_ns()
        if len(self._open) < len(self.sources) and now_ns >= self._retry_ns:
            self._open_all()
        parts = [self._early, *(self._read(n, source) for n, source in list(self._open.items()))]
        self._take(np.concatenate(parts), now_ns)
        self.seen_ns = now_ns

    @property
    def _is_polled(self) -> bool:
        return any(source.fileno() is None for source in self._open.values())

    def _read(self, number: int, source: Source) -> Samples:
        """Read one link until it is empty."""
        parts = []
        try:
            while True:
                before = source.counters.received
                samples = source.read(0)
                if samples is not None:
                    parts.append(samples)
                if source.counters.received == before:
                    break
        except LinkError as error:
            self._lose(number, source, str(error))
        if isinstance(source, BusTap):
            for frames in source.take_frames():
                self.frames.append(frames)
        return np.concatenate(parts) if parts else np.empty(0, SAMPLE)

    def _take(self, samples: Samples, now_ns: int) -> None:
        if len(self.sources) > 1:
            # A link that was read first may get something before the last one is read: such
            # samples wait for the next round, so that those of all links are in order.
            samples = samples[np.argsort(samples["t_ns"], kind="stable")]
            early = int(np.searchsorted(samples["t_ns"], now_ns, side="right"))
            samples, self._early = samples[:early], samples[early:]
        self.samples.append(samples)
        if now_ns >= self._tick_ns:
            self._tick_ns = now_ns + TICK_INTERVAL_NS
            samples = np.append(samples, self._ticks(now_ns))
        if len(samples):
            self.alarms.extend(self._engine.feed(samples))

    def _ticks(self, now_ns: int) -> Samples:
        ticks = np.zeros(len(self.sources), SAMPLE)
        ticks["t_ns"], ticks["signal"], ticks["origin"] = now_ns, TICK, Origin.USER
        ticks["source"] = range(len(self.sources))
        return ticks

    def _open_all(self) -> list[str]:
        """Open the links that are not; return what keeps the others from it."""
        errors = []
        for number, source in enumerate(self.sources):
            if number not in self._open:
                try:
                    with self.holdings.gathering():
                        source.__enter__()
                    self._open[number] = source
                except LinkError as error:
                    errors.append(str(error))
        self._retry_ns = self._clock.monotonic_ns() + RETRY_NS
        self.watch(self._others)
        return errors

    def _lose(self, number: int, source: Source, why: str) -> None:
        del self._open[number]
        self.outages[source.name].append(why)
        with suppress(LinkError):
            source.__exit__(None, None, None)
        self._retry_ns = self._clock.monotonic_ns() + RETRY_NS
        self.watch(self._others)

    def _make_sources(self, config: Config, signals: SignalTable) -> list[Source]:
        return [
            BusTap(each, config, signals, index, self._clock)
            if isinstance(each, CanConfig)
            else make_source(each, config, signals, index)
            for index, each in enumerate(config.source)
        ]
