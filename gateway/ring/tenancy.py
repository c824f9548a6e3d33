"""A place that one process holds for as long as it lives."""

from __future__ import annotations

import os
import select

from gateway.ring.layout import PlaceLayout
from gateway.ring.lock import RobustLock
from gateway.ring.words import Words

# A mutex that is held is linked into a list of its thread, which the kernel walks when the thread
# ends: its memory must not be unmapped before, even if everybody else has forgotten it.
_held: set[RobustLock] = set()

_TRIES = 50
_PAUSE_MS = 2


class Tenancy:
    """The right to be *the* producer of a lane or *the* reader of a name.

    It is a robust mutex that is taken and kept, so the kernel ends it when the thread that took it
    ends. A descriptor with a lock on it would not do: a child would inherit it, and keep the place
    of a parent that was killed.
    """

    def __init__(self, lock: RobustLock) -> None:
        self._lock = lock

    def take(self) -> bool:
        """Take the place and return True, or False if a living thread has it (this one, too)."""
        if not self._lock.try_acquire():
            return False
        _held.add(self._lock)
        return True

    def take_soon(self) -> bool:
        """The same, but do not be put off by somebody who only looks whether it is held."""
        for _ in range(_TRIES):
            if self.take():
                return True
            select.poll().poll(_PAUSE_MS)
        return False

    def leave(self) -> None:
        """Give the place up; without effect for a thread that does not have it."""
        if self._lock.release() == 0:
            _held.discard(self._lock)


class Place(Tenancy):
    """A reader's place, which may be kept for a while for the successor of one that died."""

    def __init__(self, lock: RobustLock, words: Words, at: PlaceLayout) -> None:
        super().__init__(lock)
        self._words = words
        self._at = at

    @property
    def pid(self) -> int:
        """Who holds or last held it; 0: nobody ever did."""
        return self._words[self._at.pid]

    def move_in(self) -> None:
        """Note that this process lives here from now on; it has taken the place."""
        self._words[self._at.pid] = os.getpid()
        self._words[self._at.orphaned_ns] = 0

    def is_orphan(self, timeout_ns: int | None, now_ns: int) -> bool:
        """Whether its reader has been found gone for *timeout_ns*. The caller has taken the place.

        A reader that has not come yet is waited for, however long that takes.
        """
        if timeout_ns is None or not self.pid:
            return False
        since_ns = self._words[self._at.orphaned_ns]
        if not since_ns:
            self._words[self._at.orphaned_ns] = since_ns = now_ns
        return now_ns - since_ns >= timeout_ns
