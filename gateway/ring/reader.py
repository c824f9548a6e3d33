"""A reader's end of all its lanes."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np

from gateway.errors import RingClosed, RingError, RingEvicted, RingTimeout
from gateway.ring.batch import Batch
from gateway.ring.deadline import Deadline
from gateway.ring.event import Event
from gateway.ring.lane import Lane
from gateway.ring.layout import LaneFlag
from gateway.ring.memory import SharedMemory
from gateway.ring.spec import ReaderSpec
from gateway.ring.tenancy import Place

_WRITER_WAITS = int(LaneFlag.WRITER_WAITS)

NO_LIMIT = 1 << 62


class _Account:
    """This reader's side of one lane, with what it knows of it.

    `cursor` and `lost` are its own: nobody else changes them. `end` is what was published when it
    last looked; there may be more by now.
    """

    def __init__(self, lane: Lane, reader: int) -> None:
        self.lane = lane
        self.guard = lane.guard
        self.acquire, self.release = lane.guard.acquire, lane.guard.release
        self.data = lane.at.data
        self.state_at = lane.at.accounts[reader]
        self.published_at = lane.at.published
        self.flags_at = lane.at.flags
        with lane.guard:
            self.state, known = lane.reopen_account(reader)
            self.end = lane.published
            self.closed = lane.is_closed
        self.cursor, self.lost = known.cursor, known.lost

    @property
    def cursor_at(self) -> int:
        return self.state_at + 1 + 2 * self.state


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
        self._bytes = memory.bytes
        self._words = memory.words
        self._dtype = dtype
        self._size = dtype.itemsize
        self._capacity = lanes[0].capacity
        self._number = number
        self._name = spec.name
        self._lossless = spec.lossless
        self._partition = spec.partition
        self._place = place
        self._bell = bell
        self._accounts = [_Account(lane, number) for lane in lanes if spec.reads(lane.index)]
        self._next = 0
        self._pending: tuple[_Account, Batch] | None = None

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
            account, batch = self._take(max_records, timeout_ns)
            if self._lossless:
                # Somebody who freed our place while we copied let the producer write there.
                with account.guard:
                    self._refresh(account)
            self._pending = account, batch
        return self._pending[1]

    def commit(self) -> None:
        """Take what `peek` returned last: it will not be seen again, and its slots are free.

        Raises:
            RingEvicted: This reader was taken for dead; the records count as lost.
        """
        if self._pending is not None:
            account, batch = self._pending
            self._pending = None
            self._commit(account, batch)

    def get(self, max_records: int = NO_LIMIT, timeout_ns: int | None = None) -> Batch:
        """Return records and take them, in one step; see `peek` and `commit`.

        If this process dies before it is done with them, nobody gets them again.
        """
        if self._pending is not None:
            batch = self._pending[1]
            self.commit()
            return batch
        account, batch = self._take(max_records, timeout_ns)
        self._commit(account, batch)
        return batch

    def arm(self) -> bool:
        """Prepare to wait for `fileno` in a selector; return True if there is no need to wait.

        Usage: ``if reader.arm() or selector.select(): batch = reader.peek(timeout_ns=0)``. `peek`
        may still raise RingTimeout then: a wake-up too many is possible, one too few is not.

        Raises:
            RingClosed: As for `peek`.
            RingEvicted: As for `peek`.
        """
        if self._pending is not None:
            return True
        # Clear before looking: what is published between the two sets it again.
        self._bell.clear()
        for account in self._accounts:
            with account.guard:
                self._refresh(account)
                if account.end > account.cursor:
                    return True
                account.lane.set_flag(LaneFlag.READER_WAITS << self._number)
        if all(account.closed for account in self._accounts):
            raise RingClosed("end of stream")
        return False

    def fileno(self) -> int:
        """The descriptor that becomes readable after `arm` when there may be something."""
        return self._bell.fileno()

    def _take(self, max_records: int, timeout_ns: int | None) -> tuple[_Account, Batch]:
        taken = self._scan(max_records)
        if taken:
            return taken
        deadline = Deadline(timeout_ns)
        while True:
            if not self.arm():
                left = deadline.left_ns()
                if left == 0 or not self._bell.wait(left):
                    raise RingTimeout("no records")
            taken = self._scan(max_records)
            if taken:
                return taken

    def _scan(self, max_records: int) -> tuple[_Account, Batch] | None:
        """Copy records from the next lane that has some for this reader."""
        for turn in range(len(self._accounts)):
            account = self._accounts[(self._next + turn) % len(self._accounts)]
            batch = self._copy(account, max_records)
            if batch is not None:
                self._next = (self._next + turn + 1) % len(self._accounts)
                return account, batch
        return None

    def _copy(self, account: _Account, max_records: int) -> Batch | None:
        """Copy records from a lane, up to the end of its slots."""
        if self._lossless:
            if account.end == account.cursor:
                with account.guard:
                    self._refresh(account)
            start = account.cursor
            end = min(account.end, start + max_records)
            # Without the guard: the producer waits for our cursor before it reuses the slots.
            raw, end = self._slots(account, start, end)
        else:
            with account.guard:
                self._refresh(account)
                start = max(account.cursor, account.lane.oldest())
                end = min(account.end, start + max_records)
                # Under the guard: the producer claims slots under it before it overwrites them.
                raw, end = self._slots(account, start, end)
        if not raw:
            return None
        records = np.frombuffer(raw, self._dtype)
        batch = Batch(records, account.lane.index, start, end, start - account.cursor)
        if self._partition is not None:
            kept = self._partition.select(records)
            if len(kept) == 0:
                self._commit(account, batch)
                return None
            if len(kept) < len(records):
                batch.records, batch.kept = records[kept], kept
        return batch

    def _slots(self, account: _Account, start: int, end: int) -> tuple[bytes, int]:
        slot = start & (self._capacity - 1)
        count = min(end - start, self._capacity - slot)
        at = account.data + slot * self._size
        return self._bytes[at : at + count * self._size], start + count

    def _refresh(self, account: _Account) -> None:
        """Look at the lane again; the caller holds its guard."""
        if self._words[account.state_at] != account.state:
            self._evicted()
        account.end = self._words[account.published_at]
        account.closed = account.lane.is_closed

    def _commit(self, account: _Account, batch: Batch) -> None:
        account.acquire()
        try:
            self._refresh(account)
            if self._words[account.flags_at] & _WRITER_WAITS:
                account.lane.call_writer()
            if batch.lost:
                account.lost += batch.lost
                account.state = account.lane.change_account(self._number, batch.end, account.lost)
            else:
                self._words[account.cursor_at] = batch.end
            account.cursor = batch.end
        finally:
            account.release()

    def _evicted(self) -> None:
        self._place.leave()
        raise RingEvicted(f"the place of reader {self._name} was freed")

    def close(self) -> None:
        """Give the place up: no producer waits for it; what was not taken counts as lost."""
        for account in self._accounts:
            with account.guard:
                account.lane.free_account(self._number)
        self.detach()

    def detach(self) -> None:
        """Leave the place to a successor, as if this reader had died."""
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
