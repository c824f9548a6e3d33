"""A recording as a source: played at their own pace, at another, or as fast as it goes."""

from __future__ import annotations

import select
from collections.abc import Callable, Collection, Generator, Mapping
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gateway.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, Clock
from gateway.counters import Counters
from gateway.errors import LinkClosedError
from gateway.record import SAMPLE, Samples
from gateway.sources.link import NO_STATES, LinkState
from gateway.sources.ticks import Ticker
from gateway.sources.tracks import Chunk, Track

MOST_RECORDS = 1024
"""Records that one `read` decodes at most: enough for full speed, few enough to stop soon."""

PACE_NS = 2 * NS_PER_MS
"""Records are handed out at multiples of this after the beginning, those that have become due
together: waking up for each frame of a busy bus would cost more than decoding it. So a record
is up to this late by intention."""

_NO_TIMES = np.empty(0, np.int64)


def wait_ns(ns: int) -> None:
    """Let *ns* nanoseconds pass."""
    select.select([], [], [], ns / NS_PER_S)


class RecordedSource:
    """A recording as a `Source`. Entering it again plays it again, from the beginning.

    Pace is kept by absolute deadlines: a record is due at the moment of the first `read` plus its
    distance from the first record, divided by the speed. So whatever makes one record late does
    not delay those after it; the worst lateness is in ``counters.late_ns``.

    Args:
        name: The source's name.
        index: Its position in the configuration.
        track: What is played.
        speed: Times real time, None for as fast as it goes.
        clock: Where "now" comes from.
        wait: Called with nanoseconds to let pass.
    """

    live = False

    def __init__(
        self,
        name: str,
        index: int,
        track: Track,
        speed: float | None = None,
        clock: Clock = SYSTEM_CLOCK,
        wait: Callable[[int], None] = wait_ns,
    ) -> None:
        self.name = name
        self.signals = track.signals
        self.counters = Counters()
        self.unit = track.unit
        self._index = index
        self._track = track
        self._speed = speed
        self._clock = clock
        self._wait = wait
        self._chunks: Generator[Chunk, None, None] | None = None
        self._to_skip = 0

    def select(self, wanted: Collection[int]) -> None:
        """See `Source`."""
        self._track.select(wanted)

    def __enter__(self) -> Self:
        """See `Source`. The files are opened when they are first read."""
        self._chunks = self._track.chunks(self.counters)
        self._ticker = Ticker(self._index)
        self._t_ns: NDArray[np.int64] = _NO_TIMES
        self._next = 0
        self._latest_ns: int | None = None
        self._first_ns: int | None = None
        self._began_ns = 0
        self._ended = False
        return self

    def skip(self, samples: int) -> None:
        """Pass over so many samples, as fast as it goes, when next entered; pace begins after them.

        So a process that takes the place of one that was killed goes on where that one was: the
        samples of a recording, ticks included, are the same every time.
        """
        self._to_skip = samples

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._chunks:
            self._chunks.close()
        self._chunks = None

    def fileno(self) -> int | None:
        """Return None: a file is always ready, the time for its next record is not."""
        return None

    def progress(self) -> float:
        """Return how much of the recording has been read, 0.0..1.0."""
        return self._track.progress()

    def read(self, timeout_ns: int) -> Samples | None:
        """See `Source`. Ticks are among the samples, see `Ticker`.

        Raises:
            LinkClosedError: Called outside the ``with`` block.
            RecordingError: A file has gone since the source was made.
        """
        if self._chunks is None:
            raise LinkClosedError(f"{self.name}: read outside its with block")
        if not self._load(self._chunks):
            if self._ended:
                return None
            self._ended = True
            return self._without_skipped(self._ticker.end())
        begin = self._next
        end = min(begin + MOST_RECORDS, len(self._t_ns))
        if self._speed is not None and not self._to_skip:
            end = self._due(begin, end, self._speed, timeout_ns)
        if begin == end:
            return np.empty(0, SAMPLE)
        self._next = end
        samples = self._ticker.weave(
            self._t_ns[begin:end], lambda a, b: self._decode(begin + a, begin + b)
        )
        return self._without_skipped(samples)

    def link_states(self) -> Mapping[LinkState, str]:
        """See `Source`. A file is no link."""
        return NO_STATES

    def _without_skipped(self, samples: Samples) -> Samples:
        skipped = min(self._to_skip, len(samples))
        self._to_skip -= skipped
        return samples[skipped:]

    def _load(self, chunks: Generator[Chunk, None, None]) -> bool:
        """Have a chunk with records that were not yet read; False at the end."""
        while self._next == len(self._t_ns):
            chunk = next(chunks, None)
            if chunk is None:
                return False
            self._t_ns, self._decode = chunk
            self._next = 0
            if self._speed is not None and len(self._t_ns):
                # When each record is due: where the recording's time goes back, time stands still.
                before_ns = self._t_ns[0] if self._latest_ns is None else self._latest_ns
                self._due_ns = np.maximum.accumulate(np.maximum(self._t_ns, before_ns))
                self._latest_ns = int(self._due_ns[-1])
        return True

    def _due(self, begin: int, end: int, speed: float, timeout_ns: int) -> int:
        """Return the record before which to stop: those from *begin* on that are due by now.

        Waits for the first of them, not longer than *timeout_ns*.
        """
        if self._first_ns is None:
            self._first_ns = int(self._due_ns[begin])
            self._began_ns = self._clock.monotonic_ns()
        due_ns = self._began_ns + int((int(self._due_ns[begin]) - self._first_ns) / speed)
        now_ns = self._clock.monotonic_ns()
        wake_ns = due_ns + (self._began_ns - due_ns) % PACE_NS
        if timeout_ns > 0 and now_ns < wake_ns:
            self._wait(min(wake_ns - now_ns, timeout_ns))
            now_ns = self._clock.monotonic_ns()
        if now_ns < due_ns:
            return begin
        self.counters.late_ns = max(self.counters.late_ns, now_ns - due_ns)
        come_ns = self._first_ns + int((now_ns - self._began_ns) * speed)
        due = np.searchsorted(self._due_ns[begin:end], come_ns, side="right")
        return begin + max(int(due), 1)
