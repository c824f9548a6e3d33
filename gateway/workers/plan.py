"""The plan: a configuration with everything looked up. What each process will do is read off it."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.rules import Rule
from gateway.config.model import CanConfig, Config, FieldError, ReplayConfig, SourceConfig, key_of
from gateway.config.polled import ModbusConfig, ObdConfig
from gateway.errors import ConfigError
from gateway.signals import Signal, SignalTable
from gateway.sources.base import Source
from gateway.sources.can_bus import CanSource
from gateway.sources.modbus import Modbus, modbus_signals
from gateway.sources.obd import Obd, obd_signals
from gateway.sources.polled import PolledSource
from gateway.sources.readers import check_interface
from gateway.sources.replay import ReplaySource
from gateway.sources.serial_port import SerialSource

SourcesMaker = Callable[[Config, SignalTable], Sequence[Source]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration with its signals numbered and its rules resolved. Owns no device.

    Attributes:
        config: What it was made from.
        signals: Every signal that any source can deliver.
        sources: The sources in the configuration's order, told what to decode.
        rules: The rules in the configuration's order.
        wanted: The indices of the signals that will be decoded.
        owner: For each signal the number of the analyzer that judges it, shape
            ``(len(signals),)``.
    """

    config: Config
    signals: SignalTable
    sources: tuple[Source, ...]
    rules: tuple[Rule, ...]
    wanted: frozenset[int]
    owner: NDArray[np.uint8]

    def rules_of(self, analyzer: int) -> list[Rule]:
        """Return the rules that analyzer number *analyzer* judges."""
        return [rule for rule in self.rules if self.owner[rule.signal.index] == analyzer]

    def sources_of(self, analyzer: int) -> list[int]:
        """Return the numbers of the sources that deliver what analyzer number *analyzer* judges.

        For one that judges nothing all of them, so that it ends when they do.
        """
        found = {rule.source for rule in self.rules_of(analyzer)}
        return sorted(found or range(len(self.sources)))


def make_plan(config: Config, make_sources: SourcesMaker | None = None) -> Plan:
    """Look up everything that *config* names.

    Args:
        config: A configuration as it was loaded.
        make_sources: Makes the sources; the configuration's own by default, a back-test gives
            its recordings.

    Raises:
        ConfigError: A rule or source names a signal that does not exist or is ambiguous, or a
            source an interface that python-can has not.
        DatabaseError: A signal database cannot be used.
        RecordingError: A recording to be replayed cannot be read.
    """
    signals = SignalTable()
    sources = (make_sources or configured_sources)(config, signals)
    source_of = {
        signal.index: number for number, source in enumerate(sources) for signal in source.signals
    }
    rules = []
    for index, each in enumerate(config.rule):
        try:
            signal = signals.resolve(each.signal)
        except LookupError as error:
            where, got = key_of(each, "signal"), f"'{each.signal}'"
            raise ConfigError(config.file, where, got, str(error)) from None
        number = source_of[signal.index]
        source = sources[number]
        if isinstance(source, CanSource) and not source.delivers(signal):
            where, got = (
                key_of(each, "signal"),
                f"'{each.signal}', of which no frame is let through",
            )
            expected = f"a signal that the filters of '{source.name}' do not keep away"
            raise ConfigError(config.file, where, got, expected)
        rules.append(Rule.from_config(each, index, signal, number))

    judged = [rule.signal.index for rule in rules]
    wanted = frozenset(judged) | frozenset(_asked_for(config, sources))
    for source in sources:
        source.select(wanted & {signal.index for signal in source.signals})
    return Plan(
        config=config,
        signals=signals,
        sources=tuple(sources),
        rules=tuple(rules),
        wanted=wanted,
        owner=deal(judged, len(signals), config.analyzers.count),
    )


def configured_sources(config: Config, signals: SignalTable) -> list[Source]:
    """Make the sources that *config* lists, without touching a device."""
    return [make_source(each, config, signals, i) for i, each in enumerate(config.source)]


def make_source(source: SourceConfig, config: Config, signals: SignalTable, index: int) -> Source:
    """Make one source, number *index*, without touching its device."""
    if isinstance(source, CanConfig):
        return CanSource(source, config, signals, index)
    if isinstance(source, ReplayConfig):
        return ReplaySource(source, config, signals, index)
    if isinstance(source, ModbusConfig):
        added = modbus_signals(source, signals)
        return PolledSource(source, added, index, Modbus(source, added))
    if isinstance(source, ObdConfig):
        try:
            check_interface(source.interface)
        except FieldError as error:
            where = key_of(source, error.key)
            raise ConfigError(config.file, where, error.got, error.expected) from None
        added = obd_signals(source, signals)
        return PolledSource(source, added, index, Obd(source, added))
    return SerialSource(source, signals, index)


def deal(judged: Iterable[int], signals: int, analyzers: int) -> NDArray[np.uint8]:
    """Share the signals among the analyzers so that each has about as many rules.

    Neighbours stay together. The signals of one source are neighbours, so an analyzer has to look
    at the samples of few sources.

    Args:
        judged: The signal index of every rule.
        signals: How many signals there are.
        analyzers: How many analyzers share them, 1..64.

    Returns:
        For each signal its analyzer; a signal with many rules counts as many.
    """
    rules = np.bincount(np.fromiter(judged, np.int64), minlength=signals)
    # Where the middle of a signal's rules lies when all rules are laid in a row.
    middle = np.cumsum(rules) - rules / 2
    owner: NDArray[np.float64] = middle * analyzers / max(int(rules.sum()), 1)
    return np.minimum(owner, analyzers - 1).astype(np.uint8)


def _asked_for(config: Config, sources: Sequence[Source]) -> Iterator[int]:
    """Yield the indices of the signals that the sources' ``signals`` patterns name."""
    patterns = {each.name: each.signals for each in config.source}
    for source in sources:
        for pattern in patterns.get(source.name, ()):
            found = [signal.index for signal in source.signals if _matches(signal, pattern)]
            if not found:
                where = f'source "{source.name}".signals'
                raise ConfigError(
                    config.file, where, f"'{pattern}'", "a name or pattern of its signals"
                )
            yield from found


def _matches(signal: Signal, pattern: str) -> bool:
    names = (signal.full_name, f"{signal.message}.{signal.name}", signal.name)
    return any(fnmatch.fnmatchcase(name, pattern) for name in names)
