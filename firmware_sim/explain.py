"""What msgspec says of a wrong document, as a person needs it: where, what was found, expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from firmware_sim.section import FINITE_IN_WORDS, IN_WORDS, LARGEST, Finite

Keys = Callable[[str], Iterable[str]]
"""Which keys there may be in the table at a path."""

_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_PATTERN = re.compile(r"matching regex '(.+)'")
_EXPECTED = re.compile(r"Expected (.+?)(?:, got .+)?", re.DOTALL)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ANY_ENTRY = "[...]"
"""How msgspec writes the key of a table that may have any keys."""
_LONGEST = 60
_HUGE_BITS = 128


class Explanation(NamedTuple):
    """What is wrong: at which key, what was found there, and what would be right."""

    where: str
    got: str
    expected: str


def explained(
    document: object, message: str, keys: Keys, tags: Callable[[str], str]
) -> Explanation:
    """Return what msgspec said about *document*.

    Args:
        document: What was converted.
        message: What msgspec said.
        keys: The keys that a table may have.
        tags: What the value at the path of a tag may be, in words; "" where there is none.
    """
    match = _AT.fullmatch(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    if missing := _MISSING.fullmatch(what):
        where = _join(path, missing[1])
        return Explanation(where, "nothing", tags(where) or "a value")
    if unknown := _UNKNOWN.fullmatch(what):
        known = listed(keys(path))
        key = unknown[1] if _BARE_KEY.fullmatch(unknown[1]) else repr(unknown[1])
        return Explanation(_join(path, key), "an unknown key", f"one of {known}")
    value = value_at(document, path)
    if path.endswith(_ANY_ENTRY):
        key = _wrong_entry(value, str if what.startswith("Expected `str`") else Finite)
        path, value = _join(path.removesuffix(_ANY_ENTRY), key), value[key]
    if choice := tags(path):
        return Explanation(path, shown(value), choice)
    if pattern := _PATTERN.search(what):
        return Explanation(path, shown(value), IN_WORDS[pattern[1].replace(r"\\", "\\")])
    if "RFC3339" in what:
        return Explanation(path, shown(value), "a date and time: 2026-07-05T14:00:00Z")
    if repr(LARGEST) in what:
        return Explanation(path, shown(value), FINITE_IN_WORDS)
    if what == "Number out of range":
        return Explanation(path, shown(value), "a number that a float can hold")
    expected = _EXPECTED.fullmatch(what)
    return Explanation(path, shown(value), expected[1].replace("`", "") if expected else what)


def shown(value: object) -> str:
    """Return *value* as a person wrote it, on one line, cut where it would be long."""
    if isinstance(value, int) and value.bit_length() > _HUGE_BITS:
        return "a huge integer"  # which str() may refuse
    if not isinstance(value, str | int | float):
        return f"a {type(value).__name__}"  # tables in tables in tables have no end
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def listed(names: Iterable[str]) -> str:
    """Return *names*, each in quotes, with commas."""
    return ", ".join(map(repr, names))


def value_at(document: Any, path: str) -> Any:  # noqa: ANN401 - whatever TOML can hold
    """Return what *document* has at *path*, as msgspec writes paths; None where it has nothing."""
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(document, list):
            document = document[int(step)]
        elif isinstance(document, dict):
            document = document.get(step)
        else:
            return None
    return document


def _wrong_entry(table: dict[str, object], kind: object) -> str:
    """Return the key of the first value in *table* that is not of *kind*."""
    for key, value in table.items():
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            return key
    raise AssertionError("msgspec found one")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
