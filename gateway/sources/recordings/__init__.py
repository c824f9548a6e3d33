"""Recordings: CAN traffic and NMEA text in files, on the recordings' own time lines."""

from gateway.sources.recordings.base import Recording
from gateway.sources.recordings.detect import holds_sentences, open_recording, open_sentences
from gateway.sources.recordings.sentences import SentenceRecording

__all__ = [
    "Recording",
    "SentenceRecording",
    "holds_sentences",
    "open_recording",
    "open_sentences",
]
