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
