"""Locks and events between processes: what an operation costs, and how soon it wakes another.

For `ipc.py`. The classic table, with the ring's own lock and event among them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import statistics
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from gateway.ring import Event, RobustLock
from gateway.ring.memory import SharedMemory

OPERATIONS = 20_000
WAKE_UPS = 300
PAUSE_NS = 200_000
"""Between wake-ups, so that who is woken does sleep."""


def robust_lock() -> RobustLock:
    """Return a lock of the ring's kind, in memory of its own."""
    memory = SharedMemory(64, 64)
    lock = RobustLock(memory, 0, create=True)
    memory.close()
    return lock


def operations(rounds: int) -> dict[str, float]:
    """Return nanoseconds by operation, medians of *rounds*; nobody competes for the lock."""
    lock, rlock, robust = multiprocessing.Lock(), multiprocessing.RLock(), robust_lock()
    semaphore, value = multiprocessing.Semaphore(), multiprocessing.Value("q")
    theirs, ours = multiprocessing.Event(), Event()

    def pair(one: Callable[[], object], two: Callable[[], object]) -> Callable[[], None]:
        def both() -> None:
            one()
            two()

        return both

    def within(guard: AbstractContextManager[object, object]) -> Callable[[], None]:
        def enter() -> None:
            with guard:
                pass

        return enter

    def increment() -> None:
        with value.get_lock():
            value.value += 1

    contestants = {
        "Lock, acquire and release": pair(lock.acquire, lock.release),
        "Lock, with": within(lock),
        "RLock, acquire and release": pair(rlock.acquire, rlock.release),
        "Semaphore, acquire and release": pair(semaphore.acquire, semaphore.release),
        "RobustLock (this project), acquire and release": pair(robust.acquire, robust.release),
        "RobustLock (this project), with": within(robust),
        "Value, += 1 under its lock": increment,
        "Event, set and clear": pair(theirs.set, theirs.clear),
        "Event (this project), set and clear": pair(ours.set, ours.clear),
    }
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, operation in contestants.items():
            seconds = timeit.timeit(operation, number=OPERATIONS)
            took[name].append(seconds / OPERATIONS * 1e9)
    ours.close()
    return {name: statistics.median(ns) for name, ns in took.items()}


class Signal(Protocol):
    """Something by which one process wakes another."""

    def wake(self) -> object:
        """Wake the other one."""
        ...

    def wait(self) -> object:
        """Wait to be woken, and be ready to wait again."""
        ...


class SemaphoreSignal:
    """Wake by a multiprocessing.Semaphore."""

    def __init__(self) -> None:
        self._semaphore = multiprocessing.Semaphore(0)

    def wake(self) -> None:
        """Release it."""
        self._semaphore.release()

    def wait(self) -> None:
        """Acquire it."""
        self._semaphore.acquire()


class EventSignal:
    """Wake by a multiprocessing.Event."""

    def __init__(self) -> None:
        self._event = multiprocessing.Event()

    def wake(self) -> None:
        """Set it."""
        self._event.set()

    def wait(self) -> None:
        """Wait, and clear it."""
        self._event.wait()
        self._event.clear()


class OwnEventSignal:
    """Wake by the ring's event."""

    def __init__(self) -> None:
        self._event = Event()

    def wake(self) -> None:
        """Set it."""
        self._event.set()

    def wait(self) -> None:
        """Wait, and clear it."""
        self._event.wait()
        self._event.clear()


class PipeSignal:
    """Wake by a byte through a pipe."""

    def __init__(self) -> None:
        self._ends = os.pipe()

    def wake(self) -> None:
        """Send a byte."""
        os.write(self._ends[1], b"!")

    def wait(self) -> None:
        """Receive it."""
        os.read(self._ends[0], 1)


class QueueSignal:
    """Wake by an object through a multiprocessing.Queue."""

    def __init__(self) -> None:
        self._queue: Any = multiprocessing.Queue()

    def wake(self) -> None:
        """Put something."""
        self._queue.put(None)

    def wait(self) -> None:
        """Get it."""
        self._queue.get()


SIGNALS: dict[str, Callable[[], Signal]] = {
    "Semaphore, acquire and release": SemaphoreSignal,
    "Event, set and clear": EventSignal,
    "Event (this project), set and clear": OwnEventSignal,
    "os.pipe, a byte": PipeSignal,
    "Queue, an object": QueueSignal,
}


def wake_ups(rounds: int) -> dict[str, tuple[float, float]]:
    """Return p50 and p99 of the microseconds from one process's call to the other's return."""
    took: dict[str, list[float]] = {name: [] for name in SIGNALS}
    for _ in range(rounds):
        for name, kind in SIGNALS.items():
            took[name] += round_trips(kind)
    quantiles = {name: statistics.quantiles(us, n=100) for name, us in took.items()}
    return {name: (found[49], found[98]) for name, found in quantiles.items()}


def round_trips(kind: Callable[[], Signal]) -> list[float]:
    """Return half the microseconds of each of `WAKE_UPS` round trips through two signals."""
    there, back = kind(), kind()
    with echo(there, back):
        took = []
        for _ in range(WAKE_UPS):
            resume = time.monotonic_ns() + PAUSE_NS
            while time.monotonic_ns() < resume:
                os.sched_yield()
            began = time.monotonic_ns()
            there.wake()
            back.wait()
            took.append((time.monotonic_ns() - began) / 2e3)
    return took


@contextmanager
def echo(there: Signal, back: Signal) -> Iterator[None]:
    """Run a process that answers every signal *there* with one *back*."""
    pid = os.fork()
    if pid == 0:
        while True:
            there.wait()
            back.wake()
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
