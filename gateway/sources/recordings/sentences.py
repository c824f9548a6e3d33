r"""NMEA 0183 as text: a sentence a line, as a plotter or ``cat /dev/ttyUSB0`` records it.

Most such files carry no times; the sentences then get a time line of their own. Times are taken
from the file where its first sentence has one, as a tag block or in front of the sentence, in
seconds (or, as some loggers write, milliseconds) since 1970::

    \s:gps,c:1690000000*5A\$GPGLL,...
    1690000000.250 $GPGLL,...

Format: NMEA 0183 version 4.10, section 7 (TAG blocks).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.counters import Counters
from gateway.errors import RecordingError
from gateway.sources.recordings.text import TextFile

LINE = re.compile(
    rb"(?:(?P<prefix>\d{1,10}(?:\.\d{1,9})?|\d{13})[\s,;]+)?(?:\\(?P<tags>[^\\]*)\\)?"
    rb"(?P<sentence>[$!][A-Z][0-9A-Z]{2,8},.*)"
)
_TAG_TIME = re.compile(rb"(?:^|,)c:(\d{1,10}(?:\.\d{1,9})?|\d{13})(?:[,*]|$)")
_MILLISECOND_DIGITS = 13
_LATEST_NS = (1 << 63) - 1


class SentenceRecording:
    """A text file of NMEA 0183 sentences. It may be read again, from its beginning.

    Args:
        path: The file.
        rate: Sentences a second on the time line given to a file without times; it begins at 0.

    Attributes:
        path: The file.
        damage: Why the latest reading ended before the file did; None if it did not.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self.path = path
        self.damage: RecordingError | None = None
        self._file = TextFile(path)
        self._interval_ns = NS_PER_S / rate

    @staticmethod
    def recognises(line: bytes) -> bool:
        """Tell whether *line* is one of this format."""
        return LINE.fullmatch(line.strip()) is not None

    def progress(self) -> float:
        """Return how much of the file the reading under way has taken in, 0.0..1.0."""
        return self._file.progress()

    def sentences(self, counters: Counters) -> Iterator[tuple[NDArray[np.int64], list[bytes]]]:
        """Yield the lines that are not blank with their times in nanoseconds, some thousand each.

        A line is what the device sent, whether it is a sentence or not, with its line feed and
        without what the recorder put before it; whoever decodes it counts it. In a file with
        times, a line without one has the time of the line before.

        Args:
            counters: Only what cannot be read from the file is counted here.

        Raises:
            RecordingError: The file cannot be opened.
        """
        self.damage = None
        stamped: bool | None = None
        count = latest_ns = 0
        for block in self._file.blocks(counters):
            times, lines = [], []
            for line in block.splitlines():
                text = line.strip()
                if not text:
                    continue
                t_ns, text = _split(text)
                if stamped is None:
                    stamped = t_ns is not None
                if not stamped:
                    t_ns = round(count * self._interval_ns)
                latest_ns = latest_ns if t_ns is None else t_ns
                count += 1
                times.append(latest_ns)
                lines.append(text + b"\r\n")
            if lines:
                yield np.array(times, np.int64), lines
        if self._file.damage:
            self.damage = RecordingError(self.path, *self._file.damage)
            counters.received += 1
            counters.lost["damaged"] += 1


def _split(text: bytes) -> tuple[int | None, bytes]:
    """Return the time that stands before a sentence, None if none does, and the sentence."""
    match = None if text.startswith((b"$", b"!")) else LINE.fullmatch(text)
    if match is None:
        return None, text
    tagged = _TAG_TIME.search(match["tags"] or b"")
    stamp = tagged[1] if tagged else match["prefix"]
    if stamp is None:
        return None, match["sentence"]
    seconds, _, fraction = stamp.partition(b".")
    if len(seconds) == _MILLISECOND_DIGITS:
        t_ns = int(seconds) * NS_PER_MS
    else:
        t_ns = int(seconds) * NS_PER_S + int(fraction.ljust(9, b"0"))
    return (t_ns if t_ns <= _LATEST_NS else None), match["sentence"]
