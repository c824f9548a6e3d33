"""A reader's end of a ring."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np

from gateway.errors import RingClosed, RingError, RingTimeout
from gateway.ring.batch import Batch
from gateway.ring.cursor import Cursor
from gateway.ring.deadline import Deadline
from gateway.ring.event import Event
from gateway.ring.lane import Lane
from gateway.ring.memory import SharedMemory
from gateway.ring.spec import ReaderSpec
from gateway.ring.tenancy import Place

NO_LIMIT = 1 << 62

_YIELDS = 10
"""How often to let others run, and look again, before going to sleep: some 5 microseconds."""


class Reader:
    """Takes records from the lanes in turn. Made by `Ring.reader`, used by one thread.

    As a context manager it gives its place up on leaving, but after an exception it is kept for
    a successor, which goes on where `commit` was last called.
    """

    def __init__(
        self,
        memory: SharedMemory,
        dtype: np.dtype[np.void],
        lanes: Sequence[Lane],
        number: int,
        spec: ReaderSpec,
        place: Place,
        bell: Event,
    ) -> None:
        if not place.take_soon():
            raise RingError(f"reader {spec.name} is process {place.pid}, which is alive")
        place.move_in()
        self._lossless = spec.lossless
        self._partition = spec.partition
        self._place = place
        self._bell = bell
        self._cursors = [
            Cursor(memory, dtype, lane, number, spec) for lane in lanes if spec.reads(lane.index)
        ]
        self._turn = 0
        self._is_detached = False
        self._pending: tuple[Cursor, Batch] | None = None

    def peek(self, max_records: int = NO_LIMIT, timeout_ns: int | None = None) -> Batch:
        """Return records without taking them: the same again, until `commit` is called.

        The lanes are visited in turn, so that a busy one does not keep the others waiting.

        Args:
            max_records: At most so many records are looked at, at least 1.
            timeout_ns: How long to wait for the first, in nanoseconds; None: for ever.

        Returns:
            One or more records of one lane.

        Raises:
            RingTimeout: Nothing came in time.
            RingClosed: All lanes are closed, and everything in them has been taken.
            RingEvicted: This reader was taken for dead, and its place was freed.
        """
        if self._pending is None:
            self._pending = self._take(max_records, timeout_ns)
        return self._pending[1]

    def commit(self) -> None:
        """Take what `peek` returned last, and all that `read` did: its slots are free.

        Raises:
            RingEvicted: This reader was taken for dead; the records count as lost.
        """
        if self._pending is not None:
            cursor, batch = self._pending
            self._pending = None
            cursor.advance(batch)
        for each in self._cursors:
            if each.is_ahead:
                each.commit_read()

    def read(self, max_records: int = NO_LIMIT, timeout_ns: int | None = None) -> Batch:
        """Return the next records each time, and take none of them before `commit` is called.

        If this process dies before, its successor gets them all again. For who gathers from
        several lanes before anything is done; meanwhile their slots are not free. See `peek` for
        the rest.
        """
        cursor, batch = self._take(max_records, timeout_ns)
        cursor.advance(batch)
        return batch

    def get(self, max_records: int = NO_LIMIT, timeout_ns: int | None = None) -> Batch:
        """Return records and take them, in one step; see `peek` and `commit`.

        If this process dies before it is done with them, nobody gets them again.
        """
        if self._pending is not None:
            batch = self._pending[1]
            self.commit()
            return batch
        cursor, batch = self._scan(max_records) or self._wait(max_records, timeout_ns)
        cursor.commit(batch.end, batch.lost)
        return batch

    def arm(self) -> bool:
        """Prepare to wait for `fileno` in a selector; return True if there is no need to wait.

        Usage: ``if reader.arm() or selector.select(): batch = reader.peek(timeout_ns=0)``. `peek`
        may still raise RingTimeout then: a wake-up too many is possible, one too few is not.

        Raises:
            RingClosed: As for `peek`.
            RingEvicted: As for `peek`.
        """
        # Clear before looking: what is published between the two sets it again.
        self._bell.clear()
        if self._pending is not None or any(cursor.arm() for cursor in self._cursors):
            return True
        if all(cursor.is_closed for cursor in self._cursors):
            raise RingClosed("end of stream")
        return False

    def doze(self, timeout_ns: int) -> None:
        """Sleep until a record comes that stirs this reader, and let all others gather.

        What stirs it the producers find out, see `Ring.writer`. It wakes as well when half of a
        lane is full, when a stream ends, when its place is freed, and after *timeout_ns*. Without
        effect while there are records that were not taken. Producers go on asking what stirs this
        reader until `stay_awake`.

        Who wakes it does so before there is anything to see, so that no kill in between leaves it
        asleep: what follows should wait a moment, as `peek` does with a timeout.

        Raises:
            RingEvicted: As for `peek`.
        """
        # Clear before looking, as in `arm`.
        self._bell.clear()
        news = any(cursor.doze() for cursor in self._cursors)
        if not news and not all(cursor.is_closed for cursor in self._cursors):
            self._bell.wait(timeout_ns)

    def stay_awake(self) -> None:
        """Have no producer ask what stirs this reader: before what says so is changed.

        Not at once after `doze`: woken by one producer, it would wait here for the guards of those
        that publish at the same time.
        """
        for cursor in self._cursors:
            cursor.wake()

    def fileno(self) -> int:
        """The descriptor that becomes readable after `arm` when there may be something."""
        return self._bell.fileno()

    def _take(self, max_records: int, timeout_ns: int | None) -> tuple[Cursor, Batch]:
        cursor, batch = self._scan(max_records) or self._wait(max_records, timeout_ns)
        if self._lossless:
            # If somebody freed our place while we copied, the producer may have written there.
            cursor.look()
        return cursor, batch

    def _wait(self, max_records: int, timeout_ns: int | None) -> tuple[Cursor, Batch]:
        if timeout_ns == 0:
            return self._scan_again(max_records)
        deadline = Deadline(timeout_ns)
        while True:
            self._let_others_run()
            if not self.arm():
                left = deadline.left_ns()
                if left == 0 or not self._bell.wait(left):
                    raise RingTimeout("no records")
            taken = self._scan(max_records)
            if taken is not None:
                return taken

    def _scan_again(self, max_records: int) -> tuple[Cursor, Batch]:
        """Return what `_scan` left in the lanes, if anything; ask no producer to ring the bell."""
        while any(cursor.position < cursor.end for cursor in self._cursors):
            taken = self._scan(max_records)
            if taken is not None:
                return taken
        if all(cursor.is_closed for cursor in self._cursors):
            raise RingClosed("end of stream")
        raise RingTimeout("no records")

    def _let_others_run(self) -> None:
        """Put off going to sleep: a busy producer publishes sooner than it could wake us."""
        for _ in range(_YIELDS):
            os.sched_yield()
            if any(cursor.has_more for cursor in self._cursors):
                return

    def _scan(self, max_records: int) -> tuple[Cursor, Batch] | None:
        """Copy records from the next lane that has some for this reader."""
        cursors = self._cursors
        for _ in cursors:
            cursor = cursors[self._turn]
            self._turn = (self._turn + 1) % len(cursors)
            batch = cursor.copy(max_records)
            if batch is None:
                continue
            if self._partition is not None:
                kept = self._partition.select(batch.records)
                if len(kept) == 0:
                    if cursor.is_ahead:
                        cursor.advance(batch)
                    else:
                        cursor.commit(batch.end, batch.lost)
                    continue
                if len(kept) < len(batch.records):
                    batch.records, batch.kept = batch.records.take(kept), kept
            return cursor, batch
        return None

    def close(self) -> None:
        """Give the place up: no producer waits for it; what was not taken counts as lost."""
        if not self._is_detached:
            for cursor in self._cursors:
                cursor.free()
            self.detach()

    def detach(self) -> None:
        """Leave the place to a successor, as if this reader had died."""
        self._is_detached = True
        self._pending = None
        self._place.leave()

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
