"""A lock between processes whose owner the kernel knows, and releases when it dies."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import time
from types import TracebackType

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.errors import LockHeld
from gateway.ring.memory import SharedMemory

# Calls that never block are made without giving up the GIL (PyDLL), which is a third faster. The
# one that blocks gives it up: the thread that it waits for may need it to get to its release().
_quick = ctypes.PyDLL(None)
_blocking = ctypes.CDLL(None)
_trylock = _quick.pthread_mutex_trylock
_unlock = _quick.pthread_mutex_unlock
_consistent = _quick.pthread_mutex_consistent
_clocklock = _blocking.pthread_mutex_clocklock

# <pthread.h> of glibc, on every architecture.
_PROCESS_SHARED = 1
_ROBUST = 1
_ERRORCHECK = 2
_ATTRIBUTES_SIZE = 64  # pthread_mutexattr_t takes 4 or 8 bytes

_SLICE_NS = 20 * NS_PER_MS
"""How long to sleep for a lock at most before it is tried again.

The kernel wakes one waiter. If that one is killed before it has the lock, while a newcomer takes
it, the newcomer does not know that others still sleep, and wakes nobody. They look for themselves.
"""


_SPINS = 20
"""How often to try again at once: what the ring's locks guard takes less time than a sleep."""


_patience_ns: int | None = None


def wait_at_most(patience_ns: int | None) -> None:
    """Have no lock of this process waited for longer than *patience_ns*; None: as long as it takes.

    For who watches over the others: one of them that was stopped while it held a lock gives it up
    when it is killed, so whoever is to kill it must not wait for the lock. A lock that is not free
    in time raises `LockHeld`. Children inherit this by fork.
    """
    global _patience_ns
    _patience_ns = patience_ns


class _TimeSpec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class RobustLock:
    """A robust, process-shared pthread mutex in shared memory.

    Unlike multiprocessing.Lock it has an owner, a thread. When that thread ends while it holds the
    lock, killed or not, the kernel passes the lock on to the next who wants it, who finds what it
    guards as it was left. It is not re-entrant.

    Taking and releasing it orders memory as well, on every architecture (POSIX, "Memory
    Synchronization"): what a process did before release() is seen by whoever takes the lock next.

    Args:
        memory: Where it lives.
        offset: The first of its 64 bytes there; a multiple of 64.
        create: Make it, unlocked. Once, before any process uses it.
    """

    def __init__(self, memory: SharedMemory, offset: int, *, create: bool = False) -> None:
        self._keep_mapped = memory.bytes
        self._mutex = ctypes.c_void_p(memory.address(offset))
        self.try_lock = functools.partial(_trylock, self._mutex)
        """Take it if it is free and return 0; or else an error number, for `settle`."""
        self.release = functools.partial(_unlock, self._mutex)
        """Give it up; without effect for who does not hold it, who gets an error number."""
        if create:
            self._create()

    def _create(self) -> None:
        attributes = ctypes.create_string_buffer(_ATTRIBUTES_SIZE)
        for step in (
            _quick.pthread_mutexattr_init(attributes),
            _quick.pthread_mutexattr_setpshared(attributes, _PROCESS_SHARED),
            _quick.pthread_mutexattr_setrobust(attributes, _ROBUST),
            _quick.pthread_mutexattr_settype(attributes, _ERRORCHECK),
            _quick.pthread_mutex_init(self._mutex, attributes),
        ):
            _check(step)

    def acquire(self) -> None:
        """Wait for the lock and take it.

        Raises:
            LockHeld: It was not free in time, see `wait_at_most`.
        """
        error = self.try_lock()
        if error:
            self.settle(error)

    def try_acquire(self) -> bool:
        """Take the lock if nobody holds it, this thread included; return whether it was taken."""
        error = self.try_lock()
        if error in (errno.EBUSY, errno.EDEADLK):
            return False
        if error:
            self.settle(error)
        return True

    def settle(self, error: int) -> None:
        """Take the lock after all: wait for it, or make it good again, as *error* asks.

        Apart from `acquire` for the sake of the two places where a function call more would show.
        """
        for _ in range(_SPINS):
            if error != errno.EBUSY:
                break
            error = self.try_lock()
        give_up_ns = None if _patience_ns is None else time.monotonic_ns() + _patience_ns
        while error in (errno.EBUSY, errno.ETIMEDOUT):
            now_ns = time.monotonic_ns()
            if give_up_ns is not None and now_ns >= give_up_ns:
                raise LockHeld("a lock is held by a process that stands still")
            until = now_ns + _SLICE_NS
            limit = _TimeSpec(*divmod(until, NS_PER_S))
            # Not pthread_mutex_timedlock: its limit is on CLOCK_REALTIME, which steps.
            error = _clocklock(self._mutex, time.CLOCK_MONOTONIC, ctypes.byref(limit))
        if error == errno.EOWNERDEAD:
            error = _consistent(self._mutex)
        # EDEADLK: it is this thread's already. An exception from a signal handler came between
        # acquire() and the `try` that would have released it.
        if error != errno.EDEADLK:
            _check(error)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _check(error: int) -> None:
    if error:
        raise OSError(error, os.strerror(error))
