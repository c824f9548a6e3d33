"""A serial line without a port: bytes in, readings out."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import xor

import pytest

from gateway.config.model import FieldConfig, FrameConfig, SerialConfig
from gateway.counters import Counters
from gateway.decode.stream import StreamDecoder, make_stream_decoder
from gateway.record import Origin, Quality
from gateway.signals import SignalTable


@dataclass
class Line:
    """A decoder with its table and counters, and everything it has said so far."""

    decoder: StreamDecoder
    table: SignalTable
    counters: Counters = field(default_factory=Counters)

    def feed(self, *pieces: bytes) -> list[tuple[str, float, Quality]]:
        """Return message.signal, value and quality of every sample that *pieces* complete."""
        readings = []
        for piece in pieces:
            for sample in self.decoder.feed(piece, 7, Origin.USER, self.counters):
                signal = self.table[sample["signal"]]
                name = f"{signal.message}.{signal.name}"
                readings.append((name, float(sample["value"]), Quality(sample["quality"])))
        lost = self.counters.lost.total()
        assert self.counters.received == self.counters.delivered + lost, self.counters
        return readings

    def values(self, *pieces: bytes) -> dict[str, float]:
        """Return the good samples that *pieces* complete, by message.signal."""
        return {name: value for name, value, quality in self.feed(*pieces) if not quality}

    def select(self, *names: str) -> None:
        self.decoder.select([self.table.resolve(name).index for name in names])

    @property
    def ledger(self) -> tuple[int, int, dict[str, int]]:
        """Received, delivered, lost by reason."""
        return self.counters.received, self.counters.delivered, dict(self.counters.lost)


@pytest.fixture
def line():
    """Make a `Line` that speaks the protocol of the configuration keys given."""

    def make(protocol: str, **keys) -> Line:
        config = SerialConfig(name="port", port="/dev/none", protocol=protocol, **keys)
        table = SignalTable()
        return Line(make_stream_decoder(config, table, 3), table)

    return make


@pytest.fixture
def fields():
    """Make fields from names, or from names with the keys of `FieldConfig`."""

    def make(*names: str, **declared: dict) -> tuple[FieldConfig, ...]:
        plain = [FieldConfig(name=name) for name in names]
        return (*plain, *(FieldConfig(name=name, **keys) for name, keys in declared.items()))

    return make


@pytest.fixture
def sentence():
    """Frame a sentence's text: "$", checksum, line end."""

    def make(body: str, start: str = "$") -> bytes:
        return f"{start}{body}*{reduce(xor, body.encode(), 0):02X}\r\n".encode()

    return make


@pytest.fixture
def telemetry(line, fields):
    """Make a `Line` with two kinds of frames: 1 = engine (little), 2 = gps (big-endian)."""

    def make() -> Line:
        engine = FrameConfig(
            name="engine",
            id=1,
            fields=fields(
                rpm={"type": "u16", "unit": "rpm", "maximum": 20000},
                temperature={"type": "i16", "scale": 0.1, "offset": -40, "unit": "degC"},
                pressure={"type": "f32", "unit": "bar"},
            ),
        )
        gps = FrameConfig(
            name="gps", id=2, byte_order="big", fields=fields(heading={"type": "u32"})
        )
        return line("framed", frames=(engine, gps))

    return make
