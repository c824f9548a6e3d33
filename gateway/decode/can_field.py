"""One signal of a CAN message: where its bits are and how they become a value."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Number = int | float

_EXACT_IN_DOUBLE = 2**53
_LARGEST = sys.float_info.max

FLOAT_CODES = {16: "e", 32: "f", 64: "d"}
"""The `struct` code of a floating-point field, by its length in bits."""


def as_double(value: Number) -> float:
    """Return *value* rounded to a double; infinite where it is too great for one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


class Kind(IntEnum):
    """What turns a field's bits into a double with vector arithmetic alone."""

    LINEAR = 0
    """A 64-bit signed integer, converted, scaled, offset."""
    UNSIGNED = 1
    """The same for 64 bits without a sign."""
    FLOAT16 = 2
    FLOAT32 = 3
    FLOAT64 = 4
    EXACT = 5
    """Nothing: it needs integers beyond 64 bits, or lies in nine bytes. Python does it."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One signal of a message.

    Its value is ``raw * scale + offset`` in Python's own arithmetic, as cantools computes it: an
    integer scale multiplies exactly, and only the result is rounded to a double. With scale 1 and
    offset 0 it is the raw value itself.

    Attributes:
        name: Its name within the message.
        unit: "" where the database has none.
        minimum: The least value the database declares, in the signal's unit; None for no limit.
        maximum: The greatest, likewise.
        start: Bits before it, counted in its own byte order: for a little-endian field from bit 0
            of byte 0 upwards to its least significant bit; for a big-endian one from bit 7 of
            byte 0 downwards to its most significant bit.
        length: Bits, at least 1.
        little_endian: Its byte order.
        signed: Two's complement; ignored for floating point.
        floating: IEEE 754 of 16, 32 or 64 bits.
        scale: Factor, an int where the arithmetic is exact.
        offset: Added after the factor.
        is_switch: Its value selects which other fields the frame carries (a multiplexer).
        switch: The name of the field that selects this one; None if every frame carries it.
        switch_values: The values of *switch* at which the frame carries this field.
        reserves: Its highest raw values say that there is no value, as J1939 and NMEA 2000 have
            it; see `present`.
    """

    name: str
    start: int
    length: int
    little_endian: bool = True
    signed: bool = False
    floating: bool = False
    scale: Number = 1
    offset: Number = 0
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    is_switch: bool = False
    switch: str | None = None
    switch_values: tuple[int, ...] = ()
    reserves: bool = False

    @property
    def first_byte(self) -> int:
        """The first byte of the payload that holds a bit of it."""
        return self.start // 8

    @property
    def end_byte(self) -> int:
        """Bytes that a frame must have to carry all of it."""
        return (self.start + self.length + 7) // 8

    @property
    def window(self) -> int | None:
        """Offset of eight bytes of payload that hold all of it; None if it lies in nine or more.

        Fields share windows: byte 0, and every fourth byte from there, serve all but the longest.
        Within the first 64 bytes a window stays within them.
        """
        if self.end_byte - self.first_byte > 8:
            return None
        if self.end_byte <= 8:
            return 0
        first = self.first_byte if self.end_byte > 64 else min(self.first_byte, 56)
        shared = first - first % 4
        return shared if self.end_byte <= shared + 8 else first

    def shift(self, window: int, size: int = 8) -> int:
        """Bits below it in the *size* bytes from *window* on, read in its byte order."""
        before = self.start - 8 * window
        return before if self.little_endian else 8 * size - before - self.length

    @property
    def identity(self) -> bool:
        """Whether the value is the raw value as it is."""
        return self.scale == 1 and self.offset == 0

    def value(self, raw: Number) -> Number:
        """The value for *raw*, exactly as cantools computes it; infinite where it cannot."""
        if self.identity:
            return raw
        try:
            return raw * self.scale + self.offset
        except OverflowError:  # an integer of more than a thousand bits, times a float
            return math.inf if (raw > 0) == (self.scale > 0) else -math.inf

    def read(self, payload: bytes) -> float:
        """The value in a payload that carries it; infinite where it is too great for a double."""
        order: Literal["little", "big"] = "little" if self.little_endian else "big"
        held = payload[self.first_byte : self.end_byte]
        raw = int.from_bytes(held, order) >> self.shift(self.first_byte, len(held))
        raw &= (1 << self.length) - 1
        if self.floating:
            bits = raw.to_bytes(self.length // 8, "little")
            (number,) = struct.unpack(f"<{FLOAT_CODES[self.length]}", bits)
            return as_double(self.value(number))
        if self.signed and raw >> self.length - 1:
            raw -= 1 << self.length
        return as_double(self.value(raw))

    @property
    def raw_range(self) -> tuple[int, int]:
        """The least and greatest raw value; for integers only."""
        if self.signed:
            return -(1 << self.length - 1), (1 << self.length - 1) - 1
        return 0, (1 << self.length) - 1

    @property
    def kind(self) -> Kind:
        """How the vectorised pass computes it, bit for bit as `value` rounded to a double."""
        if self.window is None:
            return Kind.EXACT
        if self.floating:
            return {16: Kind.FLOAT16, 32: Kind.FLOAT32, 64: Kind.FLOAT64}[self.length]
        # An integer times an int is exact in Python. In doubles it is only as long as both stay
        # below 2**53; the sum is then rounded once, in both.
        if isinstance(self.scale, int) and not self.identity:
            reach = max(map(abs, self.raw_range))
            inexact = max(reach, reach * abs(self.scale)) > _EXACT_IN_DOUBLE
            if inexact or as_double(self.offset) != self.offset:
                return Kind.EXACT
        return Kind.UNSIGNED if self.length == 64 and not self.signed else Kind.LINEAR

    @property
    def limits(self) -> tuple[float, float]:
        """The least and greatest value that is in range, both finite.

        They are wider than the declared ones by a millionth of the scale, as in cantools: a
        10-bit signal with a scale of 0.1 and a maximum of 102.3 reaches 102.30000000000001.
        """
        slack = abs(self.scale) * 1e-6
        low = -_LARGEST if self.minimum is None else self.minimum - slack
        high = _LARGEST if self.maximum is None else self.maximum + slack
        return max(low, -_LARGEST), min(high, _LARGEST)

    @property
    def may_fall_below(self) -> bool:
        """Whether any bits it can hold give a value below `limits`."""
        return self.floating or min(map(self.value, self.raw_range)) < self.limits[0]

    @property
    def may_exceed(self) -> bool:
        """Whether any bits it can hold give a value above `limits`."""
        return self.floating or max(map(self.value, self.raw_range)) > self.limits[1]

    @property
    def present(self) -> tuple[float, float]:
        """The values between which lie all that are values, where it `reserves` others.

        A sensor that is not there or has failed still sends its messages. Of a field of two or
        three bits the highest raw value then says "not available", and from four bits on the two
        highest say that or "error" (SAE J1939-71, 5.1.2; NMEA 2000, "reserved values"). A double
        does not tell the highest values of more than 52 bits apart; so near the end, none is one.
        """
        highest = self.raw_range[1]
        reserved = 2 if self.length > 3 else 1
        last = highest - max(reserved, 1 << max(0, self.length - 50))
        edge = (as_double(self.value(last)) + as_double(self.value(last + 1))) / 2
        return (-math.inf, edge) if self.scale > 0 else (edge, math.inf)

    def raws(self, number: int) -> Iterator[int]:
        """Every raw value at which this field, as a switch, stands at *number*.

        A switch stands at its value, scaled, cut to an integer: the rule of cantools. Hardly any
        switch is scaled, and then the raw value is the number.
        """
        low, high = self.raw_range
        if self.identity:
            if low <= number <= high:
                yield number
            return
        ends = sorted((side - self.offset) / self.scale for side in (number - 1, number + 1))
        for raw in range(max(low, int(ends[0]) - 1), min(high, int(ends[1]) + 1) + 1):
            if int(self.value(raw)) == number:
                yield raw
