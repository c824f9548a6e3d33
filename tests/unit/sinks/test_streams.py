"""Lines to standard output, and lines for people."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest

from gateway.sinks.console import Console
from gateway.sinks.lines import LineStream


@pytest.fixture
def pipe():
    """A pipe's two ends; a test may close either."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):  # the test closed it
            os.close(end)


@pytest.fixture
def terminal():
    ours, theirs = os.openpty()
    yield theirs
    os.close(ours)
    os.close(theirs)


def test_lines_go_out_at_once_and_in_order(pipe, event):
    reader, writer = pipe
    stream = LineStream(writer)
    assert stream.write([event(1), event(2)])
    assert os.read(reader, 1000) == event(1) + event(2)
    assert (stream.written, stream.pending, stream.lost) == (2, 0, 0)


def test_a_reader_that_goes_away_is_the_end_quietly_and_what_still_comes_is_counted(pipe, event):
    reader, writer = pipe
    stream = LineStream(writer)
    stream.write([event(1)])
    os.close(reader)
    assert not stream.write([event(2), event(3)])
    assert not stream.write([event(4)])
    stream.close()
    assert stream.ended
    assert stream.error == "", "nothing waits for the end of it"
    assert (stream.written, stream.pending, stream.lost) == (1, 0, 3)


def test_a_pipe_that_takes_no_more_for_now_goes_on_in_mid_line(pipe, event):
    reader, writer = pipe
    os.set_blocking(writer, False)
    stream = LineStream(writer)
    lines = [event(n) for n in range(3000)]
    assert not stream.write(lines[:2500])
    assert stream.error
    assert not stream.write(lines[2500:])
    received = b""
    while not stream.write():
        received += os.read(reader, 30_001)
    os.close(writer)
    while data := os.read(reader, 1 << 20):
        received += data
    assert received == b"".join(lines)
    assert (stream.written, stream.pending, stream.lost) == (3000, 0, 0)


def test_people_read_lines_and_what_their_terminal_lacks_becomes_a_question_mark(pipe):
    reader, writer = pipe
    Console(writer, {}, encoding="ascii").print(["21 °C", "ok"])
    assert os.read(reader, 100) == b"21 ?C\nok\n"
    Console(writer, {}).print(["21 °C"])
    assert os.read(reader, 100) == "21 °C\n".encode()


@pytest.mark.parametrize(
    ("environ", "color"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_a_terminal_gets_colours_unless_somebody_minds(terminal, environ, color):
    assert Console(terminal, environ).color is color


def test_a_pipe_gets_no_colours(pipe):
    assert not Console(pipe[1], {"TERM": "xterm-256color"}).color
