"""Vector's binary log, read by python-can, which trusts the sizes in it."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

import can

_OBJECT = b"LOBJ"
_SIZE = Struct("<8xI")  # behind the signature and the header's own size and version
_ALIGNMENT = 8
LARGEST_OBJECT = 1 << 24
"""Bytes. What a bus carries takes hundreds; texts and pictures may lie between."""


class BlfReader(can.BLFReader):
    """python-can's reader, which ends at an object whose size cannot be.

    At one of no bytes python-can would go round for ever, and after one of gigabytes it would keep
    all that follows, in the hope of its end.
    """

    def _parse_data(self, data: bytes) -> Iterator[can.Message]:
        damage = _first_absurd(data)
        if damage is None:
            yield from super()._parse_data(data)
            return
        position, size = damage
        yield from super()._parse_data(data[:position])
        raise ValueError(f"an object of {size} bytes")


def _first_absurd(data: bytes) -> tuple[int, int] | None:
    """Return where in *data* an object of an impossible size is, and its size; None for nowhere."""
    at = 0
    # As python-can looks for the next object: in its padding.
    while (at := data.find(_OBJECT, at, at + _ALIGNMENT)) >= 0 and at + _SIZE.size <= len(data):
        (size,) = _SIZE.unpack_from(data, at)
        if not 0 < size <= LARGEST_OBJECT:
            return at, size
        at += size
    return None
