"""Cuts a stream of bytes into units at a delimiter, in bounded memory."""

from __future__ import annotations

from gateway.counters import Counters

LIMIT = 4096
"""Bytes a unit may have. NMEA 0183 allows 82 and real talkers send some hundred; whatever does
not end within this is noise, the wrong bit rate, or another protocol."""

UNKNOWN_LIMIT = 256
"""Different unknown ids counted by name. Noise can look like any number of them."""


class Splitter:
    """Collects bytes until a delimiter and counts every unit once, whatever becomes of it.

    Units between two delimiters without a byte in between are not units and are not counted.

    Args:
        delimiter: The one byte that ends a unit.
        limit: Bytes a unit may have without its delimiter; a longer one is lost as "too_long",
            and its bytes are dropped as they come.
    """

    def __init__(self, delimiter: bytes, limit: int = LIMIT) -> None:
        self._delimiter = delimiter
        self._limit = limit
        self._rest = b""
        self._midway = False
        self._skipping = False

    def feed(self, data: bytes, counters: Counters) -> list[bytes]:
        """Return the units that *data* completes, each of 1 to *limit* bytes, and count them."""
        if self._midway and data:
            self._midway = False
            if not data.startswith(self._delimiter):
                self._skip("incomplete", counters)
        if self._skipping:
            _, ended, data = data.partition(self._delimiter)
            if not ended:
                return []
            self._skipping = False
        *pieces, self._rest = (self._rest + data).split(self._delimiter)
        units = [piece for piece in pieces if 0 < len(piece) <= self._limit]
        counters.received += len(units)
        # Each piece is either empty, kept, or too long: the count of the last is what is left.
        if too_long := len(pieces) - len(units) - pieces.count(b""):
            counters.received += too_long
            counters.lost["too_long"] += too_long
        if len(self._rest) > self._limit:
            self._rest = b""
            self._skip("too_long", counters)
        return units

    def reset(self, midway: bool = False) -> int:
        """See `gateway.decode.stream.StreamDecoder.reset`."""
        halves = int(self._rest != b"")
        self._rest = b""
        self._skipping = False
        self._midway = midway
        return halves

    def _skip(self, reason: str, counters: Counters) -> None:
        """Count the unit under way as lost; what is still to come of it belongs to it."""
        self._skipping = True
        counters.received += 1
        counters.lost[reason] += 1


def count_unknown(name: int | str, counters: Counters) -> None:
    """Count an unknown id, by name as long as there are not too many names."""
    known = name in counters.unknown or len(counters.unknown) < UNKNOWN_LIMIT
    counters.unknown[name if known else "others"] += 1
