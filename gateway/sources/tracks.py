"""What is on a recording, decoded on demand: the part of a replay that has no clock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.counters import Counters
from gateway.decode.database import FrameDatabase
from gateway.decode.frames import FrameDecoder
from gateway.decode.stream import StreamDecoder
from gateway.record import SAMPLE, Frames, Origin, Samples
from gateway.signals import Signal, SignalTable
from gateway.sources.merge import merge
from gateway.sources.recordings import Recording, SentenceRecording

Chunk = tuple[NDArray[np.int64], Callable[[int, int], Samples]]
"""The times of some records, and a function that decodes those numbered from its first argument to
before its second. Each record is to be decoded once, in order."""


_THEIRS = 255
"""The number of frames that are another source's."""


class Track(Protocol):
    """Records of one source on one time line.

    Attributes:
        signals: All that it could deliver, as registered in the `SignalTable`.
        unit: What it counts, in the plural.
    """

    signals: tuple[Signal, ...]
    unit: str

    def select(self, wanted: Collection[int]) -> None:
        """Decode only the signals with these indices from now on."""
        ...

    def chunks(self, counters: Counters) -> Generator[Chunk, None, None]:
        """Yield all records from the beginning, in their order."""
        ...

    def progress(self) -> float:
        """Return how much has been read, 0.0..1.0."""
        ...


class FrameTrack:
    """CAN frames of one or several recordings, merged by time.

    Args:
        name: The source's name, for the log.
        index: The source's position in the configuration.
        recordings: What to read.
        channels: The databases of this source's channels, with the first part of their signals'
            names, by the recordings' channel names.
        table: Where the signals are registered.
        theirs: Channels that belong to other sources. Their frames only let time go on.
        strangers_too: Whether frames of channels that are nobody's are counted here, as unknown;
            if not, they too only let time go on.
    """

    unit = "frames"

    def __init__(
        self,
        name: str,
        index: int,
        recordings: Sequence[Recording],
        channels: Mapping[str, tuple[str, FrameDatabase]],
        table: SignalTable,
        theirs: Collection[str] = (),
        strangers_too: bool = True,
    ) -> None:
        self._log = logging.getLogger(name)
        self._recordings = recordings
        self._channels = list(channels)
        self._strangers_too = strangers_too
        self._prefixes = {channel: prefix for channel, (prefix, _) in channels.items()}
        self._numbers = {channel: number for number, channel in enumerate(channels)}
        self._strangers = len(channels)  # their numbers begin here
        self._numbers.update(dict.fromkeys(theirs, _THEIRS))
        databases = [database for _, database in channels.values()]
        signals = [database.register(table, prefix) for prefix, database in channels.values()]
        self._decoder = FrameDecoder(databases, signals, index)
        self.signals = tuple(dict.fromkeys(signal for each in signals for signal in each))

    def select(self, wanted: Collection[int]) -> None:
        """See `Track`."""
        self._decoder.select(wanted)

    def progress(self) -> float:
        """See `Track`."""
        return _mean_progress(self._recordings)

    def chunks(self, counters: Counters) -> Generator[Chunk, None, None]:
        """See `Track`."""
        streams = [self._numbered(each, counters) for each in self._recordings]
        for frames in merge(streams):
            yield frames["t_ns"].copy(), partial(self._decode, frames, counters)
        heard = {channel for each in self._recordings for channel in each.channels}
        spoken = {name for channel, name in self._prefixes.items() if channel in heard}
        for name in sorted(set(self._prefixes.values()) - spoken):
            self._log.warning("no frame of %s in the recording", name)

    def _numbered(self, recording: Recording, counters: Counters) -> Generator[Frames, None, None]:
        """Yield the frames of *recording* with this track's channel numbers."""
        numbers = np.empty(0, np.uint8)
        for frames in recording.frames(counters):
            if len(numbers) < len(recording.channels):
                own = [self._number(each, recording) for each in recording.channels]
                numbers = np.array(own, np.uint8)
            frames["channel"] = numbers[frames["channel"]]
            yield frames
        if recording.damage:
            self._log.warning("%s", recording.damage)

    def _number(self, channel: str, recording: Recording) -> int:
        number = self._numbers.get(channel)
        if number is None and not self._strangers_too:
            return _THEIRS
        if number is None:
            self._log.warning(
                "channel %s of %s is not configured: its frames are passed over",
                channel,
                recording.path.name,
            )
            number = self._numbers[channel] = min(len(self._channels), _THEIRS - 1)
            self._channels.append(channel)
        return number

    def _decode(self, frames: Frames, counters: Counters, begin: int, end: int) -> Samples:
        frames = frames[begin:end]
        mine = frames["channel"] < self._strangers
        if not mine.all():
            numbers, counts = np.unique(frames["channel"][~mine], return_counts=True)
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
                if number != _THEIRS:
                    counters.received += count
                    counters.delivered += count
                    counters.unknown[f"channel {self._channels[number]}"] += count
            frames = frames[mine]
        return self._decoder.decode(frames, counters)


class SilentTrack:
    """A source that no recording is of.

    Args:
        signals: What it would deliver.
    """

    unit = "records"

    def __init__(self, signals: tuple[Signal, ...]) -> None:
        self.signals = signals

    def select(self, wanted: Collection[int]) -> None:
        """See `Track`."""

    def progress(self) -> float:
        """See `Track`."""
        return 1.0

    def chunks(self, counters: Counters) -> Generator[Chunk, None, None]:  # noqa: ARG002
        """See `Track`."""
        yield from ()


class TextTrack:
    """Lines of text of one or several recordings, one recording after the other.

    Args:
        name: The source's name, for the log.
        decoder: What turns them into samples.
        recordings: What to read.
    """

    def __init__(
        self, name: str, decoder: StreamDecoder, recordings: Sequence[SentenceRecording]
    ) -> None:
        self._log = logging.getLogger(name)
        self._recordings = recordings
        self._decoder = decoder
        self.signals = decoder.signals
        self.unit = decoder.unit

    def select(self, wanted: Collection[int]) -> None:
        """See `Track`."""
        self._decoder.select(wanted)

    def progress(self) -> float:
        """See `Track`."""
        return _mean_progress(self._recordings)

    def chunks(self, counters: Counters) -> Generator[Chunk, None, None]:
        """See `Track`."""
        self._decoder.reset()
        for recording in self._recordings:
            for t_ns, lines in recording.sentences(counters):
                yield t_ns, partial(self._decode, t_ns, lines, counters)
            if recording.damage:
                self._log.warning("%s", recording.damage)

    def _decode(
        self,
        t_ns: NDArray[np.int64],
        lines: Sequence[bytes],
        counters: Counters,
        begin: int,
        end: int,
    ) -> Samples:
        feed = self._decoder.feed
        parts = [
            feed(line, at, Origin.RECORDED, counters)
            for line, at in zip(lines[begin:end], t_ns[begin:end].tolist(), strict=True)
        ]
        return np.concatenate(parts) if parts else np.empty(0, SAMPLE)


def _mean_progress(recordings: Sequence[Recording] | Sequence[SentenceRecording]) -> float:
    return sum(each.progress() for each in recordings) / len(recordings) if recordings else 1.0
