"""One producer's part of a ring, as every process sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import LockHeld
from gateway.ring.event import Event
from gateway.ring.layout import AccountState, LaneFlag, RingLayout
from gateway.ring.lock import RobustLock
from gateway.ring.memory import SharedMemory
from gateway.ring.statistics import LaneStatistics, ReaderStatistics
from gateway.ring.tenancy import Tenancy

_CLOSED = int(LaneFlag.CLOSED)
_READER_WAITS = int(LaneFlag.READER_WAITS)
_FREED = int(AccountState.FREED)
_SECOND = int(AccountState.SECOND)


@dataclass(frozen=True, slots=True)
class Account:
    """What a reader has had of a lane; it delivered ``cursor - lost``."""

    cursor: int
    lost: int
    freed: bool


class Lane:
    """The header of a lane. Unless it says otherwise, a method's caller holds `guard`.

    **What the guard protects**: every word of the header. It is held for a few stores, and for a
    look at the records where somebody dozes, and never while records are copied by a producer or a
    lossless reader; the records themselves are handed over by the positions: slots from
    ``published`` on belong to the producer, up to the point where they would reach the oldest
    cursor that it waits for; the others belong to the readers.

    **What is left if its holder dies**: nothing to repair. Each change takes effect by storing one
    word, and whoever has to be woken by it is woken *before* that store: a wake-up too many costs
    one look, one too few would be a hang.

    **Why it is right on a weakly ordered processor** (aarch64): a producer copies its records,
    *then* takes the guard, stores ``published`` and releases it; a reader takes the guard, loads
    ``published``, releases it, and *then* copies. Releasing and then taking the same mutex orders
    all before the release ahead of all after the taking, so the reader finds the records complete.
    The way back is the same: a reader copies, then stores its cursor under the guard; the producer
    reuses the slots only after it has seen that cursor under the guard. The flags "somebody sleeps"
    are set and tested under the guard too, so either the sleeper sees the new position or the other
    side sees the flag; this would need a store-load barrier otherwise, on x86-64 as well.

    **Who dozes** has taken all there was, and sleeps on although more comes, until something comes
    that stirs it. What does, it has written down before it says under the guard that it dozes; the
    producer looks there under the guard, in which it then publishes. So no record gets between
    what is written and who sleeps by it; and until its bit is cleared, nothing that was published
    concerns the reader, wherever its cursor is.
    """

    def __init__(
        self,
        memory: SharedMemory,
        layout: RingLayout,
        index: int,
        names: Sequence[str],
        bells: Sequence[Event],
        room: Event,
        *,
        create: bool = False,
    ) -> None:
        self.index = index
        self.capacity = layout.capacity
        self.words = memory.words
        self.at = layout.lane(index)
        self.guard = RobustLock(memory, self.at.guard_lock, create=create)
        self.tenant = Tenancy(RobustLock(memory, self.at.tenant_lock, create=create))
        self.room = room
        self._names = names
        self._bells = bells

    @property
    def published(self) -> int:
        """The position after the newest record."""
        return self.words[self.at.published]

    @property
    def is_closed(self) -> bool:
        """Whether the end of the stream was declared."""
        return bool(self.words[self.at.flags] & _CLOSED)

    def open(self) -> None:
        """Take the end of the stream back: a producer goes on."""
        self.words[self.at.flags] &= ~_CLOSED

    def close(self) -> None:
        """Declare the end of the stream."""
        flags = self.words[self.at.flags]
        self.ring_bells(flags)
        self.rouse(self.words[self.at.dozing])
        self.words[self.at.flags] = flags | _CLOSED

    def ring_bells(self, flags: int) -> None:
        """Wake the readers that sleep according to *flags*, and clear their flags."""
        self._ring(flags)
        self.words[self.at.flags] = flags & _CLOSED

    def _ring(self, flags: int) -> None:
        for reader, bell in enumerate(self._bells):
            if flags & _READER_WAITS << reader:
                bell.set()

    def set_flag(self, flag: int) -> None:
        """Say that a reader is about to sleep."""
        self.words[self.at.flags] |= flag

    def doze(self, flag: int) -> None:
        """Say that a reader, which has looked at everything, sleeps until something stirs it."""
        # By itself it wakes when half of the lane is full: nobody has to wait for it.
        rouse_at = self.published + max(self.capacity // 2, 1)
        if self.dozing:
            rouse_at = min(rouse_at, self.words[self.at.rouse_at])
        self.words[self.at.rouse_at] = rouse_at
        self.words[self.at.flags] &= ~flag
        self.words[self.at.dozing] |= flag

    def rouse(self, flags: int) -> None:
        """Wake those readers among *flags* that doze."""
        self._ring(flags & self.dozing)
        self.wake(flags)

    def wake(self, flags: int) -> None:
        """Say that the readers among *flags* do not doze."""
        self.words[self.at.dozing] &= ~flags

    @property
    def dozing(self) -> int:
        """The flags of the readers that doze. Without the guard, right about the caller only."""
        return self.words[self.at.dozing]

    def account(self, reader: int) -> Account:
        """Return the account of reader number *reader*."""
        at = self.cursor_at(reader)
        freed = bool(self.words[self.at.accounts[reader]] & _FREED)
        return Account(self.words[at], self.words[at + 1], freed)

    def cursor_at(self, reader: int) -> int:
        """Return which word holds the cursor of reader number *reader* at present."""
        at = self.at.accounts[reader]
        return at + 1 + 2 * (self.words[at] & _SECOND)

    def change_account(self, reader: int, cursor: int, lost: int) -> None:
        """Store both numbers at once, the reader not freed."""
        at = self.at.accounts[reader]
        state = (self.words[at] & _SECOND) ^ _SECOND
        which = at + 1 + 2 * state
        self.words[which] = cursor
        self.words[which + 1] = lost
        self.words[at] = state

    def reopen_account(self, reader: int) -> Account:
        """Let a reader begin: where its predecessor stopped, or at the end if that was freed."""
        account = self.account(reader)
        if account.freed:
            end = self.published
            self.change_account(reader, end, account.lost + end - account.cursor)
        return self.account(reader)

    def free_account(self, reader: int) -> None:
        """Do not wait for this reader any more, and wake whoever is waiting: for it, or it."""
        self.room.set()
        self._bells[reader].set()
        self.words[self.at.accounts[reader]] |= _FREED

    def oldest(self) -> int:
        """The first position whose record has not been given up to be overwritten."""
        return max(self.words[self.at.claimed] - self.capacity, 0)

    def consumed(self, readers: Sequence[int]) -> int:
        """Return the position below which no record concerns *readers* any more.

        The least of their cursors, as far as they have one and do not doze. Takes the guard itself.
        """
        words = self.words
        with self.guard:
            dozing = self.dozing
            cursors = [
                words[self.cursor_at(reader)]
                for reader in readers
                if not dozing & _READER_WAITS << reader
                and not words[self.at.accounts[reader]] & _FREED
            ]
            return min(cursors, default=self.published)

    def statistics(self, readers: Sequence[int]) -> LaneStatistics:
        """Return the lane's numbers, with the accounts of *readers*. Takes the guard itself."""
        try:
            self.guard.acquire()
        except LockHeld:
            # Who holds it stands still, so nothing changes; and what it left is whole, see above.
            return self._statistics(readers)
        try:
            return self._statistics(readers)
        finally:
            self.guard.release()

    def _statistics(self, readers: Sequence[int]) -> LaneStatistics:
        published, oldest = self.published, self.oldest()
        accounts = [self.account(reader) for reader in readers]
        return LaneStatistics(
            published=published,
            capacity=self.capacity,
            closed=self.is_closed,
            readers={
                self._names[reader]: _statistics(account, published, oldest)
                for reader, account in zip(readers, accounts, strict=True)
            },
        )


def _statistics(account: Account, published: int, oldest: int) -> ReaderStatistics:
    delivered = account.cursor - account.lost
    waiting = 0 if account.freed else published - max(account.cursor, oldest)
    return ReaderStatistics(delivered, published - delivered - waiting, waiting)
