"""What every decoder of a byte stream promises, and which one reads what."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from gateway.config.model import ReplayConfig, SerialConfig
from gateway.counters import Counters
from gateway.decode.csv import CsvDecoder
from gateway.decode.framed import FramedDecoder
from gateway.decode.lines import LinesDecoder
from gateway.decode.nmea0183 import Nmea0183Decoder
from gateway.record import Origin, Samples
from gateway.signals import Signal, SignalTable


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

    def reset(self, midway: bool = False) -> int:
        """Forget a half-received unit, as after the link was lost.

        Args:
            midway: The next bytes may begin inside a unit. Where such a half would not be
                noticed by itself it is passed over, and counted as lost, "incomplete".

        Returns:
            1 if there was one, 0 if not. It was not counted yet; the caller does.
        """
        ...


def make_stream_decoder(
    config: SerialConfig | ReplayConfig, table: SignalTable, source_index: int
) -> StreamDecoder:
    """Return a new decoder of what *config* says travels on the line or in the recording.

    Raises:
        ValueError: It is not a byte stream: a recording of CAN frames.
    """
    if config.protocol is None:
        raise ValueError("got a recording of CAN frames, expected a byte stream")
    if config.protocol == "nmea0183":
        return Nmea0183Decoder(config.name, source_index, table)
    if config.protocol == "lines":
        return LinesDecoder(config.name, source_index, table, config.fields)
    if config.protocol == "csv":
        return CsvDecoder(config.name, source_index, table, config.fields, config.separator)
    return FramedDecoder(config.name, source_index, table, config.frames)
