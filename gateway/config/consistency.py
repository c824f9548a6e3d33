"""What is checked between the tables of a configuration, and of the files that it names."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.config.model import (
    CanConfig,
    Config,
    ReplayConfig,
    RuleConfig,
    SerialConfig,
    SourceConfig,
    TransmitConfig,
    key_of,
)
from gateway.config.polled import ModbusConfig, ObdConfig
from gateway.config.show import as_key, as_toml, one_of
from gateway.errors import ConfigError

_REASONS = {
    errno.ENOENT: "no such file",
    errno.EISDIR: "a folder",
    errno.EACCES: "no permission",
}

EXCLUSIVE = {
    "slcan",
    "serial",
    "robotell",
    "seeedstudio",
    "gs_usb",
    "cantact",
    "canalystii",
    "virtual",
}
"""Interfaces of python-can with room for one program: the transmitter is a second one."""


def disagreements(config: Config) -> Iterator[ConfigError]:
    """Yield what is wrong with *config* beyond its single tables, in the order of the file."""
    if not config.source:
        yield ConfigError(config.file, "source", "nothing", "at least one [[source]] table")
    yield from _twins(config, config.source)
    yield from _shared_prefixes(config)
    yield from _shared_ports(config)
    yield from _missing_files(config)
    yield from _twins(config, config.transmit)
    for transmit in config.transmit:
        yield from _unsendable(config, transmit)
    yield from _twins(config, config.rule)
    yield from _unarmed_actions(config)
    if (journal := config.alarms.journal) is not None and (why := _unwritable(config, journal)):
        got = f"{as_toml(journal)} ({why})"
        yield ConfigError(
            config.file, "alarms.journal", got, "a file in a folder that exists and is writable"
        )


def why_not(error: OSError) -> str:
    """Return in a few words why a file could not be used."""
    reason = _REASONS.get(error.errno or 0)
    return reason or (error.strerror or str(error)).lower()


def _twins(
    config: Config, sections: Sequence[SourceConfig | TransmitConfig | RuleConfig]
) -> Iterator[ConfigError]:
    seen = set()
    for section in sections:
        if section.name in seen:
            got = f"{as_toml(section.name)} a second time"
            yield ConfigError(config.file, key_of(section, "name"), got, "a name used only once")
        seen.add(section.name)


def _shared_prefixes(config: Config) -> Iterator[ConfigError]:
    """Yield a first part of signal names that two sources would use for different signals."""
    owner: dict[str, SourceConfig] = {}
    for source in config.source:
        for field, prefix in _prefixes(source):
            other = owner.setdefault(prefix, source)
            if other.name != source.name:
                got = f"{as_toml(prefix)}, which {key_of(other)} has, too"
                expected = "each source to name its signals differently"
                yield ConfigError(config.file, key_of(source, field), got, expected)


def _prefixes(source: SourceConfig) -> list[tuple[str, str]]:
    """Return the first parts of the names of its signals, and the fields that give them."""
    if isinstance(source, ReplayConfig) and source.protocol is None:
        return [(f"channels.{channel}", channel) for channel in source.channels]
    return [("name", source.name)]


def _shared_ports(config: Config) -> Iterator[ConfigError]:
    """Yield a serial port that two sources would have to share: one of them gets nothing."""
    owner: dict[str, SourceConfig] = {}
    for source in config.source:
        if (used := serial_port(source)) is not None:
            field, port = used
            other = owner.setdefault(port, source)
            if other.name != source.name:
                got = f"{as_toml(port)}, which {key_of(other)} has, too"
                yield ConfigError(config.file, key_of(source, field), got, "a port of its own")


def serial_port(source: SourceConfig) -> tuple[str, str] | None:
    """Return the field that names the serial port of *source*, and the port; None without one."""
    if isinstance(source, SerialConfig | ModbusConfig):
        return "port", source.port
    if isinstance(source, CanConfig | ObdConfig) and source.channel.startswith("/dev/"):
        return "channel", source.channel.partition("@")[0]  # slcan: /dev/ttyACM0@115200
    return None


def _unsendable(config: Config, transmit: TransmitConfig) -> Iterator[ConfigError]:
    """Yield why nothing could be sent where *transmit* wants to."""
    source = next((each for each in config.source if each.name == transmit.source), None)
    if not isinstance(source, CanConfig):
        got = as_toml(transmit.source)
        if source is not None:
            got += f", which is not a CAN bus but a {source.__struct_config__.tag} source"
        names = [as_toml(each.name) for each in config.source if isinstance(each, CanConfig)]
        expected = (
            f"the name of a CAN source{': ' if names else ''}{one_of(names) if names else ''}"
        )
        yield ConfigError(config.file, key_of(transmit, "source"), got, expected)
        return
    if source.interface in EXCLUSIVE:
        got = f"{as_toml(source.interface)}, which {key_of(transmit)} would have to share"
        expected = "an interface that several programs can use at once, such as 'socketcan'"
        yield ConfigError(config.file, key_of(source, "interface"), got, expected)
    if source.options.get("listen_only"):
        got = f"true, although {key_of(transmit)} sends there"
        yield ConfigError(config.file, key_of(source, "options.listen_only"), got, "false")


def _unarmed_actions(config: Config) -> Iterator[ConfigError]:
    armed = [each.name for each in config.transmit]
    for rule in config.rule:
        for key, action in rule.actions:
            if action.transmit not in armed:
                expected = "the name of a [[transmit]]"
                if armed:
                    expected += f": {one_of(map(as_toml, armed))}"
                where = key_of(rule, f"{key}.transmit")
                yield ConfigError(config.file, where, as_toml(action.transmit), expected)


def _missing_files(config: Config) -> Iterator[ConfigError]:
    for source in config.source:
        for field, path, what in _named_files(source):
            if why := _unreadable(config, path):
                got = f"{as_toml(path)} ({why})"
                expected = f"{what}; a path is relative to this file"
                yield ConfigError(config.file, key_of(source, field), got, expected)


def _named_files(source: SourceConfig) -> Iterator[tuple[str, str, str]]:
    """Yield the field, the path and the kind of every file that must be there."""
    match source:
        case CanConfig():
            yield from _databases("dbc", source.dbc)
        case ReplayConfig():
            for field, path in _numbered("path", source.path):
                yield field, path, "a recording"
            for channel, paths in source.channels.items():
                yield from _databases(f"channels.{as_key(channel)}", paths)


def _databases(field: str, paths: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    for numbered, path in _numbered(field, paths):
        yield numbered, path, "a signal database"


def _numbered(field: str, paths: str | tuple[str, ...]) -> list[tuple[str, str]]:
    if isinstance(paths, str):
        return [(field, paths)]
    return [(f"{field} #{number}", path) for number, path in enumerate(paths, start=1)]


def _unreadable(config: Config, path: str) -> str | None:
    """Return why the file cannot be read, None if it can."""
    return _why_unusable(config, path, os.R_OK)


def _unwritable(config: Config, path: str) -> str | None:
    """Return why the file cannot be written or made, None if it can."""
    why = _why_unusable(config, path, os.W_OK)
    if why != _REASONS[errno.ENOENT]:
        return why
    folder = config.resolve(path).parent
    if not folder.is_dir():
        return "no such folder"
    return None if os.access(folder, os.W_OK) else _REASONS[errno.EACCES]


def _why_unusable(config: Config, path: str, mode: int) -> str | None:
    try:
        resolved: Path = config.resolve(path)
        if stat.S_ISDIR(resolved.stat().st_mode):
            return _REASONS[errno.EISDIR]
    except OSError as error:
        return why_not(error)
    except ValueError:
        return "no path: it has a NUL in it"
    except RuntimeError:
        return "no such user"  # whose home folder ~ would be
    return None if os.access(resolved, mode) else _REASONS[errno.EACCES]
