"""How long a frame is: its bits, with stuffing, computed from the frame itself.

Lengths are those of ISO 11898-1:2015:

    classic    SOF 1, arbitration 12 or 32, control 6, data, CRC 15; all of it stuffed
    CAN FD     SOF 1, arbitration 12 or 32, FDF, res, BRS, ESI, DLC 4, data; stuffed;
               then, with fixed stuff bits (one before the first bit and one after each fourth),
               stuff count 4, CRC 17 (up to 16 bytes) or 21: 27 or 32 bits
    both       CRC delimiter 1, ACK slot 1, ACK delimiter 1, end of frame 7; not stuffed
    between    intermission 3

After five equal bits a sixth, opposite one is stuffed, and itself counts for the next five. Where
five equal bits end a CAN FD frame's data, the fixed stuff bit that follows anyway is the only one.

A frame that switches its bit rate does so, in whole bits, after its BRS bit, and back before its
CRC delimiter.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from firmware_sim import wire

NS_PER_S = 1_000_000_000

TAIL = 10
"""Bits from the CRC delimiter to the end of frame."""
TO_ACK = 2
"""Of those, up to the end of the ACK slot."""
INTERMISSION = 3
SUSPEND = 8
"""Bits more that an error-passive node waits after a transmission."""
ERROR_FLAG = 6
ECHO_FLAG = 6
"""How much longer the flag gets by those that answer it; six bits at the most."""
ERROR_DELIMITER = 8

_CRC15 = 0x4599
_CRC_FIELD_17 = 4 + 17 + 6
_CRC_FIELD_21 = 4 + 21 + 7


class FrameBits(NamedTuple):
    """The lengths of a frame's parts in bits, stuff bits among them, without the `TAIL`.

    Attributes:
        head: SOF to the arbitration field; in CAN FD, to the BRS bit. At the nominal bit rate.
        body: From there to the end of the CRC.
        switched: Whether the body is sent at the data bit rate.
    """

    head: int
    body: int
    switched: bool

    @property
    def total(self) -> int:
        """All bits from SOF to the end of frame."""
        return self.head + self.body + TAIL


class BitRates:
    """The two bit rates of a bus, and what they make of bits.

    Args:
        nominal: Bits a second.
        data: Bits a second in the body of a CAN FD frame that switches; 0 is *nominal*.
    """

    def __init__(self, nominal: int, data: int = 0) -> None:
        self.nominal = nominal
        self.data = data or nominal

    def ns(self, bits: int) -> int:
        """Return how long *bits* take at the nominal bit rate, to the nearest nanosecond."""
        return (bits * NS_PER_S + self.nominal // 2) // self.nominal

    def frame_ns(self, frame: FrameBits, tail: int = TAIL) -> int:
        """Return how long *frame* takes with the first *tail* bits of its tail."""
        if not frame.switched or self.data == self.nominal:
            return self.ns(frame.head + frame.body + tail)
        both = self.nominal * self.data
        bits = (frame.head + tail) * self.data + frame.body * self.nominal
        return (bits * NS_PER_S + both // 2) // both

    def body_ns(self, frame: FrameBits, bits: int) -> int:
        """Return how long *frame* takes up to the end of bit number *bits* of its body."""
        return self.frame_ns(frame._replace(body=bits), 0)


def frame_bits(can_id: int, length: int, flags: int, data: bytes) -> FrameBits:
    """Return the length of a frame.

    Args:
        can_id: With the flag bits of `wire`.
        length: Of its data; of a remote frame, which has none, what it asks for.
        flags: `wire.FD` and the others.
        data: At least *length* bytes; of a remote frame, nothing is looked at.
    """
    head, body, state, crc = _header(can_id, length, flags)
    if flags & wire.FD:
        for byte in data[:length]:
            step = _STUFF[state << 8 | byte]
            body += step >> 4
            state = step & 15
        if state & _RUN == _JUST_STUFFED:
            body -= 1
        field = _CRC_FIELD_17 if length <= 16 else _CRC_FIELD_21
        return FrameBits(head, body + 8 * length + field, bool(flags & wire.BIT_RATE_SWITCH))
    if can_id & wire.REMOTE:
        length = 0
    for byte in data[:length]:
        step = _STUFF[state << 8 | byte]
        body += step >> 4
        state = step & 15
        crc = (crc << 8 & 0x7FFF) ^ _CRC[crc >> 7 ^ byte]
    step = _STUFF_7[state << 7 | crc >> 8]
    body += (step >> 4) + (_STUFF[(step & 15) << 8 | crc & 0xFF] >> 4)
    return FrameBits(head, body + 8 * length + 15, False)


# What has been sent so far, as far as stuffing goes: how many equal bits the last ones are, and
# which; and whether the last one was stuffed (it counts as the first of its run).
_START = 0
_VALUE = 8
_RUN = 7
_JUST_STUFFED = 6  # in place of a run of one; runs never get that long


def _stuffed(state: int, bit: int) -> tuple[int, int]:
    """Return the number of bits stuffed after *bit*, and the state then."""
    run = state & _RUN
    if run == _JUST_STUFFED:
        run = 1
    same = run and bool(state & _VALUE) == bool(bit)
    run = run + 1 if same else 1
    if run == 5:
        return 1, _JUST_STUFFED | (0 if bit else _VALUE)
    return 0, run | (_VALUE if bit else 0)


def _stuff_table(width: int) -> list[int]:
    """By state << *width* | bits: the number of bits stuffed << 4 | the state then."""
    table = []
    for start in range(16):
        for bits in range(1 << width):
            total, state = 0, start
            for place in range(width - 1, -1, -1):
                count, state = _stuffed(state, bits >> place & 1)
                total += count
            table.append(total << 4 | state)
    return table


def _crc_bit(crc: int, bit: int) -> int:
    shifted = crc << 1 & 0x7FFF
    return shifted ^ _CRC15 if (crc >> 14) ^ bit else shifted


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << 7
        for _ in range(8):
            crc = _crc_bit(crc, 0)
        table.append(crc)
    return table


_STUFF = _stuff_table(8)
_STUFF_7 = _stuff_table(7)
_CRC = _crc_table()


@lru_cache(1 << 16)
def _header(can_id: int, length: int, flags: int) -> tuple[int, int, int, int]:
    """Return head and body so far in bits, the state of stuffing, and the CRC, before the data."""
    bits, head = _header_bits(can_id, length, flags)
    lengths = [0, 0]
    state, crc = _START, 0
    for place, bit in enumerate(bits):
        part = int(place >= head)
        count, state = _stuffed(state, bit)
        lengths[part] += 1
        lengths[place + 1 >= head] += count
        crc = _crc_bit(crc, bit)
    return lengths[0], lengths[1], state, crc


def _header_bits(can_id: int, length: int, flags: int) -> tuple[list[int], int]:
    """Return the bits before the data, and how many are the head."""
    fd = bool(flags & wire.FD)
    remote = int(bool(can_id & wire.REMOTE))
    base = can_id >> 18 if can_id & wire.EXTENDED else can_id
    bits = [0, *_digits(base & 0x7FF, 11)]
    if can_id & wire.EXTENDED:
        bits += [1, 1, *_digits(can_id & 0x3FFFF, 18), remote]
    else:
        bits += [remote]
    head = len(bits)
    standard = not can_id & wire.EXTENDED
    if fd:
        switch, state = flags & wire.BIT_RATE_SWITCH, flags & wire.ERROR_STATE
        bits += [0] * standard + [1, 0, int(bool(switch))]
        head = len(bits)
        bits += [int(bool(state))]
    else:
        bits += [0, 0]  # IDE and r0, or r1 and r0
    return bits + _digits(wire.FD_LENGTHS.index(length), 4), head


def _digits(number: int, width: int) -> list[int]:
    return [number >> place & 1 for place in range(width - 1, -1, -1)]
