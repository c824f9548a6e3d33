"""From physical values to the bytes of a message, worked out once from the signal database."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from firmware_sim import wire

if TYPE_CHECKING:
    # For their names only: a scenario is checked without waiting for cantools.
    from cantools.database.can import Message, Signal

FLOAT_FORMATS = {16: "e", 32: "f", 64: "d"}
"""How `struct` packs IEEE 754 numbers, by their bits."""

_EXACT_BITS = 52
"""Raw values of so many bits are exact as floats, so that one division converts them."""
_CLASSIC_BYTES = 8
_LARGEST = {16: 65504.0, 32: (2 - 2**-23) * 2.0**127, 64: math.inf}


class Encoder:
    """Packs signals of one message, to the same bits as cantools, in a fraction of the time.

    What a signal cannot hold, by the database's minimum and maximum or by its bits, is sent as the
    nearest that it can; in an integer, what is not a number is sent as the lowest.

    Args:
        message: From the database.
        names: Which signals, in the order in which their values come; None for all of them, in
            the database's order. The bits of the others are 0.

    Attributes:
        names: The signals in that order.

    Raises:
        ValueError: *message* has no such signal.
    """

    def __init__(self, message: Message, names: Sequence[str] | None = None) -> None:
        signals = {signal.name: signal for signal in message.signals}
        self.names = tuple(signals) if names is None else tuple(names)
        for name in self.names:
            if name not in signals:
                known = ", ".join(map(repr, signals))
                raise ValueError(f"got signal {name!r} of {message.name}, expected one of {known}")
        self._bytes = message.length
        chosen = [signals[name] for name in self.names]
        self._converters = [_Converter(signal, message.length) for signal in chosen]
        # What all but a few signals in the world are; one loop without calls packs these.
        self._simple = all(
            signal.byte_order == "little_endian"
            and not signal.is_float
            and signal.length <= _EXACT_BITS
            for signal in chosen
        )
        self._slots = [
            (c.signal.scale, c.signal.offset, c.low, c.high, c.mask, c.shift)
            for c in self._converters
        ]
        extended = wire.EXTENDED if message.is_extended_frame else 0
        # Databases do not always say so, but only CAN FD has such frames.
        flags = wire.FD if message.is_fd or message.length > _CLASSIC_BYTES else 0
        self._header = wire.pack_frame(
            message.frame_id | extended, flags=flags, length=message.length
        )[:-64]

    def encode(self, values: Iterable[float]) -> bytes:
        """Return the message's data.

        Args:
            values: Physical, one for each of `names`.
        """
        if not self._simple:
            return self._encode_any(values)
        word = 0
        for value, (scale, offset, low, high, mask, shift) in zip(values, self._slots, strict=True):
            raw = (value - offset) / scale
            if raw >= high:
                word |= (high & mask) << shift
            elif raw > low:
                word |= (round(raw) & mask) << shift
            else:
                word |= (low & mask) << shift
        return word.to_bytes(self._bytes, "little")

    def record(self, data: bytes) -> bytes:
        """Return the record (`firmware_sim.wire`) that carries *data*."""
        return self._header + data.ljust(64, b"\0")

    def _encode_any(self, values: Iterable[float]) -> bytes:
        # A signal's bits are in one row only in the integer of its own byte order.
        little = big = 0
        for value, converter in zip(values, self._converters, strict=True):
            bits = (converter.raw(value) & converter.mask) << converter.shift
            if converter.signal.byte_order == "little_endian":
                little |= bits
            else:
                big |= bits
        turned = int.from_bytes(big.to_bytes(self._bytes, "big"), "little")
        return (little | turned).to_bytes(self._bytes, "little")


def first_bit(signal: Signal) -> int:
    """Return where *signal* begins, counted from the message's first bit in its byte order."""
    if signal.byte_order == "little_endian":
        return int(signal.start)
    # The database names the highest bit, and 7 is the first on the wire.
    return int(8 * (signal.start // 8) + 7 - signal.start % 8)


def shift(signal: Signal, length: int) -> int:
    """Return the place of the lowest bit of *signal* in a message of *length* bytes.

    That is, in the message as one integer of the signal's own byte order.
    """
    if signal.byte_order == "little_endian":
        return int(signal.start)
    return int(8 * length - first_bit(signal) - signal.length)


class _Converter:
    """From the physical value of one signal to its bits, and where they go."""

    def __init__(self, signal: Signal, length: int) -> None:
        self.signal = signal
        self.mask = (1 << signal.length) - 1
        self.shift = shift(signal, length)
        self.low, self.high = (
            (-(1 << signal.length - 1), self.mask >> 1) if signal.is_signed else (0, self.mask)
        )
        if not signal.is_float:
            least, most = signal.minimum, signal.maximum
            if signal.scale < 0:
                least, most = most, least
            # As rounding keeps the order, a limit of the value is one of the raw value.
            if least is not None:
                self.low = min(max(self.low, self._rounded(least)), self.high)
            if most is not None:
                self.high = max(min(self.high, self._rounded(most)), self.low)

    def raw(self, value: float) -> int:
        signal = self.signal
        if signal.is_float:
            return self._float(value)
        if not math.isfinite(value):
            return self.high if (value > 0) == (signal.scale > 0) and value == value else self.low
        return min(max(self._rounded(value), self.low), self.high)

    def _rounded(self, value: float) -> int:
        return int(self.signal.conversion.numeric_scaled_to_raw(value))

    def _float(self, value: float) -> int:
        signal = self.signal
        if signal.minimum is not None:
            value = max(value, signal.minimum)
        if signal.maximum is not None:
            value = min(value, signal.maximum)
        raw = signal.conversion.numeric_scaled_to_raw(float(value))
        largest = _LARGEST[signal.length]
        if not math.isinf(raw):
            raw = min(max(raw, -largest), largest)
        return int.from_bytes(struct.pack(f">{FLOAT_FORMATS[signal.length]}", raw), "big")
