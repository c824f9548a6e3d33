r"""A serial-line CAN adapter, as the LAWICEL CANUSB made common: text in, text out, no I/O.

A command is a letter and what it takes, ended by CR. The answer is CR, alone or after a value, or
BEL (7) for what is unknown, malformed, or not allowed now.

    Sn sxxyy Yn   bit rates; only while closed; a virtual wire keeps to its own
    O L C         open, open to listen only, close
    tiiildd..     transmit a standard frame: id, length, data in hex; answered z
    Tiiiiiiiildd.. an extended one; answered Z
    riiil Riiiiiiiil   remote frames; likewise
    d D b B       CAN FD frames, as t and T, the length a DLC 0..F; b and B switch the bit rate
    F             status flags as two hex digits; reading clears them; only while open
    V N           versions, serial number
    Z0 Z1         received frames with, without four hex digits of milliseconds, 0..EA5F
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntFlag

from firmware_sim import wire

OK = b"\r"
REFUSED = b"\a"

VERSION = b"V1013"
SERIAL_NUMBER = b"NSIM0"

MILLISECONDS = 60_000
"""Time stamps wrap after a minute."""

_LONGEST = 1 + 8 + 1 + 128
_SETUP = re.compile(rb"S[0-9]|s[0-9A-Fa-f]{4,6}|Y[0-9]")
_KINDS = {b"t": 3, b"T": 8, b"r": 3, b"R": 8, b"d": 3, b"D": 8, b"b": 3, b"B": 8}
"""Digits of the identifier by kind of frame."""


class Status(IntFlag):
    """The bits that ``F`` answers."""

    RECEIVE_FULL = 0x01
    TRANSMIT_FULL = 0x02
    WARNING = 0x04
    OVERRUN = 0x08
    PASSIVE = 0x20
    ARBITRATION_LOST = 0x40
    BUS_ERROR = 0x80


class SlcanAdapter:
    """The adapter's firmware, closed at first.

    Args:
        transmit: Called with each frame to put on the bus, a record of `firmware_sim.wire`.

    Attributes:
        refused: Commands that were answered BEL.
    """

    def __init__(self, transmit: Callable[[bytes], None]) -> None:
        self._transmit = transmit
        self._line = bytearray()
        self._is_open = False
        self._listens_only = False
        self._stamps = False
        self._status = Status(0)
        self.refused = 0

    @property
    def is_open(self) -> bool:
        """Whether it is on the bus."""
        return self._is_open

    @property
    def takes_part(self) -> bool:
        """Whether it may send, and acknowledges."""
        return self._is_open and not self._listens_only

    def feed(self, data: bytes) -> bytes:
        """Take *data* from the serial line; return the answers."""
        answers = []
        for byte in data:
            if byte == 0x0D:
                line, self._line = bytes(self._line), bytearray()
                answer = self._obey(line) if len(line) <= _LONGEST else REFUSED
                self.refused += answer == REFUSED
                answers.append(answer)
            elif byte != 0x0A and len(self._line) <= _LONGEST:
                self._line.append(byte)  # of a line that is too long, only that it was is kept
        return b"".join(answers)

    def hear(self, records: bytes | memoryview) -> bytes:
        """Return what to send up the serial line for *records*, whole ones from the bus."""
        if not self._is_open:
            return b""
        return b"".join(map(self._told, wire.FRAME.iter_unpack(records)))

    def _obey(self, line: bytes) -> bytes:
        letter = line[:1]
        if letter in _KINDS:
            return self._send(line)
        if _SETUP.fullmatch(line):
            return REFUSED if self._is_open else OK
        match line:
            case b"":
                return OK  # adapters are flushed with empty lines
            case b"O" | b"L" if not self._is_open:
                self._is_open, self._listens_only = True, line == b"L"
                return OK
            case b"C" if self._is_open:
                self._is_open = False
                return OK
            case b"F" if self._is_open:
                status, self._status = self._status, Status(0)
                return b"F%02X\r" % status
            case b"V":
                return VERSION + OK
            case b"N":
                return SERIAL_NUMBER + OK
            case b"Z0" | b"Z1" if not self._is_open:
                self._stamps = line == b"Z1"
                return OK
        return REFUSED

    def _send(self, line: bytes) -> bytes:
        if not self._is_open or self._listens_only:
            return REFUSED
        record = _parse(line)
        if record is None:
            return REFUSED
        self._transmit(record)
        return (b"Z" if line[:1].isupper() else b"z") + OK

    def _told(self, frame: tuple[int, int, int, int, int, bytes]) -> bytes:
        t_ns, can_id, length, flags, _, data = frame
        if can_id & wire.ERROR:
            # The protocol has no error frames; what they say is in the status flags.
            self._status |= _status(can_id, data[1])
            return b""
        remote = can_id & wire.REMOTE
        if remote:
            kind = "r"
        elif flags & wire.FD:
            kind = "b" if flags & wire.BIT_RATE_SWITCH else "d"
        else:
            kind = "t"
        head = f"{kind}{can_id & 0x7FF:03X}"
        if can_id & wire.EXTENDED:
            head = f"{kind.upper()}{can_id & 0x1FFFFFFF:08X}"
        payload = "" if remote else data[:length].hex().upper()
        stamp = f"{t_ns // 1_000_000 % MILLISECONDS:04X}" if self._stamps else ""
        return f"{head}{wire.FD_LENGTHS.index(length):X}{payload}{stamp}\r".encode()


def _status(can_id: int, controller: int) -> Status:
    """Return what an error frame says."""
    status = Status(0)
    if can_id & (wire.ERR_PROTOCOL | wire.ERR_ACK | wire.ERR_BUS_ERROR | wire.ERR_BUS_OFF):
        status |= Status.BUS_ERROR
    if can_id & wire.ERR_CONTROLLER:
        if controller & wire.ERR_RX_OVERFLOW:
            status |= Status.OVERRUN | Status.RECEIVE_FULL
        if controller & (wire.ERR_TX_WARNING | wire.ERR_RX_WARNING):
            status |= Status.WARNING
        if controller & (wire.ERR_TX_PASSIVE | wire.ERR_RX_PASSIVE):
            status |= Status.PASSIVE
    return status


def _parse(line: bytes) -> bytes | None:
    """Return the record that a transmit command asks for, None if it is malformed."""
    kind = line[:1]
    digits = _KINDS[kind]
    text = line[1:].decode("ascii", "replace")
    if not re.fullmatch(r"[0-9A-Fa-f]+", text) or len(text) <= digits:
        return None
    can_id, dlc, payload = int(text[:digits], 16), int(text[digits], 16), text[digits + 1 :]
    is_fd = kind in b"dDbB"
    remote = kind in b"rR"
    if can_id > (0x7FF if digits == 3 else 0x1FFFFFFF) or (dlc > 8 and not is_fd):
        return None
    length = wire.FD_LENGTHS[dlc]
    if len(payload) != (0 if remote else 2 * length):
        return None
    flags = (wire.FD if is_fd else 0) | (wire.BIT_RATE_SWITCH if kind in b"bB" else 0)
    can_id |= (wire.EXTENDED if digits == 8 else 0) | (wire.REMOTE if remote else 0)
    return wire.pack_frame(can_id, bytes.fromhex(payload), flags=flags, length=length)
