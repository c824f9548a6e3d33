"""Text lines of ``name=value``, as a microcontroller prints them.

    temperature=21.5, humidity=40

Pairs are separated by commas, semicolons or blanks; blanks round the "=" do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from gateway.config.model import FieldConfig
from gateway.counters import Counters
from gateway.decode.slot import SampleWriter, Slot, number, register
from gateway.decode.splitter import Splitter, count_unknown
from gateway.record import Origin, Samples
from gateway.signals import SignalTable

_EQUALS = re.compile(rb"[ \t]*=[ \t]*")
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_.:/-]{0,63}")


class LinesDecoder:
    """The `StreamDecoder` of ``name=value`` lines. Signals are called ``source.line.name``.

    A line counts as a whole: where one pair is damaged none of the line is believed, and it is
    lost as "malformed". A name that is not declared is counted as unknown and may have any value.
    A declared one without a value (``a=,b=2``) is "no value".

    Args:
        source: The source's name.
        source_index: Its position in the configuration.
        table: Where the signals are registered.
        fields: The known names.
    """

    unit = "lines"

    def __init__(
        self, source: str, source_index: int, table: SignalTable, fields: Sequence[FieldConfig]
    ) -> None:
        self._source_index = source_index
        self.signals = register(fields, source, "line", table)
        self._slots: dict[bytes, Slot] = {
            field.name.encode(): Slot.of(signal, field.scale, field.offset)
            for field, signal in zip(fields, self.signals, strict=True)
        }
        self._splitter = Splitter(b"\n")
        self._wanted = frozenset(signal.index for signal in self.signals)

    def select(self, wanted: Collection[int]) -> None:
        """See `StreamDecoder`."""
        self._wanted = frozenset(wanted)

    def feed(self, data: bytes, t_ns: int, origin: Origin, counters: Counters) -> Samples:
        """See `StreamDecoder`."""
        out = SampleWriter(self._source_index, t_ns, origin)
        for line in self._splitter.feed(data.replace(b"\r", b"\n"), counters):
            mark = out.mark()
            unknown: list[str] = []
            try:
                self._decode(line, out, unknown)
            except ValueError:
                out.take_back(mark)
                counters.lost["malformed"] += 1
            else:
                counters.delivered += 1
                for name in unknown:
                    count_unknown(name, counters)
        return out.samples()

    def reset(self, midway: bool = False) -> int:
        """See `StreamDecoder`."""
        return self._splitter.reset(midway)

    def _decode(self, line: bytes, out: SampleWriter, unknown: list[str]) -> None:
        if b" " in line or b"\t" in line:
            line = _EQUALS.sub(b"=", line)
        pairs = line.replace(b",", b" ").replace(b";", b" ").split()
        if not pairs:
            raise ValueError("got no pair")
        for pair in pairs:
            name, equals, value = pair.partition(b"=")
            if not equals or b"=" in value:
                raise ValueError("got no pair")
            slot = self._slots.get(name)
            if slot is None:
                if not _NAME.fullmatch(name):
                    raise ValueError("got no name")
                unknown.append(name.decode("ascii"))
            elif value and slot.signal in self._wanted:
                out.add(slot, number(value))
