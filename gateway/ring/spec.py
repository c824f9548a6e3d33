"""What a reader is, declared before the ring is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.ring.partition import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSpec:
    """One reader of a ring.

    Attributes:
        name: Unique in its ring.
        lossless: True: producers wait for it when the ring is full. False: they do not; it may be
            lapped, and is then told by how much.
        partition: Its share of the records; None: all of them.
        lanes: The lanes it reads; None: all of them.
        orphan_timeout_ns: How long a lossless reader's place is kept for a successor once its
            process has died and somebody waits for it. 0: not at all; None: until `Ring.evict`.
    """

    name: str
    lossless: bool = True
    partition: Partition | None = None
    lanes: Sequence[int] | None = None
    orphan_timeout_ns: int | None = None

    def reads(self, lane: int) -> bool:
        """Whether it reads *lane*."""
        return self.lanes is None or lane in self.lanes
