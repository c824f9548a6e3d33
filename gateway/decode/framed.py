"""A binary protocol for microcontrollers: declared structs, CRC-16, COBS, a zero byte.

    packet = id (1 byte), fields (packed, in order), CRC (2 bytes, most significant first)
    sent   = COBS(packet), 0x00

The CRC is CRC-16/CCITT-FALSE (polynomial 0x1021, initial value 0xFFFF, not reflected, no final
XOR; 0x29B1 for the text "123456789") over the id and the fields. COBS is "Consistent Overhead
Byte Stuffing" (Cheshire and Baker, 1997): it rewrites a packet so that it contains no zero, which
leaves the zero to mean nothing but "end". So a receiver that joins late, or lost bytes, is back in
step at the next zero.

What becomes of a frame is one of: decoded, of unknown id (counted by id), or lost with one of the
reasons "malformed" (not COBS, or too short to be a packet), "checksum", "length" (right checksum,
other size than declared), "too_long", "incomplete".
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Collection, Sequence

import numpy as np
from cobs import cobs
from numpy.typing import NDArray

from gateway.config.model import FrameConfig
from gateway.counters import Counters
from gateway.decode.slot import NO_SAMPLES, Slot, register
from gateway.decode.splitter import LIMIT, Splitter, count_unknown
from gateway.record import SAMPLE, Origin, Quality, Samples
from gateway.signals import Signal, SignalTable

_OVERHEAD = 3
"""Bytes of a packet besides its fields: the id and the CRC."""


class _Kind:
    """One declared kind of frame: its layout, and what is asked for of it."""

    def __init__(self, config: FrameConfig, signals: tuple[Signal, ...]) -> None:
        order = "<" if config.byte_order == "little" else ">"
        self.layout = np.dtype(
            [(field.name, order + _NUMPY_TYPES[field.type]) for field in config.fields]
        )
        self._slots = [
            (field.name, Slot.of(signal, field.scale, field.offset))
            for field, signal in zip(config.fields, signals, strict=True)
        ]
        self.select({signal.index for signal in signals})

    def select(self, wanted: Collection[int]) -> None:
        self._fields = [(name, slot) for name, slot in self._slots if slot.signal in wanted]
        self.width = len(self._fields)

    def decode(self, payloads: Sequence[bytes], starts: NDArray[np.intp], out: Samples) -> None:
        """Write the samples of frame ``i`` to *out* from ``starts[i]`` on."""
        frames = np.frombuffer(b"".join(payloads), self.layout)
        for column, (name, slot) in enumerate(self._fields):
            with np.errstate(invalid="ignore", over="ignore"):  # what becomes of it is told below
                value = frames[name].astype(np.float64) * slot.scale + slot.offset
            finite = np.isfinite(value)
            out_of_range = (value < slot.low) | (value > slot.high)
            at = starts + column
            out["signal"][at] = slot.signal
            out["value"][at] = np.where(finite, value, np.nan)
            out["quality"][at] = np.where(
                finite, np.where(out_of_range, Quality.OUT_OF_RANGE, Quality.GOOD), Quality.INVALID
            )


_NUMPY_TYPES = {
    "u8": "u1", "i8": "i1", "u16": "u2", "i16": "i2", "u32": "u4", "i32": "i4",
    "u64": "u8", "i64": "i8", "f32": "f4", "f64": "f8",
}  # fmt: skip


class FramedDecoder:
    """The `StreamDecoder` of framed packets. Signals are called ``source.frame.field``.

    Args:
        source: The source's name.
        source_index: Its position in the configuration.
        table: Where the signals are registered.
        frames: The kinds of frames.
    """

    unit = "frames"

    def __init__(
        self, source: str, source_index: int, table: SignalTable, frames: Sequence[FrameConfig]
    ) -> None:
        self._source_index = source_index
        signals: list[Signal] = []
        self._kinds: dict[int, _Kind] = {}
        for frame in frames:
            added = register(frame.fields, source, frame.name, table)
            self._kinds[frame.id] = _Kind(frame, added)
            signals += added
        self.signals = tuple(signals)
        largest = max(kind.layout.itemsize for kind in self._kinds.values()) + _OVERHEAD
        # COBS adds one byte, and one more for every 254.
        self._splitter = Splitter(b"\0", max(LIMIT, largest + largest // 254 + 1))

    def select(self, wanted: Collection[int]) -> None:
        """See `StreamDecoder`."""
        for kind in self._kinds.values():
            kind.select(wanted)

    def feed(self, data: bytes, t_ns: int, origin: Origin, counters: Counters) -> Samples:
        """See `StreamDecoder`."""
        payloads: dict[int, list[bytes]] = {}
        starts: dict[int, list[int]] = {}
        samples = 0
        for unit in self._splitter.feed(data, counters):
            packet = self._unpack(unit, counters)
            if packet is not None and (kind := self._kinds[packet[0]]).width:
                payloads.setdefault(packet[0], []).append(packet[1:-2])
                starts.setdefault(packet[0], []).append(samples)
                samples += kind.width
        if not samples:
            return NO_SAMPLES
        out = np.empty(samples, SAMPLE)
        out["t_ns"], out["source"], out["origin"] = t_ns, self._source_index, origin
        for number, found in payloads.items():
            self._kinds[number].decode(found, np.array(starts[number], np.intp), out)
        return out

    def reset(self, midway: bool = False) -> int:  # noqa: ARG002 - the CRC finds half a frame out
        """See `StreamDecoder`."""
        return self._splitter.reset()

    def _unpack(self, unit: bytes, counters: Counters) -> bytes | None:
        """Return the packet in *unit* if it is whole and of a known kind; count it."""
        try:
            packet: bytes = cobs.decode(unit)
        except cobs.DecodeError:
            counters.lost["malformed"] += 1
            return None
        if len(packet) < _OVERHEAD:
            counters.lost["malformed"] += 1
        # The CRC of data followed by its own CRC is 0.
        elif crc_hqx(packet, 0xFFFF):
            counters.lost["checksum"] += 1
        elif (kind := self._kinds.get(packet[0])) is None:
            count_unknown(packet[0], counters)
            counters.delivered += 1
        elif len(packet) != kind.layout.itemsize + _OVERHEAD:
            counters.lost["length"] += 1
        else:
            counters.delivered += 1
            return packet
        return None
