"""What a unit of traffic is, on a CAN bus and on a serial line, and how it can be wrong."""

from __future__ import annotations

import random
import re
from typing import Protocol

from firmware_sim import wire
from firmware_sim.faults.kinds import Corrupt

ENDS = {"gps": b"\n", "wind": b"\n", "framed-sensor": b"\0", "slcan": b"\r", "process": b"\n"}
"""What ends a unit of what a type of device sends; of others, each thing it says is one."""

_NMEA_CHECKSUM = re.compile(rb"\*[0-9A-Fa-f]([0-9A-Fa-f])\r?\n?\Z")
_DATA = 16  # where a record's data begins


class Medium(Protocol):
    """What travels."""

    def split(self, data: bytes) -> list[bytes]:
        """Return the units of *data*."""
        ...

    def kind_of(self, unit: bytes) -> bytes:
        """Return what units of one kind have in common."""
        ...

    def corrupt(self, unit: bytes, spec: Corrupt, rng: random.Random) -> bytes:
        """Return *unit* with what *spec* says wrong in it."""
        ...

    def truncate(self, unit: bytes, length: int | None, rng: random.Random) -> bytes:
        """Return the beginning of *unit*: *length* bytes, or less than all of them."""
        ...


class CanMedium:
    """Frames, each a record of `firmware_sim.wire`."""

    def split(self, data: bytes) -> list[bytes]:
        """See `Medium`."""
        size = wire.RECORD_SIZE
        return [data[start : start + size] for start in range(0, len(data), size)]

    def kind_of(self, unit: bytes) -> bytes:
        """See `Medium`: the id."""
        return unit[8:12]

    def corrupt(self, unit: bytes, spec: Corrupt, rng: random.Random) -> bytes:
        """See `Medium`."""
        length = unit[12]
        if not length:
            return unit
        changed = bytearray(unit)
        if spec.field == "bits":
            _flip(changed, _DATA, length, spec, rng)
            return bytes(changed)
        place = _DATA + min(spec.byte or 0, length - 1)
        if spec.field == "crc":
            changed[place] ^= rng.randrange(1, 256)
        else:
            counter = changed[place] & 0x0F
            changed[place] ^= counter ^ (counter + rng.randrange(2, 15)) & 0x0F
        return bytes(changed)

    def truncate(self, unit: bytes, length: int | None, rng: random.Random) -> bytes:
        """See `Medium`: a shorter frame, with its own CRC."""
        stamp, can_id, whole, flags, _, data = wire.FRAME.unpack(unit)
        kept = rng.randrange(whole) if length is None and whole else min(length or 0, whole)
        return wire.FRAME.pack(stamp, can_id, kept, flags, 0, data[:kept])


class SerialMedium:
    """Sentences, or whatever a type of device says at once.

    Args:
        kind: The type of device.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._end = ENDS.get(kind)

    def split(self, data: bytes) -> list[bytes]:
        """See `Medium`."""
        end = self._end
        if end is None:
            return [data]
        units = [unit + end for unit in data.split(end)]
        units[-1] = units[-1][: -len(end)]
        return [unit for unit in units if unit]

    def kind_of(self, unit: bytes) -> bytes:
        """See `Medium`: how it begins, which in NMEA 0183 is its type."""
        return unit[:6] if unit[:1] == b"$" else unit[:2]

    def corrupt(self, unit: bytes, spec: Corrupt, rng: random.Random) -> bytes:
        """See `Medium`."""
        changed = bytearray(unit)
        if spec.field == "bits":
            _flip(changed, 0, len(unit.rstrip(b"\r\n\0")) or len(unit), spec, rng)
        elif self._end == b"\n" and (checksum := _NMEA_CHECKSUM.search(unit)):
            digit = int(checksum[1], 16)
            changed[checksum.start(1) : checksum.end(1)] = b"%X" % (digit ^ rng.randrange(1, 16))
        else:
            body = unit.removesuffix(self._end or b"")
            if self._end == b"\n":
                body = body.removesuffix(b"\r")
            place = max(len(body) - 1, 0)
            before = changed[place]
            # Not 0, which would end a packet.
            changed[place] = rng.choice([byte for byte in range(1, 256) if byte != before])
        return bytes(changed)

    def truncate(self, unit: bytes, length: int | None, rng: random.Random) -> bytes:
        """See `Medium`: without its end."""
        kept = rng.randrange(1, max(len(unit) - 1, 2)) if length is None else length
        return unit[:kept]


def _flip(changed: bytearray, first: int, length: int, spec: Corrupt, rng: random.Random) -> None:
    if spec.byte is not None:
        first, length = first + min(spec.byte, length - 1), 1
    for bit in rng.sample(range(8 * length), min(spec.bits, 8 * length)):
        changed[first + bit // 8] ^= 1 << bit % 8
