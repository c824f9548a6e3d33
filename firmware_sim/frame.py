"""A frame that waits in a node's mailbox to cross a bus with a bit rate."""

from __future__ import annotations

import struct

from firmware_sim import arbitration, wire
from firmware_sim.bit_timing import (
    ECHO_FLAG,
    ERROR_DELIMITER,
    ERROR_FLAG,
    TAIL,
    FrameBits,
    frame_bits,
)

_BODY = struct.Struct("=IBBH64s")
"""A record without its stamp: id, length, flags, 0, data."""
_STAMP_SIZE = wire.RECORD_SIZE - _BODY.size


class Frame:
    """See the module.

    Args:
        record: It, clean (`records.to_bus`).
        ready_ns: When it was offered, CLOCK_MONOTONIC.

    Attributes:
        ready_ns: As given.
        key: Its rank in arbitration; see `arbitration.key`.
        body: Its record without the time stamp.
        tries: How often its transmission has failed.
        hit: Where a bit error hits it, 0 to 1, 1 for nowhere; None until that is drawn.
    """

    __slots__ = ("body", "hit", "key", "ready_ns", "tries")

    def __init__(self, record: memoryview | bytes, ready_ns: int) -> None:
        self.ready_ns = ready_ns
        self.body = bytes(record[_STAMP_SIZE:])
        can_id, _, flags, _, _ = _BODY.unpack(self.body)
        self.key = arbitration.key(can_id, flags)
        self.tries = 0
        self.hit: float | None = None

    def bits(self) -> FrameBits:
        """Return how long it is."""
        can_id, length, flags, _, data = _BODY.unpack(self.body)
        if can_id & wire.ERROR:
            # An error flag that a node raises by itself, answered by the others.
            flag = ERROR_FLAG + ECHO_FLAG + ERROR_DELIMITER
            return FrameBits(flag - TAIL, 0, switched=False)
        return frame_bits(can_id, length, flags, data)
