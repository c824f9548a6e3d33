"""How messages are protected end to end: a counter, and a checksum over the data and more.

crc8-j1850   CRC-8 of SAE J1850: polynomial 0x1D, start 0xFF, inverted; over all other bytes
xor          all other bytes, exclusive or
sum          all other bytes, added, modulo 256
e2e-p1       AUTOSAR E2E profile 1 (PRS_E2EProtocol): polynomial 0x1D, start 0, not inverted;
             over the data id and all other bytes; its counter has 4 bits and skips 15
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Literal

from firmware_sim.devices.encoder import first_bit, shift

if TYPE_CHECKING:
    # For their names only: a scenario is checked without waiting for cantools.
    from cantools.database.can import Message, Signal

Kind = Literal["crc8-j1850", "xor", "sum", "e2e-p1"]
DataIdMode = Literal["both", "alternating", "low", "nibble"]


def _crc_table(polynomial: int) -> bytes:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & 0x80 else 0)) & 0xFF
        table.append(value)
    return bytes(table)


_TABLE = _crc_table(0x1D)


def crc8(data: bytes, *, start: int = 0xFF, invert: int = 0xFF) -> int:
    """Return the CRC of *data*; as it stands, that of SAE J1850."""
    crc = start
    for byte in data:
        crc = _TABLE[crc ^ byte]
    return crc ^ invert


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """The counter and the checksum of one message.

    Attributes:
        counter: The signal that counts its frames, None for none.
        checksum: The signal of its checksum, None for none.
        kind: Which checksum.
        data_id: With ``e2e-p1``, 16 bits: what the receiver knows the message by.
        data_id_mode: Which bytes of that go into the checksum: both, low first; the low one with
            even counters and the high one with odd ones; the low one; the low one and, for the
            high one, 0, while *nibble* carries the high one's low four bits.
        nibble: The signal for that.
    """

    counter: str | None = None
    checksum: str | None = None
    kind: Kind = "crc8-j1850"
    data_id: int = 0
    data_id_mode: DataIdMode = "both"
    nibble: str | None = None

    def value(self, data: bytes, byte: int, counter: int) -> int:
        """Return the checksum of *data*, which has it in *byte*, and this *counter*."""
        others = data[:byte] + data[byte + 1 :]
        match self.kind:
            case "crc8-j1850":
                return crc8(others)
            case "xor":
                return reduce(xor, others, 0)
            case "sum":
                return sum(others) & 0xFF
            case "e2e-p1":
                return crc8(self._id_bytes(counter) + others, start=0, invert=0)

    def rounds(self, counter: Signal) -> int:
        """Return after how many frames *counter* is 0 again."""
        return 15 if self.kind == "e2e-p1" else 1 << counter.length

    def _id_bytes(self, counter: int) -> bytes:
        low, high = self.data_id & 0xFF, self.data_id >> 8
        match self.data_id_mode:
            case "both":
                return bytes((low, high))
            case "alternating":
                return bytes((high if counter % 2 else low,))
            case "low":
                return bytes((low,))
            case "nibble":
                return bytes((low, 0))


class Protector:
    """Puts counter, data id and checksum into frames of one message.

    Args:
        message: The message.
        protection: What it has.

    Attributes:
        signals: Those that it fills in.

    Raises:
        ValueError: There is no such signal, or it cannot be one; the text begins with which of
            them it is.
    """

    def __init__(self, message: Message, protection: Protection) -> None:
        self._protection = protection
        self._length = message.length
        self._sent = 0
        self._counter = _field(message, "counter", protection.counter)
        self._checksum = _field(message, "checksum", protection.checksum)
        self._nibble = _field(message, "nibble", protection.nibble)
        names = (protection.counter, protection.checksum, protection.nibble)
        self.signals = tuple(name for name in names if name is not None)
        if self._checksum and (self._checksum.length != 8 or first_bit(self._checksum) % 8):
            raise ValueError(
                f"checksum: got {self._checksum.name!r}, expected a signal that is a whole byte"
            )
        if protection.kind == "e2e-p1" and (not self._counter or self._counter.length != 4):
            raise ValueError(
                f"counter: got {protection.counter!r}, expected a signal of 4 bits for e2e-p1"
            )
        if (protection.data_id_mode == "nibble") != (
            self._nibble is not None and self._nibble.length == 4
        ):
            raise ValueError(
                f"nibble: got {protection.nibble!r}, expected a signal of 4 bits with the data id "
                "mode 'nibble', and none with others"
            )

    def protect(self, data: bytes) -> bytes:
        """Return *data*, whose signals for that are 0, with them filled in."""
        count = 0
        if self._counter:
            count = self._sent % self._protection.rounds(self._counter)
            self._sent += 1
            data = self._put(data, self._counter, count)
        if self._nibble:
            data = self._put(data, self._nibble, self._protection.data_id >> 8 & 0xF)
        if self._checksum:
            byte = first_bit(self._checksum) // 8
            value = self._protection.value(data, byte, count)
            data = data[:byte] + bytes((value,)) + data[byte + 1 :]
        return data

    def _put(self, data: bytes, signal: Signal, value: int) -> bytes:
        little = signal.byte_order == "little_endian"
        order: Literal["little", "big"] = "little" if little else "big"
        bits = value << shift(signal, self._length)
        return (int.from_bytes(data, order) | bits).to_bytes(self._length, order)


def _field(message: Message, role: str, name: str | None) -> Signal | None:
    if name is None:
        return None
    signals = {signal.name: signal for signal in message.signals}
    if name not in signals:
        known = ", ".join(map(repr, signals))
        raise ValueError(f"{role}: got {name!r}, expected one of {known}")
    return signals[name]
