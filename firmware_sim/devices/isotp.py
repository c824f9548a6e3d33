"""ISO 15765-2, messages of more than eight bytes over classic CAN frames: no I/O and no clock.

frame        first byte    then
single       0x0L          L bytes of message, 1 to 7
first        0x1L LL       12 bits of length, 6 bytes; or 0x10 00, 32 bits of length, 2 bytes
consecutive  0x2N          7 bytes; N counts 1 to 15, 0, 1, ...
flow         0x3S BS ST    S: 0 go on, 1 wait, 2 too long for me; BS frames until the next
                           flow frame, 0 for all; ST: time between them, see `separation_ns`
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MS = 1_000_000
TIMEOUT_NS = 1_000 * MS
"""N_Bs and N_Cr: how long a sender waits for a flow frame, a receiver for a consecutive one."""
MOST_WAITS = 10
"""N_WFTmax: flow frames that say "wait" in a row before a sender gives up."""
PADDING = 0xCC
"""Fills frames to eight bytes; alternating bits need no stuffing."""

_SINGLE, _FIRST, _CONSECUTIVE, _FLOW = range(4)
_GO_ON, _WAIT, _TOO_LONG = range(3)


def separation_ns(st_min: int) -> int:
    """Return the least time between consecutive frames that the byte STmin asks for.

    0x00 to 0x7F are milliseconds, 0xF1 to 0xF9 100 to 900 microseconds; all others are reserved
    and mean the longest, 127 ms.
    """
    if st_min <= 0x7F:
        return st_min * MS
    if 0xF1 <= st_min <= 0xF9:
        return (st_min - 0xF0) * 100_000
    return 0x7F * MS


def single(data: bytes) -> bytes | None:
    """Return the message in *data* if it is a single frame, and a right one."""
    length = data[0] if data else 0
    return data[1 : 1 + length] if 1 <= length <= min(7, len(data) - 1) else None


@dataclass(slots=True)
class _Sending:
    message: bytes
    at: int
    deadline_ns: int
    number: int = 1
    left_in_block: int | None = 0
    gap_ns: int = 0
    next_ns: int | None = None  # None while it waits for a flow frame
    waits: int = 0


@dataclass(slots=True)
class _Receiving:
    length: int
    deadline_ns: int
    got: bytearray = field(default_factory=bytearray)
    number: int = 1
    left_in_block: int = 0


class IsoTp:
    """One end of a pair of CAN ids, for one message each way at a time.

    Args:
        block_size: Asked of the other end: consecutive frames from flow frame to flow frame, 0
            for no further ones.
        st_min: Asked of the other end: the byte for `separation_ns`.
        longest: Bytes of the longest message taken; the sender of a longer one is told so.

    Attributes:
        aborted: How often a message was given up, by reason.
    """

    def __init__(self, *, block_size: int = 0, st_min: int = 0, longest: int = 4095) -> None:
        self._flow = bytes((_FLOW << 4 | _GO_ON, block_size, st_min))
        self._block_size = block_size
        self._longest = longest
        self._sending: _Sending | None = None
        self._receiving: _Receiving | None = None
        self._ready: list[bytes] = []
        self._ready_ns = 0
        self.aborted: Counter[str] = Counter()

    @property
    def busy(self) -> bool:
        """Whether a message is on its way out."""
        return self._sending is not None

    @property
    def due_ns(self) -> int | None:
        """When `step` has something to do."""
        if not (self._ready or self._sending or self._receiving):
            return None
        moments = [self._ready_ns] if self._ready else []
        if self._sending:
            following = self._sending.next_ns
            moments.append(self._sending.deadline_ns if following is None else following)
        if self._receiving:
            moments.append(self._receiving.deadline_ns)
        return min(moments)

    def send(self, message: bytes, now_ns: int) -> None:
        """Begin to send *message*, 1 byte to 4 GiB.

        Raises:
            ValueError: There is no such message, or another is on its way.
        """
        if not 0 < len(message) < 1 << 32:
            raise ValueError(f"got a message of {len(message)} bytes, expected 1 to 2**32 - 1")
        if self._sending:
            raise ValueError("got a message, expected that the one before had been sent")
        if len(message) <= 7:
            self._put(bytes((len(message),)) + message, now_ns)
            return
        if len(message) <= 4095:
            head, at = (_FIRST << 12 | len(message)).to_bytes(2, "big"), 6
        else:
            head, at = bytes((_FIRST << 4, 0)) + len(message).to_bytes(4, "big"), 2
        self._put(head + message[:at], now_ns)
        self._sending = _Sending(message, at, now_ns + TIMEOUT_NS)

    def hear(self, data: bytes, now_ns: int) -> bytes | None:
        """Take the data of a frame; return the message that it ends, None for none yet."""
        kind = data[0] >> 4 if data else None
        if kind == _SINGLE:
            message = single(data)
            if message is not None:
                self._interrupted()
            return message
        if kind == _FIRST and len(data) == 8:
            self._begin(data, now_ns)
        elif kind == _CONSECUTIVE and self._receiving:
            return self._go_on(self._receiving, data, now_ns)
        elif kind == _FLOW and len(data) >= 3 and self._sending:
            self._obey(self._sending, data, now_ns)
        return None

    def step(self, now_ns: int) -> list[bytes]:
        """Return the data of the frames to send at *now_ns*; give up what waited too long."""
        frames, self._ready = self._ready, []
        sending = self._sending
        while sending and sending.next_ns is not None and sending.next_ns <= now_ns:
            frames.append(self._consecutive(sending, now_ns))
            sending = self._sending
        if sending and sending.next_ns is None and sending.deadline_ns <= now_ns:
            self._give_up_sending("no flow frame came")
        if self._receiving and self._receiving.deadline_ns <= now_ns:
            self._give_up_receiving("no consecutive frame came")
        return frames

    def _begin(self, data: bytes, now_ns: int) -> None:
        length, at = (data[0] & 0xF) << 8 | data[1], 2
        if length == 0:
            length, at = int.from_bytes(data[2:6], "big"), 6
            if length <= 4095:
                return
        elif length <= 7:
            return
        self._interrupted()
        if length > self._longest:
            self.aborted["message is too long"] += 1
            self._put(bytes((_FLOW << 4 | _TOO_LONG, 0, 0)), now_ns)
            return
        self._receiving = _Receiving(length, now_ns + TIMEOUT_NS, bytearray(data[at:]))
        self._receiving.left_in_block = self._block_size
        self._put(self._flow, now_ns)

    def _go_on(self, receiving: _Receiving, data: bytes, now_ns: int) -> bytes | None:
        missing = receiving.length - len(receiving.got)
        if len(data) - 1 < min(7, missing):
            return None
        if data[0] & 0xF != receiving.number & 0xF:
            self._give_up_receiving("wrong sequence number")
            return None
        receiving.got += data[1 : 1 + missing]
        receiving.number += 1
        receiving.deadline_ns = now_ns + TIMEOUT_NS
        if len(receiving.got) == receiving.length:
            self._receiving = None
            return bytes(receiving.got)
        if self._block_size:
            receiving.left_in_block -= 1
            if receiving.left_in_block == 0:
                receiving.left_in_block = self._block_size
                self._put(self._flow, now_ns)
        return None

    def _obey(self, sending: _Sending, data: bytes, now_ns: int) -> None:
        if sending.next_ns is not None:
            return  # nobody asked
        match data[0] & 0xF:
            case 0:
                sending.left_in_block = data[1] or None
                sending.gap_ns = separation_ns(data[2])
                sending.next_ns = now_ns
                sending.waits = 0
            case 1 if sending.waits < MOST_WAITS:
                sending.waits += 1
                sending.deadline_ns = now_ns + TIMEOUT_NS
            case 1:
                self._give_up_sending("told to wait too often")
            case 2:
                self._give_up_sending("too long for the receiver")
            case _:
                self._give_up_sending("unknown flow status")

    def _consecutive(self, sending: _Sending, now_ns: int) -> bytes:
        part = sending.message[sending.at : sending.at + 7]
        frame = _padded(bytes((_CONSECUTIVE << 4 | sending.number & 0xF,)) + part)
        sending.at += len(part)
        sending.number += 1
        sending.next_ns = now_ns + sending.gap_ns
        if sending.at >= len(sending.message):
            self._sending = None
        elif sending.left_in_block is not None:
            sending.left_in_block -= 1
            if sending.left_in_block == 0:
                sending.next_ns = None
                sending.deadline_ns = now_ns + TIMEOUT_NS
        return frame

    def _put(self, frame: bytes, now_ns: int) -> None:
        if not self._ready:
            self._ready_ns = now_ns
        self._ready.append(_padded(frame))

    def _interrupted(self) -> None:
        if self._receiving:
            self._give_up_receiving("another message began")

    def _give_up_sending(self, why: str) -> None:
        self.aborted[why] += 1
        self._sending = None

    def _give_up_receiving(self, why: str) -> None:
        self.aborted[why] += 1
        self._receiving = None


def _padded(frame: bytes) -> bytes:
    return frame.ljust(8, bytes((PADDING,)))
