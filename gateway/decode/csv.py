"""Text lines with a number a column, in a declared order.

21.5,40,1013.2
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.config.model import FieldConfig
from gateway.counters import Counters
from gateway.decode.slot import SampleWriter, Slot, number, register
from gateway.decode.splitter import Splitter
from gateway.record import Origin, Samples
from gateway.signals import SignalTable


class CsvDecoder:
    """The `StreamDecoder` of lines of columns. Signals are called ``source.line.column``.

    A line counts as a whole: with another number of columns than declared, or something that is
    not a number in a column that is asked for, it is lost as "malformed" (a heading is, too). An
    empty column is "no value". There is no quoting, and the decimal mark is the point.

    Args:
        source: The source's name.
        source_index: Its position in the configuration.
        table: Where the signals are registered.
        fields: The columns, in order.
        separator: The character between columns; a blank stands for any run of blanks.
    """

    unit = "lines"

    def __init__(
        self,
        source: str,
        source_index: int,
        table: SignalTable,
        fields: Sequence[FieldConfig],
        separator: str = ",",
    ) -> None:
        self._source_index = source_index
        self._separator = None if separator == " " else separator.encode()
        self.signals = register(fields, source, "line", table)
        self._slots = [
            Slot.of(signal, field.scale, field.offset)
            for field, signal in zip(fields, self.signals, strict=True)
        ]
        self._splitter = Splitter(b"\n")
        self._columns = list(enumerate(self._slots))

    def select(self, wanted: Collection[int]) -> None:
        """See `StreamDecoder`."""
        self._columns = [
            (column, slot) for column, slot in enumerate(self._slots) if slot.signal in wanted
        ]

    def feed(self, data: bytes, t_ns: int, origin: Origin, counters: Counters) -> Samples:
        """See `StreamDecoder`."""
        out = SampleWriter(self._source_index, t_ns, origin)
        for line in self._splitter.feed(data.replace(b"\r", b"\n"), counters):
            cells = line.split(self._separator)
            if len(cells) != len(self._slots):
                counters.lost["malformed"] += 1
                continue
            mark = out.mark()
            try:
                for column, slot in self._columns:
                    if cell := cells[column].strip():
                        out.add(slot, number(cell))
            except ValueError:
                out.take_back(mark)
                counters.lost["malformed"] += 1
            else:
                counters.delivered += 1
        return out.samples()

    def reset(self, midway: bool = False) -> int:
        """See `StreamDecoder`."""
        return self._splitter.reset(midway)
