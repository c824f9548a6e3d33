"""The file formats that python-can reads: .asc, .blf, .trc, .csv, .db, and .mf4 with asammdf."""

from __future__ import annotations

import contextlib
import gzip
import os
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, cast

import can

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.counters import Counters
from gateway.errors import RecordingError
from gateway.record import Frames, Origin
from gateway.sources.can_message import Row, frame_row, frames_of
from gateway.sources.recordings.base import Recording
from gateway.sources.recordings.blf import BlfReader
from gateway.sources.recordings.text import open_file
from gateway.sources.recordings.text_formats import TEXT_READERS, Lines

SUFFIXES = frozenset({".asc", ".blf", ".trc", ".csv", ".db", ".mf4"})

_CHUNK = 4096
_BLF_HEADER = 144
_NS_EXACT_BELOW_S = 1 << 22
"""Below this many seconds a float still tells one nanosecond from the next."""
_LATEST_NS = (1 << 63) - 1
_EARLIEST_NS = -_LATEST_NS


class LibraryRecording(Recording):
    """A recording in a format that python-can reads.

    python-can gives times as floats of seconds. They are rounded to the nanosecond where a float
    is fine enough for that (the first 48 days of a time line), else to the microsecond, so that a
    time written with six decimals is met exactly. A .blf's nanoseconds are kept beside its start
    time. A channel that is a number n is called "can<n>", as python-can's writers do.

    Lines that python-can passes over are not counted: events that are no frames, and torn lines of
    an .asc or .trc, which it does not tell from each other.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: Any = None
        self._progress = 0.0

    def progress(self) -> float:
        """See `Recording`. Formats that are no plain file stay at 0.0 until they are read."""
        # A file object will not tell where it is while its lines are being read.
        with contextlib.suppress(OSError, AttributeError, ValueError):
            descriptor = self._file.fileno()
            read = os.lseek(descriptor, 0, os.SEEK_CUR)
            self._progress = read / max(os.fstat(descriptor).st_size, 1)
        return min(self._progress, 1.0)

    def frames(self, counters: Counters) -> Generator[Frames, None, None]:
        """See `Recording`."""
        self.damage = None
        self._progress = 0.0
        reader = self._open()
        self._file = getattr(reader, "file", None)
        start_ns = _take_start_ns(reader)
        messages = _messages(reader)
        count = 0
        try:
            going = True
            while going:
                rows: list[Row] = []
                try:
                    going = self._fill(rows, messages, start_ns, counters)
                except Exception as error:  # noqa: BLE001 - the readers raise all sorts of things
                    going = False
                    where = f"after frame {count + len(rows)}"
                    got = _said(error)
                    self.spoil(where, got, f"a sound {self.path.suffix} file", counters)
                count += len(rows)
                if rows:
                    yield frames_of(rows)
            missing = _missing_bytes(reader, self.path)
            if missing and self.damage is None:
                where = f"after frame {count}"
                self.spoil(where, f"a file cut short by {missing} bytes", "all of it", counters)
        finally:
            self._file = None
            reader.stop()
        self._progress = 1.0

    def _open(self) -> can.io.generic.MessageReader:
        expected = f"a sound {self.path.suffix} file"
        if self.path.suffix.lower() == ".mf4" and not find_spec("asammdf"):
            install = "it: pip install 'embedded-gateway[mf4]'"
            raise RecordingError(self.path, "", "a format that needs asammdf", install)
        with open_file(self.path) as file:
            start = file.read(_BLF_HEADER)
        if self.path.suffix.lower() == ".blf" and not _is_blf_header(start):
            # Told here because BLFReader leaves the file open when it does not like it.
            raise RecordingError(self.path, "byte 0", "no header", expected)
        try:
            reader = _reader(self.path)
        except Exception as error:  # noqa: BLE001 - the readers raise all sorts of things
            got = _said(error)
            raise RecordingError(self.path, "", got, expected) from None
        return reader

    def _fill(
        self,
        rows: list[Row],
        messages: Iterator[can.Message],
        start_ns: int,
        counters: Counters,
    ) -> bool:
        """Append the next rows of `FRAME`; tell whether there may be more."""
        for message in messages:
            channel = self.channel_number(_channel_name(message.channel))
            t_ns = start_ns + to_ns(message.timestamp)
            is_sound = message.dlc >= 0 and _EARLIEST_NS <= t_ns <= _LATEST_NS
            if channel is None or not is_sound:
                counters.received += 1
                counters.lost["malformed"] += 1
                continue
            rows.append(frame_row(message, t_ns, channel, Origin.RECORDED))
            if len(rows) == _CHUNK:
                return True
        return False


def kind_of(path: Path) -> str:
    """Return the suffix that tells the format of *path*: in lower case, and not ".gz"."""
    suffix = path.suffix.lower()
    return path.with_suffix("").suffix.lower() if suffix == ".gz" else suffix


def _reader(path: Path) -> can.io.generic.MessageReader:
    kind = kind_of(path)
    packed = path.suffix.lower() == ".gz"
    if kind == ".blf":
        return BlfReader(cast("BinaryIO", gzip.open(path)) if packed else path)
    if kind in TEXT_READERS:
        text = Lines(cast("BinaryIO", gzip.GzipFile(path)) if packed else open_file(path))
        try:
            return TEXT_READERS[kind](text)
        except Exception:
            text.close()
            raise
    return can.LogReader(str(path))


def _messages(reader: can.io.generic.MessageReader) -> Iterator[can.Message]:
    """Yield what *reader* reads, unless it takes the times for something that they are not.

    Raises:
        ValueError: An .asc has "timestamps relative": each counts from the line before, be it a
            frame or anything else; `can.ASCReader` takes them as they stand.
    """
    messages = iter(reader)
    for message in messages:
        if getattr(reader, "timestamps_format", None) == "relative":
            raise ValueError("timestamps relative, which count from line to line")
        yield message
        break
    yield from messages


def to_ns(seconds: float) -> int:
    """Return *seconds* in nanoseconds, to the last digit that a float of that size can mean."""
    if abs(seconds) < _NS_EXACT_BELOW_S:
        return round(seconds * NS_PER_S)
    return round(seconds * 1e6) * 1000


def _said(error: Exception) -> str:
    """Return the text of *error*, which may have several lines, as one."""
    return f"'{' '.join(str(error).split()) or type(error).__name__}'"


def _channel_name(channel: object) -> str:
    if channel is None:
        return "can0"
    text = str(channel)
    return f"can{text}" if text.isdigit() else text


def _is_blf_header(start: bytes) -> bool:
    return len(start) == _BLF_HEADER and start.startswith(b"LOGG")


def _take_start_ns(reader: object) -> int:
    """Return what *reader* would add to each time as a float, and have it add nothing."""
    if not isinstance(reader, can.BLFReader):
        return 0
    start_ns = round(reader.start_timestamp * 1000) * NS_PER_MS
    reader.start_timestamp = 0.0
    return start_ns


def _missing_bytes(reader: object, path: Path) -> int:
    """Return how many bytes a .blf lacks of what its header says; its reader does not look."""
    if not isinstance(reader, can.BLFReader) or path.suffix.lower() == ".gz":
        return 0
    return max(int(reader.file_size) - path.stat().st_size, 0)
