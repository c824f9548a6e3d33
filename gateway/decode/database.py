"""Signal databases (DBC, and whatever else cantools reads) as the decoder wants them."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cantools.database
from cantools.database.errors import UnsupportedDatabaseFormatError

from gateway.decode.can_field import Field, Number
from gateway.decode.database_sizes import refuse_absurd_sizes
from gateway.errors import DatabaseError
from gateway.record import CanId
from gateway.signals import Signal, SignalTable

# cantools warns of what is an error here, and without a handler Python prints the warning.
logging.getLogger("cantools").addHandler(logging.NullHandler())

_FORMATS = {".dbc": "DBC", ".kcd": "KCD", ".sym": "SYM", ".arxml": "ARXML"}
_READABLE = "a signal database (DBC, KCD, SYM or ARXML)"
_PLACE = re.compile(r'at (line \d+, column \d+)(?:: "(.*)")?', re.DOTALL)

_MOST_SWITCH_BITS = 57  # what always fits into eight bytes, wherever it starts
_FINEST_SWITCH = 1 / 256
_NULL_ADDRESS = 0xFE
"""The J1939 source address from which nobody sends: in a database it stands for "any"."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a database.

    Attributes:
        name: Unique in its database.
        can_id: 11 or 29 bits, the latter with `CanId.EXTENDED` set.
        length: Bytes of payload that the database declares.
        fields: Its signals by start bit, as cantools orders them.
        by_group: Whether frames of its parameter group (PGN) are meant whoever sends them, at
            whatever priority and, where the group is addressed, to whomever.
    """

    name: str
    can_id: int
    length: int
    fields: tuple[Field, ...]
    by_group: bool


def parameter_group(can_id: int) -> int:
    """Return a 29-bit *can_id* without what does not belong to its parameter group.

    SAE J1939-21: bits 26..28 are the priority, 0..7 the source address; below a PDU format
    (bits 16..23) of 240, bits 8..15 are the destination. The flag bit stays.
    """
    addressed = (can_id >> 16) & 0xFF < 240
    return can_id & (CanId.EXTENDED | (0x03FF0000 if addressed else 0x03FFFF00))


class FrameDatabase:
    """The messages of one bus.

    Args:
        messages: With different names and different ids.
    """

    def __init__(self, messages: Iterable[Message]) -> None:
        self.messages = tuple(messages)
        self._by_id = {message.can_id: message for message in self.messages}
        self._by_group: dict[int, Message | None] = {}
        for message in self.messages:
            if message.by_group:
                group = parameter_group(message.can_id)
                anyone = message.can_id & 0xFF == _NULL_ADDRESS
                if anyone or group not in self._by_group:
                    self._by_group[group] = message
                elif (other := self._by_group[group]) and other.can_id & 0xFF != _NULL_ADDRESS:
                    self._by_group[group] = None  # which sender's layout holds for a third?

    @classmethod
    def load(cls, paths: Iterable[str | Path]) -> FrameDatabase:
        """Read files and merge them; the same message in several is taken once.

        Overlapping signals, and signals beyond the declared length, are accepted: real databases
        have them, and what each signal means is clear nevertheless.

        Raises:
            DatabaseError: A file cannot be read or parsed, or two messages contradict each other.
        """
        found: dict[str | int, tuple[Path, Message]] = {}
        for path in map(Path, paths):
            for message in _read(path):
                for key in (message.can_id, message.name):
                    other_path, other = found.setdefault(key, (path, message))
                    if other is not message and not _same(other, message):
                        raise DatabaseError(
                            path,
                            f"message {message.name}",
                            f"id {format_id(message.can_id)}",
                            f"no contradiction to {other.name} with id"
                            f" {format_id(other.can_id)} in {other_path}",
                        )
        return cls(dict.fromkeys(message for _, message in found.values()))

    def find(self, can_id: int) -> Message | None:
        """Return the message that a data frame with this id is: by its id, else by its group."""
        message = self._by_id.get(can_id)
        if message is None and self._by_group and can_id & CanId.EXTENDED:
            message = self._by_group.get(parameter_group(can_id))
        return message

    def register(self, table: SignalTable, source_name: str) -> tuple[Signal, ...]:
        """Add every signal of every message to *table* as signals of *source_name*."""
        signals = (
            table.add(
                source_name, message.name, field.name, field.unit, field.minimum, field.maximum
            )
            for message in self.messages
            for field in message.fields
        )
        return tuple(dict.fromkeys(signals))


def format_id(can_id: int) -> str:
    """Return an id as candump writes it: three hexadecimal digits, or eight if it has 29 bits."""
    bare = can_id & 0x1FFFFFFF
    return f"{bare:08X}" if can_id & CanId.EXTENDED else f"{bare:03X}"


def _same(one: Message, other: Message) -> bool:
    def facts(message: Message) -> list[tuple[object, ...]]:
        return [tuple(getattr(field, name) for name in Field.__slots__) for field in message.fields]

    return (one.name, one.can_id) == (other.name, other.can_id) and facts(one) == facts(other)


def read_database(path: Path) -> Any:  # noqa: ANN401 - cantools' objects have no common type
    """Return the file as cantools reads it, a `cantools.database.Database`.

    Raises:
        DatabaseError: It cannot be read or parsed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatabaseError(path, "", (error.strerror or str(error)).lower(), _READABLE) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")  # as Windows tools write DBC and SYM
    known = _FORMATS.get(path.suffix.lower())
    refuse_absurd_sizes(path, text, known or "DBC")
    try:
        database: Any = cantools.database.load_string(
            text, known.lower() if known else None, strict=False
        )
    except UnsupportedDatabaseFormatError as error:
        raise _unreadable(path, str(error), known) from None
    if not isinstance(database, cantools.database.Database):
        raise DatabaseError(path, "", "a diagnostics description", _READABLE)
    return database


