"""Numbers in a database that no bus can mean, found before the file is parsed.

cantools makes a mask as long as a message, and a list of all numbers in a multiplexer's range. One
wrong digit there would cost minutes and gigabytes.
"""

from __future__ import annotations

import re
from pathlib import Path

from gateway.errors import DatabaseError

LONGEST_MESSAGE = 4095
"""Bytes. ISO-TP (ISO 15765-2:2016) carries as much in its usual form, J1939 1785, a frame 64."""

MOST_VALUES = 1 << 16
"""Values of a multiplexer at which one signal is there, if its bits can show as many."""

_ALWAYS_ALLOWED = 1 << 8
"""So many also of a multiplexer that shows fewer: "0-255" may stand for all of them."""

_MESSAGE = re.compile(r"\bBO_\s+\d+\s+(?P<name>\w+)\s*:\s*(?P<length>\d+)")
_SIGNAL = re.compile(
    r"\bSG_\s+(?P<name>\w+)(?:\s+\w+)?\s*:\s*(?P<start>-?\d+)\s*\|\s*(?P<length>\d+)\s*@"
)
_RANGES = re.compile(
    r"\bSG_MUL_VAL_\s+\d+\s+(?P<name>\w+)\s+(?P<switch>\w+)\s+(?P<ranges>[\d\s,+-]+)"
)
_RANGE = re.compile(r"([+-]?\d+)\s*[+-](\d+)")
_MOST_DIGITS = 10

_PLACES = {
    "KCD": re.compile(r"\b(?:length|offset)\s*=\s*[\"'](?P<number>\d+)"),
    "SYM": re.compile(
        r"\b(?:Len\s*=\s*|Sig\s*=\s*\S+\s+|(?:unsigned|signed|string|raw)\s+(?:\d{1,6}\s*,\s*)?)"
        r"(?P<number>\d+)"
    ),
}
"""Where lengths and start bits stand."""


def refuse_absurd_sizes(path: Path, text: str, kind: str) -> None:
    """Look through the *text* of a DBC, KCD or SYM; whatever else *kind* is, it is left alone.

    Raises:
        DatabaseError: A number in it is absurd.
    """
    if kind == "DBC":
        _refuse_absurd_dbc(path, text)
    elif kind in _PLACES:
        most = 8 * LONGEST_MESSAGE
        for found in _PLACES[kind].finditer(text):
            if _number(found["number"]) > most:
                line = text.count("\n", 0, found.start()) + 1
                got = f"a length or start of {found['number'][:20]}"
                raise DatabaseError(path, f"line {line}", got, f"at most {most}")


def _refuse_absurd_dbc(path: Path, text: str) -> None:
    """Look through the *text* of a DBC.

    Raises:
        DatabaseError: A message is longer than `LONGEST_MESSAGE`, a signal lies beyond that, or is
            there at more than `MOST_VALUES` of its multiplexer, or at more than that can show.
    """
    bits: dict[str, int] = {}
    for found in _MESSAGE.finditer(text):
        if _number(found["length"]) > LONGEST_MESSAGE:
            got = f"a length of {found['length'][:20]} bytes"
            raise DatabaseError(path, f"message {found['name']}", got, f"at most {LONGEST_MESSAGE}")
    for found in _SIGNAL.finditer(text):
        length = _number(found["length"])
        bits[found["name"]] = max(length, bits.get(found["name"], 0))
        if abs(_number(found["start"])) + length > 8 * LONGEST_MESSAGE:
            got = f"{found['length'][:20]} bits from bit {found['start'][:20]} on"
            expected = f"bits of a message of at most {LONGEST_MESSAGE} bytes"
            raise DatabaseError(path, f"signal {found['name']}", got, expected)
    for found in _RANGES.finditer(text):
        ranges = _RANGE.findall(found["ranges"])
        shown = 1 << bits.get(found["switch"], 0)
        most = min(max(shown, _ALWAYS_ALLOWED), MOST_VALUES)
        if sum(_number(high) - _number(low) + 1 for low, high in ranges) > most:
            got = f"the ranges {' '.join(found['ranges'].split())[:40]}"
            raise DatabaseError(path, f"signal {found['name']}", got, f"at most {most} values")


def _number(digits: str) -> int:
    # Python refuses to read thousands of digits; how many more than enough does not matter.
    sign = -1 if digits.startswith("-") else 1
    return sign * int(digits.lstrip("+-0")[:_MOST_DIGITS] or "0")
