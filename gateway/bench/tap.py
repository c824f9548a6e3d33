"""A CAN bus as a source that also keeps its frames: for logs, rates, and answers.

It sees the whole bus, whatever the source's ``filters`` and ``signals`` say: those spare a gateway
work, and a test may look at everything that a device sends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gateway.clock import Clock
from gateway.config.model import CanConfig, Config, FieldError, key_of
from gateway.counters import Counters
from gateway.decode.database import FrameDatabase
from gateway.decode.frames import FrameDecoder
from gateway.errors import ConfigError
from gateway.record import FRAME, SAMPLE, CanId, Frames, Samples
from gateway.signals import SignalTable
from gateway.sources.link import LinkState
from gateway.sources.readers import choose_reader

BATCH = 1024
_NO_DATA = np.uint32(CanId.ERROR | CanId.REMOTE)


class BusTap:
    """The `Source` of one CAN bus of a bench.

    Args:
        config: The source's section.
        whole: The whole configuration, which knows its folder.
        signals: Where its signals are registered.
        index: Its position in the configuration, which is also its frames' ``channel``.
        clock: What stamps frames that come without a time.

    Attributes:
        messages: The names of the messages that its databases have.
    """

    unit = "frames"
    live = True

    def __init__(
        self, config: CanConfig, whole: Config, signals: SignalTable, index: int, clock: Clock
    ) -> None:
        self.name = config.name
        self.counters = Counters()
        self._database = FrameDatabase.load([whole.resolve(file) for file in config.dbc])
        self.messages = [message.name for message in self._database.messages]
        self.signals = self._database.register(signals, config.name)
        self._index = index
        self._decoder = FrameDecoder([self._database], [self.signals], index)
        try:
            self._reader = choose_reader(config, clock, self.counters)
        except FieldError as error:
            where = key_of(config, error.key)
            raise ConfigError(whole.file, where, error.got, error.expected) from None
        self._room = np.zeros(BATCH, FRAME)
        self._taken: list[Frames] = []

    def select(self, wanted: Collection[int]) -> None:
        """See `Source`."""
        self._decoder.select(wanted)

    def __enter__(self) -> Self:
        """See `Source`."""
        self._reader.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.close()

    def fileno(self) -> int | None:
        """See `Source`."""
        return self._reader.fileno()

    def read(self, timeout_ns: int) -> Samples | None:
        """See `Source`."""
        count = self._reader.read_into(self._room, timeout_ns)
        if not count:
            return np.empty(0, SAMPLE)
        frames = self._room[:count].copy()
        samples = self._decoder.decode(frames, self.counters)
        frames["channel"] = self._index
        self._taken.append(frames)
        return samples

    def take_frames(self) -> list[Frames]:
        """Return the frames of all reads since the last call, in order."""
        taken, self._taken = self._taken, []
        return taken

    def carried(self, frames: Frames, message: str) -> NDArray[np.bool_]:
        """Tell which of *frames* are of this bus and what *message* means, as the decoder does.

        Args:
            frames: Of any buses, shape ``(n,)``.
            message: One of `messages`. Where it stands for a parameter group, frames of all
                senders are meant.
        """
        data = frames["can_id"] & _NO_DATA == 0
        mine: NDArray[np.bool_] = data & (frames["channel"] == self._index)
        ids = [
            can_id
            for can_id in np.unique(frames["can_id"][mine]).tolist()
            if (found := self._database.find(can_id)) and found.name == message
        ]
        return mine & np.isin(frames["can_id"], np.array(ids, np.uint32))

    def link_states(self) -> Mapping[LinkState, str]:
        """See `Source`."""
        return self._reader.link_states()
