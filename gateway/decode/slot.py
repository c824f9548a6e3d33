"""From the number that was sent to a sample: scale, range, quality."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from gateway.config.model import FieldConfig
from gateway.record import SAMPLE, Origin, Quality, Samples
from gateway.signals import Signal, SignalTable

_SAMPLE = struct.Struct("=qdIHBB")  # gateway.record.SAMPLE, which has no gaps
_GOOD, _OUT_OF_RANGE, _INVALID = map(int, Quality)

NO_SAMPLES: Samples = np.empty(0, SAMPLE)
NO_SAMPLES.flags.writeable = False


class Slot(NamedTuple):
    """Where a field's numbers go.

    Attributes:
        signal: Its signal's number.
        scale: Multiplies what was sent.
        offset: Added after the scale.
        low: The least value in range; the least finite number where no range is declared.
        high: The greatest, likewise.
    """

    signal: int
    scale: float
    offset: float
    low: float
    high: float

    @classmethod
    def of(cls, signal: Signal, scale: float = 1.0, offset: float = 0.0) -> Slot:
        """Return the slot of *signal*, with the range that the signal declares."""
        # Infinity is not a reading, so without a declared range the finite numbers are the range.
        low = -sys.float_info.max if signal.minimum is None else signal.minimum
        high = sys.float_info.max if signal.maximum is None else signal.maximum
        return cls(signal.index, scale, offset, low, high)


def register(
    fields: Iterable[FieldConfig], source: str, message: str, table: SignalTable
) -> tuple[Signal, ...]:
    """Add declared fields to *table* as signals of *message* and return these in order."""
    return tuple(
        table.add(source, message, field.name, field.unit, field.minimum, field.maximum)
        for field in fields
    )


class SampleWriter:
    """Collects the samples of one batch, one value at a time.

    A read of a serial line brings a handful of values: packing each costs less than the fixed
    price of a pass with numpy, which only pays from some twenty values up.

    Args:
        source_index: The source's position in the configuration.
        t_ns: The time of all samples.
        origin: Who stamped it.
    """

    __slots__ = ("_buffer", "_origin", "_source", "_t_ns")

    def __init__(self, source_index: int, t_ns: int, origin: Origin) -> None:
        self._buffer = bytearray()
        self._source = source_index
        self._t_ns = t_ns
        self._origin = int(origin)

    def add(self, slot: Slot, raw: float, valid: bool = True) -> None:
        """Append a sample.

        Args:
            slot: Whose value it is.
            raw: The number as it was sent.
            valid: False when the device itself says that the value is not to be used.
        """
        signal, scale, offset, low, high = slot
        value = raw * scale + offset
        if low <= value <= high:
            quality = _GOOD
        elif math.isfinite(value):
            quality = _OUT_OF_RANGE
        else:
            value, quality = math.nan, _INVALID
        self._buffer += _SAMPLE.pack(
            self._t_ns,
            value,
            signal,
            self._source,
            quality if valid else _INVALID,
            self._origin,
        )

    def mark(self) -> int:
        """Return the place to which `take_back` can return."""
        return len(self._buffer)

    def take_back(self, mark: int) -> None:
        """Forget what was added since *mark*."""
        del self._buffer[mark:]

    def samples(self) -> Samples:
        """Return what was added, in order."""
        return np.frombuffer(self._buffer, SAMPLE) if self._buffer else NO_SAMPLES


def number(text: bytes) -> float:
    """Return the decimal number in *text*; blanks round it do not matter.

    Raises:
        ValueError: It is not one. NaN and infinities are numbers here: a device that says "nan"
            has something to say, and the sample says it as `Quality.INVALID`.
    """
    if b"_" in text:  # a number to Python, not to any device
        raise ValueError("got an underscore, expected a number")
    return float(text)
