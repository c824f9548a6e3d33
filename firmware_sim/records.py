"""Blocks of records: as a bus carries what a node sent, and those of certain ids."""

from __future__ import annotations

import struct

import numpy as np

from firmware_sim.errors import WireError
from firmware_sim.wire import (
    BIT_RATE_SWITCH,
    ERROR_STATE,
    FD,
    FD_LENGTHS,
    FRAME,
    RECORD,
    RECORD_SIZE,
    REMOTE,
    Records,
)

_FEW = 8
"""Up to this many records are quicker one by one than as arrays."""

_ID = struct.Struct("=I")
_ID_AT = 8

_INVALID = 255


def _length_table() -> list[int]:
    """On-bus length by remote << 9 | fd << 8 | len, `_INVALID` where there can be none."""
    table = [_INVALID] * 1024
    table[:9] = table[512:521] = range(9)
    # A controller sends a DLC, so a length between two DLCs goes out as the next one, zero-filled.
    table[256 : 256 + 65] = [next(n for n in FD_LENGTHS if n >= length) for length in range(65)]
    return table


# By the byte itself: CAN FD's bits on a CAN FD frame, none on a classic one.
_FLAGS = [flags & (FD | BIT_RATE_SWITCH | ERROR_STATE) if flags & FD else 0 for flags in range(256)]
# By ERROR | REMOTE << 1 | EXTENDED << 2. An error frame's class takes 29 bits without EXTENDED.
_ID_MASKS = [top << 29 | (0x1FFFFFFF if top & 0b101 else 0x7FF) for top in range(8)]
_LENGTHS = _length_table()

# The same for arrays.
_FLAG = np.array(_FLAGS, np.uint8)
_ID_MASK = np.array(_ID_MASKS, np.uint32)
_LENGTH = np.array(_LENGTHS, np.uint8)
# Eight bytes at a time: a row of masks for each number of data bytes that count.
_WORDS = np.dtype(
    {"names": ["words"], "formats": [(np.uint64, (8,))], "offsets": [16], "itemsize": 80}
)
_MASK = np.array([[255] * n + [0] * (64 - n) for n in range(65)], np.uint8).view(np.uint64)


def to_bus(data: bytes | bytearray | memoryview, t_ns: int) -> memoryview:
    """Return whole records *data*, as a node sent them, as a bus carries them.

    Stamps them with *t_ns*; clears bytes beyond the length, bits that mean nothing, and the data
    of remote frames; rounds CAN FD lengths up to one that exists.

    Raises:
        WireError: A classic frame longer than 8 bytes, a CAN FD one longer than 64, or a remote
            CAN FD frame.
    """
    if len(data) <= _FEW * RECORD_SIZE:
        return memoryview(
            b"".join([_one_to_bus(t_ns, *frame) for frame in FRAME.iter_unpack(data)])
        )
    return _many_to_bus(np.frombuffer(data, RECORD).copy(), t_ns)


def _one_to_bus(
    t_ns: int, _t_ns: int, can_id: int, length: int, flags: int, _reserved: int, data: bytes
) -> bytes:
    remote = can_id & REMOTE
    carried = _LENGTHS[(flags & FD) << 6 | length | remote >> 21]
    if carried == _INVALID:
        raise _impossible(can_id, length, flags)
    payload = b"" if remote else data[:length]
    return FRAME.pack(t_ns, can_id & _ID_MASKS[can_id >> 29], carried, _FLAGS[flags], 0, payload)


def _many_to_bus(records: Records, t_ns: int) -> memoryview:
    ids = records["can_id"]
    index = (records["flags"].astype(np.uint16) & FD) << 6
    index |= records["len"]
    index |= ((ids & REMOTE) >> 21).astype(np.uint16)
    lengths = _LENGTH[index]
    if lengths.max(initial=0) == _INVALID:
        bad = records[int(np.argmax(lengths == _INVALID))]
        raise _impossible(int(bad["can_id"]), int(bad["len"]), int(bad["flags"]))
    words = records.view(_WORDS)["words"]
    words &= _MASK[np.where(index & 0x200, 0, np.minimum(records["len"], lengths))]
    records["t_ns"] = t_ns
    records["can_id"] = ids & _ID_MASK[ids >> 29]
    records["len"] = lengths
    records["flags"] = _FLAG[records["flags"]]
    records["reserved"] = 0
    return records.view(np.uint8).data


def _impossible(can_id: int, length: int, flags: int) -> WireError:
    kind = "CAN FD" if flags & FD else "classic"
    remote = " remote" if can_id & REMOTE else ""
    return WireError(f"got a {kind}{remote} frame of {length} bytes, which CAN does not have")


def of_ids(data: bytes | memoryview, ids: frozenset[int]) -> bytes | memoryview:
    """Return those of the records *data* whose id, with its bits, is one of *ids*, in order."""
    if len(data) == RECORD_SIZE:
        return data if _ID.unpack_from(data, _ID_AT)[0] in ids else b""
    if len(data) <= _FEW * RECORD_SIZE:
        return b"".join(
            [
                data[at : at + RECORD_SIZE]
                for at in range(0, len(data), RECORD_SIZE)
                if _ID.unpack_from(data, at + _ID_AT)[0] in ids
            ]
        )
    records = np.frombuffer(data, RECORD)
    return records[np.isin(records["can_id"], list(ids))].tobytes()
