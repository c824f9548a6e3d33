"""A CAN bus as a source."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Self

import numpy as np

from gateway.clock import SYSTEM_CLOCK, Clock
from gateway.config.model import CanConfig, Config, FieldError, key_of
from gateway.counters import Counters
from gateway.decode.database import FrameDatabase
from gateway.decode.frames import FrameDecoder
from gateway.errors import ConfigError, LinkClosedError
from gateway.record import FRAME, SAMPLE, Samples
from gateway.signals import Signal, SignalTable
from gateway.sources.link import LinkState
from gateway.sources.readers import choose_reader
from gateway.sources.readers.filters import FrameFilters

BATCH = 1024
"""Frames that one `read` takes at most."""


class CanSource:
    """``type = "can"``: the `Source` that reads a bus through the reader chosen for it.

    Args:
        config: The source's section.
        whole: The whole configuration, which knows its folder.
        signals: Where its signals are registered.
        index: Its position in the configuration.
        clock: What stamps frames that come without a time.

    Raises:
        DatabaseError: A database cannot be used.
        ConfigError: The reader has no such option.
    """

    unit = "frames"
    live = True

    def __init__(
        self,
        config: CanConfig,
        whole: Config,
        signals: SignalTable,
        index: int,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.name = config.name
        self.counters = Counters()
        self._database = FrameDatabase.load([whole.resolve(file) for file in config.dbc])
        self.signals = self._database.register(signals, config.name)
        self._decoder = FrameDecoder([self._database], [self.signals], index)
        try:
            self._reader = choose_reader(config, clock, self.counters)
        except FieldError as error:
            where = key_of(config, error.key)
            raise ConfigError(whole.file, where, error.got, error.expected) from None
        self._frames = np.zeros(BATCH, FRAME)
        self._only_wanted = config.filters == "wanted"
        self._filters: FrameFilters | None = None
        self._explicit: FrameFilters | None = None
        if config.filters and not self._only_wanted:
            self._explicit = FrameFilters.parse(config.filters)
            self._filter(self._explicit)
        self._open = False

    @property
    def tier(self) -> str:
        """How its reader gets frames, in the reader's words; "" before it was opened."""
        return self._reader.tier

    def select(self, wanted: Collection[int]) -> None:
        """See `Source`."""
        self._decoder.select(wanted)
        if self._only_wanted:
            names = {signal.message for signal in self.signals if signal.index in wanted}
            messages = (each for each in self._database.messages if each.name in names)
            self._filter(FrameFilters.of(messages))

    def delivers(self, signal: Signal) -> bool:
        """Tell whether its configured filters let through any frame that carries *signal*."""
        if self._explicit is None:
            return True
        carriers = (each for each in self._database.messages if each.name == signal.message)
        return any(map(self._explicit.may_pass, carriers))

    def _filter(self, filters: FrameFilters) -> None:
        """Take no other frames."""
        self._filters = None if self._reader.filter(filters) else filters

    def __enter__(self) -> Self:
        """See `Source`."""
        self._reader.open()
        self._open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = False
        self._reader.close()

    def fileno(self) -> int | None:
        """See `Source`."""
        return self._reader.fileno()

    def read(self, timeout_ns: int) -> Samples | None:
        """See `Source`. Returns as soon as frames have come, whether or not they are asked for."""
        if not self._open:
            raise LinkClosedError(f"{self.name}: read outside its with block")
        frames = self._frames[: self._reader.read_into(self._frames, timeout_ns)]
        if self._filters and len(frames):
            frames = frames[self._filters.passes(frames["can_id"])]
        if not len(frames):
            return np.empty(0, SAMPLE)
        return self._decoder.decode(frames, self.counters)

    def link_states(self) -> Mapping[LinkState, str]:
        """See `Source`."""
        return self._reader.link_states()
