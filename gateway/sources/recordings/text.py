"""Text files, compressed or not, in blocks of whole lines."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from gateway.counters import Counters
from gateway.errors import RecordingError

BLOCK = 1 << 18
"""Bytes read at once: some thousand frames, so that their arrays stay in the processor's cache."""

LONGEST_LINE = 1 << 16
"""A line without an end, as in a file that is not text, must not fill the memory."""


class ByteFile(Protocol):
    """What is read of a file, packed or not."""

    def read1(self, size: int, /) -> bytes:
        """Return some bytes, at most *size*; none at the end."""
        ...


class TextFile:
    """A text file; one whose name ends in ``.gz`` is unpacked on the way.

    Attributes:
        path: The file.
        damage: Where and why the latest reading ended too early, as (where, got, expected).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: tuple[str, str, str] | None = None
        self._raw: io.BufferedReader | None = None
        self._progress = 0.0

    def blocks(self, counters: Counters) -> Iterator[bytes]:
        """Yield the text in blocks that begin and end with whole lines.

        The last line gets its line feed if it has none. A line longer than `LONGEST_LINE` that
        fills a block is counted as lost, "too_long".

        Raises:
            RecordingError: The file cannot be opened.
        """
        self.damage = None
        self._progress = 0.0
        with open_file(self.path) as raw:
            self._raw = raw
            try:
                yield from self._lines(_unpacked(raw, self.path), counters)
            finally:
                self._raw = None
        self._progress = 1.0

    def _lines(self, file: ByteFile, counters: Counters) -> Iterator[bytes]:
        tail = b""
        skipping = False
        while data := self._read(file):
            block = tail + data
            first = block.find(b"\n") + 1 if skipping else 0
            last = block.rfind(b"\n") + 1
            tail = block[last:]
            if last:
                skipping = False
                if first < last:
                    yield block[first:last]
            elif skipping or len(block) > LONGEST_LINE:
                if not skipping:
                    counters.received += 1
                    counters.lost["too_long"] += 1
                skipping = True
                tail = b""
        if tail and not skipping and not self.damage:  # half a line is part of the damage
            yield tail + b"\n"

    def _read(self, file: ByteFile) -> bytes:
        """Return about `BLOCK` bytes; less at the end, which may be a damage."""
        parts: list[bytes] = []
        size = 0
        while size < BLOCK and self.damage is None:
            try:
                # Not read(): it would keep what it has unpacked when it comes upon the damage.
                part = file.read1(BLOCK)
            except (OSError, EOFError, zlib.error) as error:  # BadGzipFile is an OSError
                where = f"byte {self._raw.tell()}" if self._raw else ""
                self.damage = (where, f"'{error}'", "a file that can be read to its end")
                break
            if not part:
                break
            parts.append(part)
            size += len(part)
        return b"".join(parts)

    def progress(self) -> float:
        """Return how much of the file has been taken in, 0.0..1.0."""
        if self._raw is not None:
            self._progress = self._raw.tell() / max(os.fstat(self._raw.fileno()).st_size, 1)
        return self._progress


def open_file(path: Path) -> io.BufferedReader:
    """Open *path* for reading bytes.

    Raises:
        RecordingError: It cannot be opened, or is a folder.
    """
    try:
        return path.open("rb")
    except OSError as error:
        got = (error.strerror or str(error)).lower()
        raise RecordingError(path, "", got, "a recording that can be read") from None


def first_lines(path: Path) -> list[bytes]:
    """Return the first lines of *path*, blank ones left out, at most `LONGEST_LINE` bytes of them.

    Raises:
        RecordingError: The file cannot be read at all.
    """
    with open_file(path) as raw:
        try:
            # As much as comes at once, so that a damage further on does not matter yet.
            start = _unpacked(raw, path).read1(LONGEST_LINE)
        except (OSError, EOFError, zlib.error) as error:
            raise RecordingError(path, "", f"'{error}'", "a recording that can be read") from None
    return [line for line in start.splitlines() if line.strip()]


def _unpacked(raw: io.BufferedReader, path: Path) -> ByteFile:
    return gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
