"""A signal's values from a recording: a CSV file, or frames that the database decodes."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import can
from cantools.database.can import Message
from cantools.database.errors import DecodeError

Points = list[tuple[float, float]]
"""Seconds since the recording's first row or frame, and the value then."""

_TIMES = ("timestamp", "time", "t")


def recorded(file: Path, message: Message, signal: str, column: str | None = None) -> Points:
    """Return what *signal* of *message* was in *file*, times rising.

    Args:
        file: ``*.csv``, or frames in a format that python-can reads by the file's name:
            ``candump -L``'s ``*.log``, ``*.asc``, ``*.blf``, ``*.trc`` ...
            A CSV file has a header. Its column of seconds is the one called timestamp, time or
            t, or else the first; its values are in *column*, or, if there are columns message,
            signal and value, in the rows of that signal.
        message: The message that has it.
        signal: The signal's name.
        column: The column of a CSV file that has it; None for one with its name.

    Raises:
        ValueError: There is nothing of it, or the file cannot be read; the text says what was
            found and what is expected.
    """
    try:
        if file.suffix.lower() == ".csv":
            with file.open(newline="", encoding="utf-8-sig") as lines:
                points = _from_csv(csv.reader(lines), message.name, signal, column)
        else:
            points = _from_frames(file, message, signal)
    except OSError as error:
        raise ValueError(f"got {(error.strerror or str(error)).lower()}, expected a file") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"got bytes that are not UTF-8 at {error.start}, expected text") from None
    except csv.Error as error:
        raise ValueError(f"got {error}, expected a CSV file") from None
    if not points:
        raise ValueError(f"got no value of {message.name}.{signal}, expected at least one")
    first = points[0][0]
    rising: Points = []
    for time, value in points:
        # Of values of one moment the last one counts, as it does to a receiver.
        if rising and time - first <= rising[-1][0]:
            rising[-1] = (rising[-1][0], value)
        else:
            rising.append((time - first, value))
    return rising


def _from_csv(rows: Iterator[list[str]], message: str, signal: str, column: str | None) -> Points:
    header = [name.strip() for name in next(rows, [])]
    time = next((header.index(name) for name in _TIMES if name in header), 0)
    long = column is None and {"message", "signal", "value"} <= set(header)
    wanted = "value" if long else column or signal
    if wanted not in header:
        known = ", ".join(map(repr, header)) or "a header"
        raise ValueError(f"got column {wanted!r}, expected one of {known}")
    points = []
    value = header.index(wanted)
    for number, row in enumerate(rows, start=2):
        if long and [message, signal] != [
            row[header.index(name)] if header.index(name) < len(row) else ""
            for name in ("message", "signal")
        ]:
            continue
        if len(row) <= value or not row[value].strip():
            continue  # nothing measured at that moment
        moment = row[time] if time < len(row) else ""
        points.append((_number(moment, number), _number(row[value], number)))
    return points


def _number(text: str, line: int) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"got {text!r} in line {line}, expected a number")
    return number


def _from_frames(file: Path, message: Message, signal: str) -> Points:
    points = []
    try:
        with can.LogReader(file) as reader:
            for frame in reader:
                if (
                    frame.arbitration_id == message.frame_id
                    and frame.is_extended_id == message.is_extended_frame
                    and not frame.is_remote_frame
                    and not frame.is_error_frame
                ):
                    points += _decoded(message, signal, frame)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - the readers raise all sorts of things
        raise ValueError(f"got {error}, expected a recording of frames") from None
    return points


def _decoded(message: Message, signal: str, frame: can.Message) -> Points:
    try:
        values = message.decode(
            bytes(frame.data), decode_choices=False, allow_truncated=True, allow_excess=True
        )
    except (DecodeError, KeyError):
        return []  # a form of a multiplexed message that the database does not know
    value = values.get(signal) if isinstance(values, dict) else None
    if not isinstance(value, int | float) or not math.isfinite(value):
        return []  # not in this form of the message, or the device says that it has none
    return [(frame.timestamp, float(value))]
