"""Which kind of recording a file is, and the one line for each that is none."""

import re

import pytest

from gateway.errors import RecordingError
from gateway.sources.recordings import holds_sentences, open_recording, open_sentences
from gateway.sources.recordings.candump import CandumpLog
from gateway.sources.recordings.screen import CandumpScreen

LOG = "(1690000000.123456) can0 123#DEADBEEF\n"
SCREEN = "  can0  123   [1]  00\n"
DEPTH = "$IIDBT,034.25,f,010.44,M,005.64,F*27\r\n"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        pytest.param("a.log", LOG, CandumpLog, id="candump log"),
        pytest.param("a.txt", LOG, CandumpLog, id="candump log of any name"),
        pytest.param("a.log", SCREEN, CandumpScreen, id="screen called .log"),
        pytest.param("a.log", "4) can0 12\n\n# hello\n" + LOG, CandumpLog, id="cut at the front"),
        pytest.param("a", "# an old one\n" + SCREEN, CandumpScreen, id="comment in front"),
    ],
)
def test_text_is_told_by_its_lines(write, name, content, kind):
    assert type(open_recording(write(name, content))) is kind


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(b"", r"got an empty file, expected a candump log, .*", id="empty"),
        pytest.param(b"\n\n \n", r"got an empty file, expected a candump log, .*", id="blank"),
        pytest.param(b"hello world\n" * 9, r"line 1: got 'hello world', expected a .*", id="text"),
        pytest.param(b"\x7fELF\0\xff" * 99, r"line 1: got '\\x7fELF\\x00\\xff.*', .*", id="binary"),
        pytest.param(DEPTH.encode(), r"line 1: got '\$IIDBT,.*', expected a candump.*", id="NMEA"),
    ],
)
def test_what_is_no_recording_of_frames_is_one_line(write, content, line):
    path = write("drive.log", content)
    with pytest.raises(RecordingError) as error:
        open_recording(path)
    assert re.fullmatch(rf"{re.escape(str(path))}: {line}", str(error.value))


def test_what_is_no_nmea_text_is_one_line(write):
    path = write("boat.nmea", LOG)
    with pytest.raises(RecordingError) as error:
        open_sentences(path, 10.0)
    expected = f"{path}: line 1: got '{LOG.strip()}', expected NMEA 0183 sentences"
    assert str(error.value) == expected


@pytest.mark.parametrize("name", ["no.log", "no.blf"])
@pytest.mark.parametrize("make", ["missing", "folder"])
def test_what_cannot_be_opened_is_one_line(folder, name, make):
    if make == "folder":
        (folder / name).mkdir()
    what = {"missing": "no such file or directory", "folder": "is a directory"}[make]
    with pytest.raises(RecordingError) as error:
        open_recording(folder / name)
    assert str(error.value) == f"{folder / name}: got {what}, expected a recording that can be read"


def test_an_archive_that_is_none_is_one_line(write):
    path = write("drive.log.gz", "hello")
    with pytest.raises(RecordingError, match=r": got 'Not a gzipped file .*', expected a"):
        open_recording(path)


def test_nmea_text_and_frames_are_told_apart(write):
    assert holds_sentences(write("a.log", DEPTH))
    assert holds_sentences(write("a.log", "1690000000.5 " + DEPTH))
    assert not holds_sentences(write("a.log", LOG))
    assert not holds_sentences(write("a.log", SCREEN))
    assert not holds_sentences(write("a.blf", DEPTH))
