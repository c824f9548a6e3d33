r"""What travels between a node and its bus, byte for byte. No sockets here.

A node connects to the Unix stream socket with the abstract name ``\0firmware-sim/<bus>`` and says
hello; the bus answers with a welcome; from then on both directions are plain records. All fields
are native-endian: both ends are on one machine.

    hello and welcome, 64 bytes              record, 80 bytes
    offset size                              offset size
    0      8    magic b"FWSIMBUS"            0      8    t_ns, int64: CLOCK_MONOTONIC, nanoseconds,
    8      4    version, 1                               when the frame was on the bus; to the bus
    12     4    hello: `HelloFlag`                       it is ignored
                welcome: bit rate, bits a    8      4    can_id  \
                second, 0 is unlimited       12     1    len      |
    16     48   hello: the node's name       13     1    flags    | struct canfd_frame of
                welcome: the bus's name      14     2    0        | <linux/can.h>
                UTF-8, padded with zeros     16     64   data    /

``flags`` has CANFD_BRS 1, CANFD_ESI 2 and CANFD_FDF 4 as in <linux/can.h>; `ECHO` (0x80) marks a
node's own frame that comes back to it.
"""

from __future__ import annotations

import re
import struct
from enum import IntFlag
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_sim.errors import WireError

MAGIC = b"FWSIMBUS"
VERSION = 1
GREETING = struct.Struct("=8sII48s")

FRAME = struct.Struct("=qIBBH64s")
"""One record as `struct` sees it: t_ns, can_id, len, flags, 0, data."""

RECORD = np.dtype(
    [
        ("t_ns", np.int64),
        ("can_id", np.uint32),
        ("len", np.uint8),
        ("flags", np.uint8),
        ("reserved", np.uint16),
        ("data", np.uint8, (64,)),
    ]
)
"""One record as numpy sees it."""

RECORD_SIZE = RECORD.itemsize

EXTENDED = 0x80000000
REMOTE = 0x40000000
ERROR = 0x20000000

BIT_RATE_SWITCH = 0x01
ERROR_STATE = 0x02
FD = 0x04
ECHO = 0x80

# Error classes of <linux/can/error.h>: an error frame's id.
ERR_CONTROLLER = 0x004
"""A controller problem; details in data[1]."""
ERR_PROTOCOL = 0x008
"""A protocol violation: what in data[2], where in data[3]."""
ERR_ACK = 0x020
"""Nobody acknowledged a transmission."""
ERR_BUS_OFF = 0x040
"""The controller is bus-off."""
ERR_BUS_ERROR = 0x080
"""There was an error on the bus."""
ERR_RESTARTED = 0x100
"""The controller takes part again after bus-off."""
ERR_COUNTERS = 0x200
"""data[6] and data[7] hold TEC and REC, as far as they fit a byte."""

# In data[1] of ERR_CONTROLLER.
ERR_RX_OVERFLOW = 0x01
"""The receive buffer was overrun."""
ERR_RX_WARNING = 0x04
ERR_TX_WARNING = 0x08
ERR_RX_PASSIVE = 0x10
ERR_TX_PASSIVE = 0x20
ERR_ACTIVE = 0x40
"""Error-active again."""
ERR_STATES = ERR_RX_WARNING | ERR_TX_WARNING | ERR_RX_PASSIVE | ERR_TX_PASSIVE | ERR_ACTIVE

# In data[2] of ERR_PROTOCOL.
ERR_BIT = 0x01
ERR_FORM = 0x02
ERR_STUFF = 0x04
ERR_TX = 0x80
"""It was this node's own frame."""

# In data[3] of ERR_PROTOCOL.
ERR_AT_SOF = 0x03
ERR_AT_DATA = 0x0A
ERR_AT_CRC = 0x08
ERR_AT_ACK = 0x19
ERR_AT_ACK_DELIMITER = 0x1B

FD_LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)
"""The lengths a CAN FD frame can have, by its DLC."""

Records = NDArray[np.void]
"""A one-dimensional array of `RECORD`."""

_BUS_NAME = re.compile(r"[A-Za-z0-9_.-]{1,47}")
_NODE_NAME_BYTES = 48


