"""How values of a configuration file are shown to the person who wrote it: as in TOML."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from datetime import date, time
from pathlib import Path

_LONGEST = 60
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def as_toml(value: object) -> str:
    """Return *value* as TOML writes it, on one line, cut where it would be long."""
    text = _toml(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def as_key(key: str) -> str:
    """Return *key* as TOML writes it: bare where it can be, else quoted."""
    return key if _BARE_KEY.fullmatch(key) else as_toml(key)


def as_text(path: Path) -> str:
    """Return *path* as text that has an encoding: bytes in it that are not UTF-8 as escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def one_of(names: Iterable[str]) -> str:
    """Return ``a, b or c``."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() if value.isprintable() and "'" not in value:
            return f"'{value}'"
        case str():
            return json.dumps(value, ensure_ascii=not value.isprintable())
        case int() if value.bit_length() > 128:
            return "a huge integer"  # which str() may refuse
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return "a table"
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)
