"""How a configuration file is read. Every error is one line that names the file and the key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from pathlib import Path

from gateway.config.consistency import disagreements, why_not
from gateway.config.convert import Bad, to_section
from gateway.config.model import Config
from gateway.config.show import as_toml
from gateway.errors import ConfigError

_AT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def load_config(path: str | Path, without: Collection[str] = ()) -> Config:
    """Return the configuration in the file *path*. Files that it names are only looked for.

    Args:
        path: The file.
        without: Tables that the caller does not use; what is in them is not looked at.

    Raises:
        ConfigError: The file cannot be read, is not TOML, or is not a configuration. It is the
            first error that was found; its ``others`` are the rest.
    """
    file = Path(path)
    errors: list[ConfigError] = []

    def report(key: str, got: str, expected: str) -> None:
        errors.append(ConfigError(file, key, got, expected))

    document = _parse(file, _read(file))
    used = {key: value for key, value in document.items() if key not in without}
    config = to_section(used, Config, "", report, file=file)
    if not isinstance(config, Bad):
        errors.extend(disagreements(config))
    if isinstance(config, Bad) or errors:
        first, *others = errors
        first.others = tuple(others)
        raise first
    return config


def _read(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(file, "", why_not(error), "a configuration file") from None
    try:
        return raw.decode("utf-8-sig")  # some editors write a byte order mark, TOML knows none
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        got = f"the byte 0x{raw[error.start]:02x}"
        raise ConfigError(file, f"line {line}", got, "text in UTF-8") from None


def _parse(file: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(file, "", "lists in lists in lists ...", "TOML") from None
    except ValueError as error:  # a TOMLDecodeError, or a number of thousands of digits
        raise _syntax_error(file, text, str(error)) from None


def _syntax_error(file: Path, text: str, message: str) -> ConfigError:
    """Return tomllib's *message* with its place in front and the line that it is about."""
    match = _AT.fullmatch(message)
    if match is None:
        return ConfigError(file, "", "text that is not TOML", f"TOML ({message})")
    what, line, column = match.groups()
    expected = f"TOML ({what.encode('unicode_escape').decode()})"
    lines = text.split("\n")
    if line is None:
        return ConfigError(file, f"line {len(lines)}", "the end of the file", expected)
    got = as_toml(lines[int(line) - 1].rstrip("\r"))
    return ConfigError(file, f"line {line}, column {column}", got, expected)
