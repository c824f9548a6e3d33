"""Sources made of recordings: a configured replay, and recordings in place of the drive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gateway.clock import SYSTEM_CLOCK, Clock
from gateway.config.model import CanConfig, Config, ReplayConfig, SerialConfig
from gateway.config.polled import ModbusConfig, ObdConfig
from gateway.decode.database import FrameDatabase
from gateway.decode.stream import make_stream_decoder
from gateway.errors import ConfigError
from gateway.record import Samples
from gateway.signals import SignalTable
from gateway.sources.merge import merge
from gateway.sources.modbus import modbus_signals
from gateway.sources.obd import obd_signals
from gateway.sources.recorded import RecordedSource, wait_ns
from gateway.sources.recordings import holds_sentences, open_recording, open_sentences
from gateway.sources.tracks import FrameTrack, SilentTrack, TextTrack, Track

NMEA_RATE = 10.0
"""Sentences a second of an NMEA text without times that stands for a serial source."""


class ReplaySource(RecordedSource):
    """``type = "replay"``.

    Args:
        config: The source's section.
        whole: The whole configuration, which knows its folder.
        signals: Where its signals are registered.
        index: Its position in the configuration.
        clock: Where "now" comes from.
        wait: Called with nanoseconds to let pass.

    Raises:
        RecordingError: A recording is missing, empty, or of no known format.
        DatabaseError: A database cannot be used.
    """

    def __init__(
        self,
        config: ReplayConfig,
        whole: Config,
        signals: SignalTable,
        index: int,
        clock: Clock = SYSTEM_CLOCK,
        wait: Callable[[int], None] = wait_ns,
    ) -> None:
        named = (config.path,) if isinstance(config.path, str) else config.path
        paths = [whole.resolve(each) for each in named]
        track: Track
        if config.protocol is None:
            recordings = [open_recording(path) for path in paths]
            track = FrameTrack(config.name, index, recordings, _channels(config, whole), signals)
        else:
            texts = [open_sentences(path, config.rate) for path in paths]
            track = TextTrack(config.name, make_stream_decoder(config, signals, index), texts)
        speed = None if config.speed == "max" else config.speed
        super().__init__(config.name, index, track, speed, clock, wait)


def recorded_sources(
    config: Config, paths: Sequence[Path], signals: SignalTable
) -> list[RecordedSource]:
    """Return *config*'s sources with the recordings at *paths* in place of what they name.

    A recording's channel stands for the CAN source whose ``channel`` it is, else for the one whose
    name it is, else for the replay source that lists it. NMEA text stands for the source that
    speaks ``nmea0183``; of several, for the one that has the file's name. Signals are called as
    in the drive, so the same rules apply. The time of every CAN source goes on with the frames of
    all of them, so that a bus that falls silent is noticed. A source without a recording delivers
    nothing.

    Raises:
        ConfigError: There is no source for a recording, or it is not clear which.
        RecordingError: A recording is missing, empty, or of no known format.
        DatabaseError: A database cannot be used.
    """
    texts = [path for path in paths if holds_sentences(path)]
    frames = [path for path in paths if path not in texts]
    speakers = {path: _speaker(config, path) for path in texts}
    owners = _channel_owners(config)
    if frames and not owners:
        raise ConfigError(config.file, "source", "none with CAN", f"one for {frames[0]}")
    sources = []
    for index, each in enumerate(config.source):
        track: Track
        if isinstance(each, ModbusConfig):
            track = SilentTrack(modbus_signals(each, signals))
        elif isinstance(each, ObdConfig):
            track = SilentTrack(obd_signals(each, signals))
        elif isinstance(each, CanConfig) or each.protocol is None:
            own = {
                channel: database
                for channel, database in _channels(each, config).items()
                if owners[channel] == index
            }
            track = FrameTrack(
                each.name,
                index,
                [open_recording(path) for path in frames],
                own,
                signals,
                theirs=owners.keys() - own.keys(),
                # They are nobody's, and to be counted once: the first source does.
                strangers_too=index == min(owners.values()),
            )
        else:
            rate = each.rate if isinstance(each, ReplayConfig) else NMEA_RATE
            recordings = [open_sentences(path, rate) for path in texts if speakers[path] == index]
            track = TextTrack(each.name, make_stream_decoder(each, signals, index), recordings)
        sources.append(RecordedSource(each.name, index, track))
    return sources


def play(sources: Sequence[RecordedSource]) -> Iterator[Samples]:
    """Yield all samples of *sources*, merged by time, as fast as it goes.

    Of one source alone these are exactly the samples, in order, that a replay of it delivers.
    """
    yield from merge([_batches(each) for each in sources])


def _batches(source: RecordedSource) -> Iterator[Samples]:
    with source:
        while (samples := source.read(0)) is not None:
            if len(samples):
                yield samples


def _channels(
    config: CanConfig | ReplayConfig, whole: Config
) -> dict[str, tuple[str, FrameDatabase]]:
    """Return the databases of a source by channel, with the first part of their signals' names."""

    def load(files: Sequence[str]) -> FrameDatabase:
        return FrameDatabase.load([whole.resolve(file) for file in files])

    if isinstance(config, ReplayConfig):
        return {channel: (channel, load(files)) for channel, files in config.channels.items()}
    database = load(config.dbc)
    return dict.fromkeys((config.channel, config.name), (config.name, database))


def _channel_owners(config: Config) -> dict[str, int]:
    """Return which source, by its position, a recording's channel stands for."""
    owners: dict[str, int] = {}
    buses = [(i, each) for i, each in enumerate(config.source) if isinstance(each, CanConfig)]
    for index, bus in buses:
        other = owners.setdefault(bus.channel, index)
        if other != index:
            where = f'source "{bus.name}".channel'
            expected = f"a channel other than that of {config.source[other].name}"
            raise ConfigError(config.file, where, f"'{bus.channel}'", expected)
    for index, bus in buses:
        owners.setdefault(bus.name, index)
    for index, each in enumerate(config.source):
        if isinstance(each, ReplayConfig):
            for channel in each.channels:
                owners.setdefault(channel, index)
    return owners


def _speaker(config: Config, path: Path) -> int:
    """Return which source, by its position, the NMEA text at *path* stands for."""
    found = [
        index
        for index, each in enumerate(config.source)
        if isinstance(each, SerialConfig | ReplayConfig) and each.protocol == "nmea0183"
    ]
    named = [index for index in found if config.source[index].name == path.stem]
    if len(found) != 1 and len(named) != 1:
        got = f"{len(found)} that speak nmea0183" if found else "none that speaks nmea0183"
        expected = f"one for {path}" if not found else f"one called '{path.stem}', for {path}"
        raise ConfigError(config.file, "source", got, expected)
    return named[0] if len(found) > 1 else found[0]
