"""Frames that a test sends, put on the bench's buses."""

from __future__ import annotations

import select
from collections.abc import Mapping
from typing import Any

import numpy as np

from gateway.bench.errors import BenchError, unknown
from gateway.bench.holdings import LinkHoldings
from gateway.clock import NS_PER_S, Clock
from gateway.config.model import CanConfig, Config, FieldError
from gateway.config.show import one_of
from gateway.config.values import SignalValue
from gateway.decode.database import read_database
from gateway.errors import LinkError
from gateway.record import FRAME, Frames
from gateway.transmit.encoding import Encoder
from gateway.transmit.writers import FrameWriter, choose_writer

TAKEN_WITHIN_NS = NS_PER_S


class Sender:
    """Encodes messages and sends them, and frames as they are. Opens a bus when it is needed.

    Args:
        config: The sources, as they are on this bench.
        clock: CLOCK_MONOTONIC.

    Attributes:
        holdings: What came with the buses since the last `close`.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._sources = {each.name: each for each in config.source if isinstance(each, CanConfig)}
        self._messages: dict[str, dict[str, Any]] | None = None
        self._encoders: dict[tuple[str, str], Encoder] = {}
        self._writers: dict[tuple[str, int], FrameWriter] = {}
        self.holdings = LinkHoldings()

    @property
    def sources(self) -> list[str]:
        """The names of the sources on whose buses something can be sent."""
        return list(self._sources)

    def descriptors(self) -> list[int]:
        """Return the descriptors that become readable when `poll` has something to do."""
        found = (writer.fileno() for writer in self._writers.values())
        return [descriptor for descriptor in found if descriptor is not None]

    def poll(self) -> None:
        """Take what the buses give back: a node that takes nothing would hold up the others."""
        for key, writer in list(self._writers.items()):
            try:
                writer.poll()
            except LinkError:
                self._leave(key)

    def send(
        self, message: str, values: Mapping[str, SignalValue], source: str | None = None
    ) -> int:
        """Send one frame of *message*; return when it was handed over.

        Signals without a value have the database's start value.

        Raises:
            BenchError: There is no such message or signal, a value does not fit, or the bus does
                not take the frame.
        """
        source = source or self._source_of(message)
        if source not in self._sources:
            raise unknown("send: source", source, "the name of a CAN source", self._sources)
        found = self._all_messages()[source].get(message)
        if found is None:
            raise self._unknown(message)
        try:
            key = source, message
            if key not in self._encoders:
                self._encoders[key] = Encoder(found, self._sources[source].fd)
            initial = {
                signal.name: signal.initial
                for signal in found.signals
                if signal.initial is not None and signal.name not in values
            }
            frame = self._encoders[key].encode(values, _numbers(initial))
        except FieldError as error:
            where = f"{message}.{error.key}" if error.key else message
            raise BenchError(f"send: {where}: got {error.got}, expected {error.expected}") from None
        return self._put(source, frame)

    def send_raw(self, source: str, can_id: int, data: bytes) -> int:
        """Send one classic frame; return when it was handed over. *can_id* as in `CanId`.

        Raises:
            BenchError: The bus does not take it.
        """
        frame = np.zeros(1, FRAME)
        frame["can_id"], frame["len"] = can_id, len(data)
        frame["data"][0, : len(data)] = np.frombuffer(data, np.uint8)
        return self._put(source, frame)

    def close(self) -> None:
        """Leave the buses. May be called twice."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        self.holdings = LinkHoldings()

    def words(self, source: str, message: str, signal: str) -> dict[str, float]:
        """Return the words that the database has for a signal's values."""
        messages = self._all_messages().get(source, {})
        if message not in messages:
            return {}
        found = messages[message].get_signal_by_name(signal)
        return {
            str(word): float(found.conversion.raw_to_scaled(raw, decode_choices=False))
            for raw, word in (found.choices or {}).items()
        }

    def _put(self, source: str, frame: Frames) -> int:
        can_id = int(frame["can_id"][0])
        try:
            writer = self._writer(source, can_id)
            until_ns = self._clock.monotonic_ns() + TAKEN_WITHIN_NS
            while True:
                now_ns = self._clock.monotonic_ns()
                if writer.write(frame):
                    return now_ns
                if now_ns > until_ns:
                    raise BenchError(f"send: {source} has not taken a frame for 1 s")
                self.poll()
                select.poll().poll(2)
        except LinkError as error:
            self._leave((source, can_id))
            raise BenchError(f"send: {error}") from None

    def _writer(self, source: str, can_id: int) -> FrameWriter:
        key = source, can_id
        if key not in self._writers:
            writer = choose_writer(self._sources[source], [can_id])
            with self.holdings.gathering():
                writer.open()
            self._writers[key] = writer
        return self._writers[key]

    def _leave(self, key: tuple[str, int]) -> None:
        if (writer := self._writers.pop(key, None)) is not None:
            writer.close()

    def _all_messages(self) -> dict[str, dict[str, Any]]:
        if self._messages is None:
            self._messages = {
                name: {
                    message.name: message
                    for file in reversed(source.dbc)
                    for message in read_database(self._config.resolve(file)).messages
                }
                for name, source in self._sources.items()
            }
        return self._messages

    def _source_of(self, message: str) -> str:
        found = [name for name, messages in self._all_messages().items() if message in messages]
        if len(found) == 1:
            return found[0]
        if found:
            raise BenchError(f"send: {message!r} is on {one_of(found)}: say source=...")
        raise self._unknown(message)

    def _unknown(self, message: str) -> BenchError:
        names = {name: None for messages in self._all_messages().values() for name in messages}
        return unknown("send", message, "a message of the databases", names)


def _numbers(initial: Mapping[str, Any]) -> dict[str, SignalValue]:
    """Return start values as the encoder takes them: cantools has words as objects of its own."""
    return {
        name: value if isinstance(value, int | float) else str(value)
        for name, value in initial.items()
    }
