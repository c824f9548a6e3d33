"""What every recording of CAN traffic promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from pathlib import Path

from gateway.counters import Counters
from gateway.errors import RecordingError
from gateway.record import Frames

MOST_CHANNELS = 256
"""``FRAME["channel"]`` is one byte."""


class Recording(ABC):
    """A file of CAN frames, read in chunks. It may be read again, from its beginning.

    Attributes:
        path: The file.
        channels: The channels' names, by the number in ``FRAME["channel"]``. It grows as the
            file is read; a number never changes its meaning.
        damage: Why the latest reading ended before the file did; None if it did not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.channels: list[str] = []
        self.damage: RecordingError | None = None
        self._numbers: dict[str, int] = {}

    @abstractmethod
    def frames(self, counters: Counters) -> Generator[Frames, None, None]:
        """Yield the frames in the file's order, in chunks of some thousand, none of them empty.

        Times are the recording's own, in integer nanoseconds; their origin is
        `Origin.RECORDED`. What lies before a damage is delivered, then *damage* is set.

        Args:
            counters: What cannot be delivered is counted here as received and lost. The frames
                that are yielded are left to whoever handles them to count.

        Raises:
            RecordingError: The file cannot be opened.
        """
        ...

    @abstractmethod
    def progress(self) -> float:
        """Return how much of the file the reading under way has taken in, 0.0..1.0."""
        ...

    def channel_number(self, name: str) -> int | None:
        """Return the number of channel *name*, a new one if need be; None when all are given."""
        number = self._numbers.get(name)
        if number is None and len(self.channels) < MOST_CHANNELS:
            number = self._numbers[name] = len(self.channels)
            self.channels.append(name)
        return number

    def spoil(self, where: str, got: object, expected: str, counters: Counters) -> None:
        """Note that the file cannot be read beyond *where*; what is lost there counts as one."""
        self.damage = RecordingError(self.path, where, got, expected)
        counters.received += 1
        counters.lost["damaged"] += 1
