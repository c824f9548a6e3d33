"""Where a reader is in one lane."""

from __future__ import annotations

import numpy as np

from gateway.errors import RingEvicted
from gateway.ring.batch import Batch
from gateway.ring.lane import Lane
from gateway.ring.layout import LaneFlag
from gateway.ring.memory import SharedMemory
from gateway.ring.spec import ReaderSpec

_CLOSED = int(LaneFlag.CLOSED)


class Cursor:
    """A reader's side of one lane.

    Its account in the shared memory is changed by nobody else, but for being freed; so what it
    knows of it is right as long as the account's state is the one it remembers.

    Attributes:
        position: Of the first record that was not read.
        end: What was published when it last looked; there may be more by now.
        is_closed: Whether the lane's end of stream was declared when it last looked.
    """

    def __init__(
        self,
        memory: SharedMemory,
        dtype: np.dtype[np.void],
        lane: Lane,
        number: int,
        spec: ReaderSpec,
    ) -> None:
        self._bytes = memory.bytes
        self._words = memory.words
        self._dtype = dtype
        self._size = dtype.itemsize
        self._lane = lane
        self._index = lane.index
        self._capacity = lane.capacity
        self._data = lane.at.data
        self._try_lock, self._release = lane.guard.try_lock, lane.guard.release
        self._number = number
        self._name = spec.name
        self._lossless = spec.lossless
        self._state_at = lane.at.accounts[number]
        self._published_at = lane.at.published
        self._wanted_at = lane.at.wanted
        self._flags_at = lane.at.flags
        self._flag = LaneFlag.READER_WAITS << number
        with lane.guard:
            lane.wake(self._flag)  # its predecessor may have been killed in its sleep
            account = lane.reopen_account(number)
            self._remember_state()
            self.position, self._lost = account.cursor, account.lost
            self.end = lane.published
            self.is_closed = lane.is_closed
        # Of the first record that was read and not taken, and what was missed since; see `advance`.
        self._taken = self.position
        self._missed = 0

    def copy(self, max_records: int) -> Batch | None:
        """Copy what there is from `position` on, up to the end of the slots; None: nothing."""
        if self.position == self.end and not self.has_news:
            return None
        if self._lossless:
            if self.position == self.end:
                self.look()
            # Without the guard: the producer waits for our cursor before it reuses the slots.
            # Whether it still does is made sure by `look` or `commit` before the records are used.
            return self._cut(self.position, max_records)
        # Under the guard: the producer claims slots under it before it overwrites them.
        with self._lane.guard:
            self._look()
            return self._cut(max(self.position, self._lane.oldest()), max_records)

    def _cut(self, start: int, max_records: int) -> Batch | None:
        count = self.end - start
        if count <= 0:
            return None
        if count > max_records:
            count = max_records
        slot = start & (self._capacity - 1)
        if count > self._capacity - slot:
            count = self._capacity - slot
        at = self._data + slot * self._size
        # Reading a slice of the mmap is one memcpy; a structured array's copy() takes 15 times
        # as long.
        records = np.frombuffer(self._bytes[at : at + count * self._size], self._dtype)
        return Batch(records, self._index, start, start + count, start - self.position)

    def commit(self, end: int, lost: int) -> None:
        """Take the records up to *end*, of which *lost* were missed.

        Raises:
            RingEvicted: The account was freed; the records count as lost.
        """
        error = self._try_lock()
        if error:
            self._lane.guard.settle(error)
        try:
            if self._words[self._state_at] != self._state:
                raise RingEvicted(f"the place of reader {self._name} was freed")
            self.end = self._words[self._published_at]
            if self.position < self._words[self._wanted_at] <= end:
                self._lane.room.set()
            if lost:
                self._lost += lost
                self._lane.change_account(self._number, end, self._lost)
                self._remember_state()
            else:
                self._words[self._cursor_at] = end
            self.position = self._taken = end
        finally:
            self._release()

    def advance(self, batch: Batch) -> None:
        """Go on behind *batch*, which `copy` returned last; `commit_read` takes it later."""
        self._missed += batch.lost
        self.position = batch.end

    @property
    def is_ahead(self) -> bool:
        """Whether there are records that were read and not taken."""
        return self.position > self._taken

    def commit_read(self) -> None:
        """Take all that was advanced over.

        Raises:
            RingEvicted: The account was freed; the records count as lost.
        """
        end, missed = self.position, self._missed
        self.position, self._missed = self._taken, 0
        self.commit(end, missed)

    def look(self) -> None:
        """See what is new.

        Raises:
            RingEvicted: The account was freed; what was copied may be torn.
        """
        with self._lane.guard:
            self._look()

    @property
    def has_more(self) -> bool:
        """Whether there seems to be something new. Without the guard, so no more than a hint."""
        return self._words[self._published_at] != self.position

    @property
    def has_news(self) -> bool:
        """Whether a look would show anything new. A hint likewise: what it misses comes later."""
        words = self._words
        return (
            words[self._published_at] != self.end
            or words[self._state_at] != self._state
            or bool(words[self._flags_at] & _CLOSED) is not self.is_closed
        )

    def arm(self) -> bool:
        """Ask to be woken by the next record; return True if there are some already."""
        with self._lane.guard:
            self._look()
            self._lane.wake(self._flag)
            if self.end > self.position:
                return True
            self._lane.set_flag(self._flag)
            return False

    def doze(self) -> bool:
        """Ask to be woken by what stirs this reader; return True if there are records already."""
        with self._lane.guard:
            self._look()
            if self.end > self.position:
                return True
            self._lane.doze(self._flag)
            return False

    def wake(self) -> None:
        """Take `doze` back."""
        if self._lane.dozing & self._flag:
            with self._lane.guard:
                self._lane.wake(self._flag)

    def free(self) -> None:
        """Let no producer wait for this reader any more; what it has not taken counts as lost."""
        with self._lane.guard:
            self._lane.free_account(self._number)

    def _look(self) -> None:
        """See what is new. The caller holds the guard."""
        if self._words[self._state_at] != self._state:
            raise RingEvicted(f"the place of reader {self._name} was freed")
        self.end = self._words[self._published_at]
        self.is_closed = self._lane.is_closed

    def _remember_state(self) -> None:
        self._state = self._words[self._state_at]
        self._cursor_at = self._lane.cursor_at(self._number)
