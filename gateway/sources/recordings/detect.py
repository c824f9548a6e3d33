"""What kind of recording a file is."""

from __future__ import annotations

from pathlib import Path

from gateway.counters import Counters
from gateway.errors import RecordingError
from gateway.sources.recordings.base import Recording
from gateway.sources.recordings.candump import CandumpLog
from gateway.sources.recordings.library import SUFFIXES, LibraryRecording, kind_of
from gateway.sources.recordings.screen import CandumpScreen
from gateway.sources.recordings.sentences import SentenceRecording
from gateway.sources.recordings.text import first_lines

_CAN_EXPECTED = "a candump log, candump's screen, .asc, .blf, .trc, .csv, .db or .mf4"
_NMEA_EXPECTED = "NMEA 0183 sentences"


def open_recording(path: Path) -> Recording:
    """Return a reader of the CAN recording at *path*, of which at least one frame can be read.

    Text is told by its lines, whatever its name; other formats by their suffix, with or without a
    ``.gz`` behind it.

    Raises:
        RecordingError: It is missing, empty, of no known format, or damaged before its first frame.
    """
    recording = _recording(path)
    frames = recording.frames(Counters())
    try:
        if next(frames, None) is None:
            raise recording.damage or RecordingError(path, "", "no frame", _CAN_EXPECTED)
    finally:
        frames.close()
    return recording


def open_sentences(path: Path, rate: float) -> SentenceRecording:
    """Return a reader of the NMEA 0183 text at *path*.

    Args:
        path: The file.
        rate: For a recording without times, sentences a second.

    Raises:
        RecordingError: It is missing, empty, or holds no sentence near its beginning.
    """
    lines = first_lines(path)
    if not any(map(SentenceRecording.recognises, lines)):
        raise _unknown(path, lines, _NMEA_EXPECTED)
    return SentenceRecording(path, rate)


def holds_sentences(path: Path) -> bool:
    """Tell whether the recording at *path* is NMEA 0183 text.

    Raises:
        RecordingError: It cannot be read.
    """
    if kind_of(path) in SUFFIXES:
        return False
    return any(map(SentenceRecording.recognises, first_lines(path)))


def _recording(path: Path) -> Recording:
    if kind_of(path) in SUFFIXES:
        return LibraryRecording(path)
    lines = first_lines(path)
    for line in lines:
        if CandumpLog.recognises(line):
            return CandumpLog(path)
        if CandumpScreen.recognises(line):
            return CandumpScreen(path)
    raise _unknown(path, lines, _CAN_EXPECTED)


def _unknown(path: Path, lines: list[bytes], expected: str) -> RecordingError:
    if not lines:
        return RecordingError(path, "", "an empty file", expected)
    shown = repr(lines[0].strip()[:40])[1:]
    return RecordingError(path, "line 1", shown, expected)