def _read(path: Path) -> list[Message]:
    database = read_database(path)
    by_group = _group_rule(database)
    return [
        Message(
            name=message.name,
            can_id=message.frame_id | (CanId.EXTENDED if message.is_extended_frame else 0),
            length=message.length,
            fields=tuple(
                _field(path, message, signal, by_group(message)) for signal in message.signals
            ),
            by_group=by_group(message),
        )
        for message in database.messages
    ]


def _unreadable(path: Path, text: str, known: str | None) -> DatabaseError:
    if known is None:
        return DatabaseError(path, "", "a file in none of the known formats", _READABLE)
    text = text.removeprefix(f'{known}: "').removesuffix('"')
    if match := _PLACE.search(text):
        rest = (match[2] or "").partition(">>!<<")[2].strip()
        got = repr(rest.split("\n")[0]) if rest else "nothing that makes sense"
        return DatabaseError(path, match[1], got, f"{known} syntax")
    return DatabaseError(path, "", " ".join(text.split()), f"{known} with a meaning")


def _group_rule(database: Any) -> Any:  # noqa: ANN401
    """Return the predicate that says which of *database*'s messages are known by their group.

    A DBC says it per message (attribute VFrameFormat, J1939PG) or as a whole (ProtocolType).
    Databases converted from other sources, canboat's nmea2000.dbc among them, say it only by
    giving every 29-bit message the null source address.
    """
    attributes = getattr(database.dbc, "attributes", None) or {}
    protocol = attributes.get("ProtocolType")
    whole = protocol is not None and str(protocol.value).upper() in {"J1939", "NMEA2000"}
    extended = [message for message in database.messages if message.is_extended_frame]
    nobody = all(message.frame_id & 0xFF == _NULL_ADDRESS for message in extended)

    def by_group(message: Any) -> bool:  # noqa: ANN401
        return message.is_extended_frame and (nobody or whole or message.protocol == "j1939")

    return by_group


def _field(path: Path, message: Any, signal: Any, by_group: bool) -> Field:  # noqa: ANN401
    conversion = signal.conversion
    scale, offset = _conversion(conversion.scale, conversion.offset, conversion.is_float)
    where = f"{message.name}.{signal.name}"
    if not (_is_finite(scale) and _is_finite(offset)):
        raise DatabaseError(path, where, f"scale {scale} and offset {offset}", "finite numbers")
    if conversion.is_float and signal.length not in (16, 32, 64):
        raise DatabaseError(path, where, f"a float of {signal.length} bits", "16, 32 or 64 bits")
    if signal.is_multiplexer and (conversion.is_float or signal.length > _MOST_SWITCH_BITS):
        expected = f"an integer of at most {_MOST_SWITCH_BITS} bits"
        what = "float" if conversion.is_float else "integer"
        raise DatabaseError(path, where, f"a multiplexer {what} of {signal.length} bits", expected)
    if signal.start < 0:
        raise DatabaseError(path, where, f"the start bit {signal.start}", "0 or more")
    if signal.is_multiplexer and abs(scale) < _FINEST_SWITCH:
        # Each number that it stands at would be thousands of raw values; at 0, all of them.
        expected = f"a scale of {_FINEST_SWITCH} or more"
        raise DatabaseError(path, where, f"a multiplexer with scale {scale}", expected)
    little_endian = signal.byte_order == "little_endian"
    start = signal.start if little_endian else 8 * (signal.start // 8) + 7 - signal.start % 8
    low, high = signal.minimum, signal.maximum
    # [0|0] is how a DBC says "no range"; a range upside down says nothing either.
    if low is not None and high is not None and (low > high or low == high == 0):
        low = high = None
    return Field(
        name=signal.name,
        start=start,
        length=signal.length,
        little_endian=little_endian,
        signed=signal.is_signed,
        floating=conversion.is_float,
        scale=scale,
        offset=offset,
        minimum=float(low) if low is not None and _is_finite(low) else None,
        maximum=float(high) if high is not None and _is_finite(high) else None,
        unit=signal.unit or "",
        is_switch=signal.is_multiplexer,
        switch=signal.multiplexer_signal,
        switch_values=tuple(signal.multiplexer_ids or ()),
        reserves=by_group and signal.length > 1 and not conversion.is_float,
    )


def _is_finite(number: Number) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer of hundreds of digits
        return False


def _conversion(scale: Number, offset: Number, floating: bool) -> tuple[Number, Number]:
    """Return scale and offset in the types with which cantools computes (its conversion.py)."""
    whole = all(isinstance(number, int) or number.is_integer() for number in (scale, offset))
    return (int(scale), int(offset)) if whole and not floating else (scale, offset)
