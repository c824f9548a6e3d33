"""What every decoder of a byte stream promises."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from gateway.counters import Counters
from gateway.record import Origin, Samples
from gateway.signals import Signal


class StreamDecoder(Protocol):
    """Turns the bytes of a serial line into samples. No I/O, no clock; memory is bounded.

    Feeding the same bytes in any pieces gives the same samples (but for their times) and counts.

    Attributes:
        signals: All that it could deliver, as registered in the `SignalTable` when constructed.
        unit: What it counts, in the plural: "sentences", "lines", "frames".
    """

    signals: tuple[Signal, ...]
    unit: str

    def select(self, wanted: Collection[int]) -> None:
        """Decode only the signals with these indices from now on."""
        ...

    def feed(self, data: bytes, t_ns: int, origin: Origin, counters: Counters) -> Samples:
        """Return the samples that *data* completes, in order, all stamped *t_ns*.

        Args:
            data: What was read, cut anywhere.
            t_ns: When it was read, on the source's time line.
            origin: Who stamped it.
            counters: Where units, and losses by reason, are counted.
        """
        ...

    def reset(self) -> None:
        """Forget a half-received unit, as after the link was lost."""
        ...
