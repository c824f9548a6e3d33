"""The program by which the kernel tells which packets are frames that belong into a ring.

See <linux/filter.h>, and Documentation/networking/filter.rst of Linux.
"""

from __future__ import annotations

import struct

from gateway.record import CanId
from gateway.sources.readers.filters import INVERTED, FrameFilters

# An instruction is code, jump if true, jump if false, operand; jumps pass over so many.
_INSTRUCTION = struct.Struct("=HBBI")
INSTRUCTION_SIZE = _INSTRUCTION.size
_LOAD, _AND, _EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_OF_PACKET = 0xFFFFF000  # SKF_AD_OFF
_PROTOCOL, _TYPE = _OF_PACKET + 0, _OF_PACKET + 4
_CAN, _CAN_FD = 0x000C, 0x000D  # ETH_P_CAN, ETH_P_CANFD; so no CAN XL
_OUTGOING = 4
_ALL, _NOTHING = 0xFFFFFFFF, 0

_PASS, _REFUSE = (_RETURN, 0, 0, _ALL), (_RETURN, 0, 0, _NOTHING)

_Program = list[tuple[int, int, int, int]]


def packet_filter(filters: FrameFilters | None, *, outgoing: bool) -> bytes:
    """Return the program that passes CAN frames.

    Args:
        filters: Let these pass, and no others; None for all. The kernel takes 4096 instructions,
            four for a filter.
        outgoing: Let those pass that this host is about to send, and no others.
    """
    program: _Program = [
        (_LOAD, 0, 0, _PROTOCOL),
        (_EQUAL, 2, 0, _CAN),
        (_EQUAL, 1, 0, _CAN_FD),
        _REFUSE,
    ]
    if outgoing:
        program += [(_LOAD, 0, 0, _TYPE), (_EQUAL, 1, 0, _OUTGOING), _REFUSE]
    program += _ids(filters) if filters else [_PASS]
    return b"".join(_INSTRUCTION.pack(*each) for each in program)


def _ids(filters: FrameFilters) -> _Program:
    """Return a program that passes frames by the id that they begin with."""
    program: _Program = []
    for can_id, mask in ((CanId.ERROR, CanId.ERROR), *filters.pairs):
        is_inverted = bool(can_id & INVERTED) and mask != CanId.ERROR
        program += [
            (_LOAD, 0, 0, 0),
            (_AND, 0, 0, _as_loaded(mask)),
            (_EQUAL, int(is_inverted), int(not is_inverted), _as_loaded(can_id & mask)),
            _PASS,
        ]
    return [*program, _REFUSE]


def _as_loaded(word: int) -> int:
    """Return a word of a frame as the program sees it: it loads big-endian ones."""
    return int.from_bytes(struct.pack("=I", word), "big")
