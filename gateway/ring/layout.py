"""Where every byte of a ring is. Pure arithmetic; no shared memory here.

The header, cut into words of 8 bytes; places and lanes begin at multiples of 64 bytes, so that no
field straddles a cache line and what two processes write often does not share one:

                             offset  size  field
    place[r], one a reader   0       64    mutex: held by the reader for as long as it lives
                             64      8     pid: who holds or last held it; 0: nobody ever did
                             72      8     orphaned_ns: CLOCK_MONOTONIC when it was found without
                                           a holder; 0: it was not
    lane[l], one a producer  0       64    mutex: guards the rest of the lane's header
                             64      64    mutex: held by the producer for as long as it lives
                             128     8     published: position after the newest record
                             136     8     claimed: up to here slots may be overwritten
                             144     8     flags: see `LaneFlag`
                             152     8     wanted: the producer sleeps until the cursors are here
                             160     8     dozing: who dozes, with the bits of the flags
                             168     8     rouse_at: publishing up to here wakes all of them
                             192     64    account[0], of reader 0
                             256     64    account[1], ...
    account[r]               0       8     state: see `AccountState`
                             8       8     cursor[0]: position of the first record not taken
                             16      8     lost[0]: records it was not given, so far
                             24      8     cursor[1]
                             32      8     lost[1]

After the header, at multiples of 64 bytes, the slots of lane 0, of lane 1, ...: ``capacity`` times
``record_size`` bytes each.

Positions count a lane's records up from 0 for ever (2**64 at 1 MHz lasts 584,000 years); the
record at a position lives in slot ``position & (capacity - 1)``. A pthread_mutex_t of glibc takes
40 bytes on x86-64, 48 on aarch64 and 24 on 32-bit Arm; 64 are kept for it. The whole is one
mapping from offset 0, so that the size of a page (4 KiB, or 16 KiB on a Raspberry Pi 5) is nowhere
in the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

LINE = 64
WORD = 8

MAX_READERS = 56
"""Each has a bit among the lane's flags."""


class LaneFlag(IntFlag):
    """Bits in a lane's flags; 0 means that a producer has nothing to do but to publish."""

    CLOSED = 1
    """End of stream."""
    READER_WAITS = 256
    """Reader 0 sleeps, or is about to; for reader r the bit is ``READER_WAITS << r``."""


class AccountState(IntFlag):
    """Bits in an account's state."""

    SECOND = 1
    """Cursor and lost are those with index 1. Both change together by storing this one word."""
    FREED = 2
    """Nobody waits for this reader any more; what it has not taken is lost to it."""


@dataclass(frozen=True, slots=True)
class LaneLayout:
    """The places of one lane's fields: ``*_lock`` and ``data`` in bytes, the others in words."""

    guard_lock: int
    tenant_lock: int
    published: int
    claimed: int
    flags: int
    wanted: int
    dozing: int
    rouse_at: int
    accounts: tuple[int, ...]
    data: int


@dataclass(frozen=True, slots=True)
class PlaceLayout:
    """The places of one reader's fields: ``lock`` in bytes, the others in words."""

    lock: int
    pid: int
    orphaned_ns: int


@dataclass(frozen=True, slots=True)
class RingLayout:
    """The layout of a whole ring.

    Attributes:
        capacity: Records a lane holds, a power of two.
        record_size: Bytes a record takes.
        lanes: Number of lanes.
        readers: Number of readers.
    """

    capacity: int
    record_size: int
    lanes: int
    readers: int

    @property
    def header_size(self) -> int:
        """Bytes before the first lane's slots."""
        return self.readers * 2 * LINE + self.lanes * self._lane_header

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.header_size + self.lanes * self._lane_data

    def place(self, reader: int) -> PlaceLayout:
        """Where the fields of reader number *reader* are."""
        start = reader * 2 * LINE
        return PlaceLayout(start, (start + LINE) // WORD, (start + LINE) // WORD + 1)

    def lane(self, index: int) -> LaneLayout:
        """Where the fields of lane number *index* are."""
        start = self.readers * 2 * LINE + index * self._lane_header
        published = (start + 2 * LINE) // WORD
        accounts = range(start + 3 * LINE, start + self._lane_header, LINE)
        return LaneLayout(
            guard_lock=start,
            tenant_lock=start + LINE,
            published=published,
            claimed=published + 1,
            flags=published + 2,
            wanted=published + 3,
            dozing=published + 4,
            rouse_at=published + 5,
            accounts=tuple(offset // WORD for offset in accounts),
            data=self.header_size + index * self._lane_data,
        )

    @property
    def _lane_header(self) -> int:
        return (3 + self.readers) * LINE

    @property
    def _lane_data(self) -> int:
        return -(-self.capacity * self.record_size // LINE) * LINE