class HelloFlag(IntFlag):
    """What a node asks for when it joins."""

    OWN_FRAMES = 1
    """Its own frames come back to it, in their place in the order, marked `ECHO`."""
    LISTEN_ONLY = 2
    """It never sends."""


class Hello(NamedTuple):
    """The first thing a node says."""

    name: str
    flags: HelloFlag = HelloFlag(0)

    def pack(self) -> bytes:
        """Return it as 64 bytes; a name that is too long is cut at a character."""
        name = self.name.encode()[:_NODE_NAME_BYTES].decode(errors="ignore").encode()
        return GREETING.pack(MAGIC, VERSION, self.flags, name)

    @classmethod
    def unpack(cls, data: bytes) -> Hello:
        """Read 64 bytes.

        Raises:
            WireError: They are not a hello of this version.
        """
        word, name = _greeting(data)
        # On integers: the complement of an IntFlag has only its own bits.
        if word & ~int(HelloFlag.OWN_FRAMES | HelloFlag.LISTEN_ONLY):
            raise WireError(f"got hello flags {word:#x}, expected only bits 0 and 1")
        return cls(name, HelloFlag(word))


class Welcome(NamedTuple):
    """What the bus answers."""

    bus: str
    bit_rate: int = 0

    def pack(self) -> bytes:
        """Return it as 64 bytes."""
        return GREETING.pack(MAGIC, VERSION, self.bit_rate, self.bus.encode())

    @classmethod
    def unpack(cls, data: bytes) -> Welcome:
        """Read 64 bytes.

        Raises:
            WireError: They are not a welcome of this version.
        """
        word, name = _greeting(data)
        return cls(name, word)


def _greeting(data: bytes) -> tuple[int, str]:
    magic, version, word, name = GREETING.unpack(data)
    if magic != MAGIC:
        raise WireError(f"got {magic!r}, expected {MAGIC!r}")
    if version != VERSION:
        raise WireError(f"got protocol version {version}, expected {VERSION}")
    try:
        return word, name.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        raise WireError(f"got name {name!r}, expected UTF-8") from None


def address(bus: str) -> str:
    """Return the abstract socket name of the bus called *bus*.

    Raises:
        ValueError: *bus* is not 1 to 47 letters, digits, ``_``, ``.`` or ``-``.
    """
    if not _BUS_NAME.fullmatch(bus):
        raise ValueError(f"got name {bus!r}, expected 1 to 47 letters, digits, '_', '.' or '-'")
    return f"\0firmware-sim/{bus}"


def pack_frame(
    can_id: int, data: bytes = b"", *, flags: int = 0, length: int | None = None
) -> bytes:
    """Return one record to send.

    Args:
        can_id: The identifier with `EXTENDED`, `REMOTE`, `ERROR` as they apply.
        data: At most 64 bytes.
        flags: `FD`, `BIT_RATE_SWITCH`, `ERROR_STATE`.
        length: The length of a remote frame, which carries no data; else that of *data*.
    """
    return FRAME.pack(0, can_id, len(data) if length is None else length, flags, 0, data)


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


_FEW = 8
"""Up to this many records are quicker one by one than as arrays."""


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


_ID = struct.Struct("=I")
_ID_AT = 8


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


def overflow(lost: int, t_ns: int) -> bytes:
    """Return the error frame that tells a node that it missed *lost* frames.

    It is SocketCAN's: class `ERR_CONTROLLER` with `ERR_RX_OVERFLOW`; data[5:8], which are free for
    the controller's use, hold the number, little-endian, at most 2**24 - 1.
    """
    count = min(lost, 0xFFFFFF).to_bytes(3, "little")
    data = bytes((0, ERR_RX_OVERFLOW, 0, 0, 0)) + count
    return FRAME.pack(t_ns, ERROR | ERR_CONTROLLER, 8, 0, 0, data)


def overflowed(can_id: int, data: bytes) -> int:
    """Return how many frames this one, made by `overflow`, tells of; 0 if it is another."""
    if can_id != ERROR | ERR_CONTROLLER or not data[1] & ERR_RX_OVERFLOW:
        return 0
    return int.from_bytes(data[5:8], "little")
