"""The process's one loop: descriptors that are ready, and moments that are due."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Protocol, Self

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Settler(Protocol):
    """Something that works in rounds."""

    def settle(self) -> int | None:
        """Do what has become possible or due; return when (monotonic ns) to be called again."""
        ...


class StopSignals:
    """While entered, SIGINT and SIGTERM make `fd` readable instead of ending the process."""

    def __enter__(self) -> Self:
        """Take over the signals."""
        self.fd, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {sign: signal.signal(sign, _noted) for sign in STOP_SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sign, handler in self._before.items():
            signal.signal(sign, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self.fd)
        os.close(self._write)


def _noted(_sign: int, _frame: FrameType | None) -> None:
    """The wake-up descriptor has the signal; a handler must only exist."""


def run(
    selector: selectors.BaseSelector,
    settlers: Sequence[Settler],
    *,
    before: Callable[[], object] = lambda: None,
    stop: Callable[[], bool],
    until_ns: int | None = None,
    clock_ns: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Go round until *stop* says so, after a round, or *until_ns* has come.

    Args:
        selector: Each key's data is called with the events when its descriptor is ready.
        settlers: Called in order, once a round.
        before: Called once a round before what is ready is told: what is due comes first.
        stop: Whether to return.
        until_ns: CLOCK_MONOTONIC at which to return, None for never.
        clock_ns: CLOCK_MONOTONIC.
    """
    while True:
        moments = [settler.settle() for settler in settlers]
        now_ns = clock_ns()
        if stop() or (until_ns is not None and now_ns >= until_ns):
            return
        due = [moment for moment in (*moments, until_ns) if moment is not None]
        timeout = None if not due else max(0, min(due) - now_ns) / 1e9
        ready = selector.select(timeout)
        before()
        for key, events in ready:
            key.data(events)
