"""How the fields of an NMEA 0183 sentence become numbers.

A *reader* takes the fields of a sentence (``fields[0]`` is its address) and returns a number, or
None where the field is empty: an empty field is "no value", never a zero. It raises `ValueError`
where the field is not what the standard says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from gateway.decode.slot import number

Fields = Sequence[bytes]
Reader = Callable[[Fields], float | None]

_UNIX_EPOCH_DAY = date(1970, 1, 1).toordinal()


def plain(at: int) -> Reader:
    """Read the number in field *at*."""

    def read(fields: Fields) -> float | None:
        return number(text) if (text := fields[at]) else None

    return read


def measured(*places: tuple[int, bytes, float]) -> Reader:
    """Read one quantity that the sentence gives in several units: the first that is not empty.

    Args:
        *places: (field of the number, letter of its unit in the field after it, factor). A
            letter may be missing; another letter than this one is an error.
    """

    def read(fields: Fields) -> float | None:
        for at, letter, factor in places:
            if text := fields[at]:
                if fields[at + 1] not in (letter, b""):
                    raise ValueError("got another unit than the sentence has")
                return number(text) * factor
        return None

    return read


def in_unit_of(at: int, unit_at: int, factors: dict[bytes, float]) -> Reader:
    """Read the number in field *at*, whose unit is told by the letter in field *unit_at*."""

    def read(fields: Fields) -> float | None:
        if not (text := fields[at]):
            return None
        factor = factors.get(fields[unit_at])
        if factor is None:
            raise ValueError("got an unknown unit")
        return number(text) * factor

    return read


def directed(at: int, towards_at: int, negative: bytes, positive: bytes) -> Reader:
    """Read the number in field *at*, whose sign is told by the letter in field *towards_at*."""

    def read(fields: Fields) -> float | None:
        text, towards = fields[at], fields[towards_at]
        if not text or not towards:
            return None  # without its direction it is not known
        if towards not in (negative, positive):
            raise ValueError("got an unknown direction")
        return -number(text) if towards == negative else number(text)

    return read


def position(at: int, negative: bytes, positive: bytes) -> Reader:
    """Read ``dddmm.mmm`` in field *at* and its hemisphere in the next as signed degrees."""

    def read(fields: Fields) -> float | None:
        text, hemisphere = fields[at], fields[at + 1]
        if not text or not hemisphere:
            return None
        if hemisphere not in (negative, positive):
            raise ValueError("got an unknown hemisphere")
        cut = (text.find(b".") if b"." in text else len(text)) - 2
        if cut < 0 or not text.replace(b".", b"").isdigit():
            raise ValueError("got no degrees and minutes")
        minutes = float(text[cut:])
        if minutes >= 60:
            raise ValueError("got no minutes of arc")
        degrees = int(text[:cut] or b"0") + minutes / 60
        return -degrees if hemisphere == negative else degrees

    return read


def only_if(at: int, letter: bytes, reader: Reader) -> Reader:
    """Read by *reader* where field *at* is *letter*: fields whose meaning another one tells."""

    def read(fields: Fields) -> float | None:
        return reader(fields) if fields[at] == letter else None

    return read


def time_of_day(at: int) -> Reader:
    """Read ``hhmmss.ss`` in field *at* as seconds since 00:00 UTC."""

    def read(fields: Fields) -> float | None:
        if not (text := fields[at]):
            return None
        hours, minutes, seconds = int(text[:2]), int(text[2:4]), number(text[4:])
        if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):
            raise ValueError("got no time of day")
        return hours * 3600 + minutes * 60 + seconds

    return read


def unix_time(time_at: int, date_of: Callable[[Fields], tuple[bytes, bytes, bytes]]) -> Reader:
    """Read time and date as seconds since 1970-01-01 UTC; *date_of* gives day, month, year."""
    read_time = time_of_day(time_at)

    def read(fields: Fields) -> float | None:
        seconds, (day, month, year) = read_time(fields), date_of(fields)
        if seconds is None or not (day and month and year):
            return None
        try:
            days = date(int(year), int(month), int(day)).toordinal() - _UNIX_EPOCH_DAY
        except OverflowError:  # from a number that does not fit into 32 bits
            raise ValueError("got no date") from None
        return days * 86_400 + seconds

    return read


def date_of_rmc(fields: Fields) -> tuple[bytes, bytes, bytes]:
    """Return day, month and four-digit year of RMC's ``ddmmyy``; where it is empty, no day."""
    text = fields[9]
    if len(text) not in (0, 6):
        raise ValueError("got no date")
    # GPS began in 1980: two digits mean 1980 to 2079.
    century = b"19" if text[4:] >= b"80" else b"20"
    return text[:2], text[2:4], century + text[4:]


def date_of_zda(fields: Fields) -> tuple[bytes, bytes, bytes]:
    """Return day, month and year of ZDA."""
    return fields[2], fields[3], fields[4]


def transducer(kind: bytes, units: dict[bytes, float], *names: bytes) -> Reader:
    """Read from the groups of four of an XDR (kind, number, unit, name) the one so named."""

    def read(fields: Fields) -> float | None:
        for at in range(1, len(fields) - 3, 4):
            if fields[at] == kind and fields[at + 3].upper() in names:
                if not fields[at + 1]:
                    return None
                if fields[at + 2] not in units:
                    raise ValueError("got an unknown unit")
                return number(fields[at + 1]) * units[fields[at + 2]]
        return None

    return read
