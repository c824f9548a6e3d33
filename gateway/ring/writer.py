"""The producer's end of a lane."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gateway.clock import NS_PER_MS
from gateway.errors import RingClosed, RingError, RingTimeout
from gateway.ring.deadline import Deadline
from gateway.ring.lane import Lane
from gateway.ring.layout import LaneFlag
from gateway.ring.memory import SharedMemory
from gateway.ring.spec import ReaderSpec
from gateway.ring.tenancy import Place

_CLOSED = int(LaneFlag.CLOSED)
_READERS = -int(LaneFlag.READER_WAITS)
"""Masks the flags of all readers."""

_YIELDS = 10
"""How often to let others run, and look again, before going to sleep."""

_NAP_NS = NS_PER_MS
"""How long a producer waits for half of its lane before it is content with one slot."""

_LOOK_NS = 20 * NS_PER_MS
"""How often a producer that waits for readers looks whether they are still alive."""


class Writer:
    """Puts records into one lane. Made by `Ring.writer`, used by one thread.

    As a context manager it declares the end of the stream on leaving, but after an exception it
    only gives the lane up, for a successor to go on.
    """

    def __init__(
        self,
        memory: SharedMemory,
        dtype: np.dtype[np.void],
        lane: Lane,
        readers: Sequence[ReaderSpec],
        places: Sequence[Place],
        stirs: Callable[[NDArray[np.void]], int] | None,
    ) -> None:
        if not lane.tenant.take():
            raise RingError(f"lane {lane.index} has a producer that is alive")
        self._bytes = memory.bytes
        self._words = memory.words
        self._dtype = dtype
        self._size = dtype.itemsize
        self._lane = lane
        self._capacity = lane.capacity
        self._mask = lane.capacity - 1
        self._data = lane.at.data
        self._flags_at = lane.at.flags
        self._published_at = lane.at.published
        self._dozing_at = lane.at.dozing
        self._stirs = stirs
        self._try_lock, self._release = lane.guard.try_lock, lane.guard.release
        mine = [(r, spec) for r, spec in enumerate(readers) if spec.reads(lane.index)]
        self._lossless = [
            (r, places[r], spec.orphan_timeout_ns) for r, spec in mine if spec.lossless
        ]
        self._lapping = len(self._lossless) < len(mine)
        self._limit = 0  # how far it may publish as far as it knows; there may be more room
        self._is_detached = False
        with lane.guard:
            lane.open()

    @property
    def position(self) -> int:
        """Where in the lane the next record will stand; what was put so far, by all producers."""
        return self._words[self._published_at]

    def put(
        self, records: NDArray[np.void], timeout_ns: int | None = None, wake: bool = True
    ) -> int:
        """Publish *records*, waiting for lossless readers to make room.

        Args:
            records: A one-dimensional array of the ring's type; any number of them, also more
                than the lane holds.
            timeout_ns: How long to wait in all, in nanoseconds; None: for ever.
            wake: Whether readers that sleep are woken at once. If not, they may sleep on until
                `wake_readers`.

        Returns:
            The number of records.

        Raises:
            RingTimeout: There was not enough room in time. Its `published` says how many of the
                records, from the first on, were published all the same.
            RingClosed: The lane was closed, by this writer or by the supervisor. Nothing of the
                piece at hand was published; `published` says how many were before it.
        """
        if records.dtype is not self._dtype or records.ndim != 1:
            self._check_type(records)
        count = len(records)
        head = self._words[self._published_at]
        if head + count > self._limit or (head & self._mask) + count > self._capacity:
            return self._put_in_pieces(records, timeout_ns, wake=wake)
        self._publish(records, head, count, wake)
        return count

    def wake_readers(self) -> None:
        """Wake the readers that sleep."""
        with self._lane.guard:
            flags = self._words[self._flags_at]
            if flags & _READERS:
                self._lane.ring_bells(flags)

    def _check_type(self, records: NDArray[np.void]) -> None:
        if records.dtype != self._dtype or records.ndim != 1:
            what = f"{records.ndim} dimensions of {records.dtype}"
            raise ValueError(f"got {what}, expected one dimension of {self._dtype}")

    def _publish(self, records: NDArray[np.void], head: int, count: int, wake: bool) -> None:
        """Publish *count* records from position *head* on; the slots are free and in one piece."""
        if self._lapping:
            # Lossy readers copy under the guard. From here on they leave these slots alone, also
            # if we die in the middle of the copy.
            with self._lane.guard:
                self._words[self._lane.at.claimed] = head + count
        start = self._data + (head & self._mask) * self._size
        stop = start + count * self._size
        try:
            # Not through a numpy view: assigning 1,024 structured records takes 20 times as long.
            self._bytes[start:stop] = records  # type: ignore[call-overload]
        except ValueError:  # they do not lie side by side
            self._bytes[start:stop] = records.tobytes()
        # See `Lane` for why the copy is complete before anybody sees the new position.
        error = self._try_lock()
        if error:
            self._lane.guard.settle(error)
        try:
            flags = self._words[self._flags_at]
            if flags:
                if flags & _CLOSED:
                    raise RingClosed(f"lane {self._lane.index} is closed")
                if wake and flags & _READERS:
                    self._lane.ring_bells(flags)
            if self._words[self._dozing_at]:
                self._rouse(records, head + count)
            self._words[self._published_at] = head + count
        finally:
            self._release()

    def _rouse(self, records: NDArray[np.void], end: int) -> None:
        """Wake those who doze and are stirred by *records*, up to *end*. The guard is held."""
        flags = _READERS
        if self._stirs is not None and end < self._words[self._lane.at.rouse_at]:
            flags = self._stirs(records) * LaneFlag.READER_WAITS
        if flags:
            self._lane.rouse(flags)

    def _put_in_pieces(
        self, records: NDArray[np.void], timeout_ns: int | None, *, wake: bool
    ) -> int:
        if self._is_detached:
            raise RingClosed(f"this writer of lane {self._lane.index} was closed")
        deadline = Deadline(timeout_ns)
        done = 0
        try:
            while done < len(records):
                head = self._words[self._published_at]
                if head >= self._limit:
                    self._wait_for_room(head, deadline)
                room = min(self._limit - head, self._capacity - (head & self._mask))
                piece = records[done : done + room]
                self._publish(piece, head, len(piece), wake)
                done += len(piece)
        except (RingTimeout, RingClosed) as error:
            error.published = done
            raise
        return done

    def _wait_for_room(self, head: int, deadline: Deadline) -> None:
        lane = self._lane
        # At first, do not get up for a single slot: readers that are busy make room for many in
        # the time that one wake-up takes.
        room, nap = max(self._capacity // 2, 1), _NAP_NS
        yields = _YIELDS
        while True:
            lane.room.clear()
            with lane.guard:
                if lane.is_closed:
                    raise RingClosed(f"lane {lane.index} is closed")
                # Without anybody to wait for, a lane's length from here and no more: a reader may
                # begin at the newest record after this look, and must not be overrun.
                self._limit = min(self._cursors(), default=head) + self._capacity
                if self._limit > head:
                    return
                self._words[lane.at.wanted] = head - self._capacity + room
                lane.ring_bells(self._words[self._flags_at])  # in their sleep they make no room
            left = deadline.left_ns()
            if yields and left != 0:
                yields -= 1
                os.sched_yield()
                continue
            if self._free_the_dead(head):
                continue
            if left == 0:
                raise RingTimeout(f"lane {lane.index} is full")
            lane.room.wait(nap if left is None else min(left, nap))
            room, nap = 1, _LOOK_NS

    def _cursors(self) -> list[int]:
        accounts = [self._lane.account(reader) for reader, _, _ in self._lossless]
        return [account.cursor for account in accounts if not account.freed]

    def _free_the_dead(self, head: int) -> bool:
        """Free readers that hold this lane back, and whose time to be replaced is over."""
        freed = False
        for reader, place, orphan_timeout_ns in self._lossless:
            if orphan_timeout_ns is None or not place.take():
                continue
            try:
                with self._lane.guard:
                    account = self._lane.account(reader)
                    holds_back = not account.freed and account.cursor + self._capacity <= head
                    if holds_back and place.is_orphan(orphan_timeout_ns, time.monotonic_ns()):
                        self._lane.free_account(reader)
                        freed = True
            finally:
                place.leave()
        return freed

    def close(self) -> None:
        """Declare the end of this lane's stream, and give the lane up."""
        if not self._is_detached:
            with self._lane.guard:
                self._lane.close()
            self.detach()

    def detach(self) -> None:
        """Give the lane up without an end of stream: a successor goes on where this one stopped."""
        self._is_detached = True
        self._limit = -1  # leads every put to the check of the line above
        self._lane.tenant.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.detach()
