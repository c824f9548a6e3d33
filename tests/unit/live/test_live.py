from __future__ import annotations

import io
import os

import pytest
from rich.console import Console

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.sinks.live import LiveScreen, PlainView, open_view
from gateway.sinks.live_model import Notice, Status

TEMP, FUEL, SPEED, DEPTH = range(4)


@pytest.fixture
def console(terminal):
    return Console(file=terminal, force_terminal=True, width=70, height=20, color_system="standard")


@pytest.fixture
def screen(model, console):
    return LiveScreen(model, console)


def test_the_table_is_drawn_over_and_over_in_its_place(screen, terminal, feed, alarm):
    with screen:
        feed((TEMP, 1.5))
        screen.update(0)
        assert "TEMP            1.5 degC" in terminal.text
        before = terminal.text.count("\n")
        feed((TEMP, 22.5))
        alarm(1)
        screen.update(NS_PER_S)
        assert "TEMP           22.5 degC" in terminal.text
        assert "rule 1 raised" in terminal.text
        assert terminal.text.count("TEMP") == 1
        assert terminal.text.count("\n") == before + 1


def test_it_is_drawn_four_times_a_second_however_often_it_is_asked(screen, model, mocker):
    tick = mocker.spy(model, "tick")
    with screen:
        due = 0
        for now_ns in range(0, NS_PER_S, NS_PER_MS):
            due = screen.update(now_ns)
    assert [call.args[0] for call in tick.call_args_list] == [
        0,
        250 * NS_PER_MS,
        500 * NS_PER_MS,
        750 * NS_PER_MS,
    ]
    assert due == NS_PER_S


def test_the_last_picture_stays_with_all_that_came_before_the_end(screen, terminal, feed, model):
    with screen:
        screen.update(0)
        assert not terminal.cursor
        feed((TEMP, 99.0))
        model.note(Notice("the very last word"))
    assert terminal.cursor
    assert "TEMP             99 degC" in terminal.text
    assert "the very last word" in terminal.text
    assert terminal.text.count("signal ") == 1
    assert terminal.row == terminal.text.count("\n") + 1, "the prompt would overwrite it"


def test_a_terminal_that_changes_its_size_gets_a_clean_picture(screen, console, terminal, feed):
    with screen:
        feed((TEMP, 1.0))
        screen.update(0)
        console.size = (40, 6)
        terminal.resize(40)
        screen.update(NS_PER_S)
    assert terminal.text.split("\n") == [
        "signal        value unit  state",
        "FUEL              - l     no data",
        "TEMP              1 degC  ok",
        "and 2 more signals",
        "no alarms active | 0 samples/s",
    ]


def test_a_picture_of_any_height_leaves_a_line_free(screen, console, terminal):
    for height in (3, 6, 9):
        console.size = (70, height)
        with screen:
            screen.update(0)
        assert len(terminal.text.split("\n")) < height


def test_a_terminal_that_has_gone_does_not_stop_the_gateway(screen, terminal, mocker):
    with screen:
        screen.update(0)
        write = mocker.patch.object(terminal, "write", side_effect=OSError(5, "Input/output error"))
        screen.update(NS_PER_S)
        screen.update(2 * NS_PER_S)
        assert write.call_count == 1


def test_nor_does_one_that_had_gone_before_the_view_began(screen, terminal, mocker):
    write = mocker.patch.object(terminal, "write", side_effect=OSError(5, "Input/output error"))
    with screen:
        before = write.call_count
        screen.update(0)
        assert write.call_count == before


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def plain(model, out):
    return PlainView(model, out)


def test_without_a_terminal_there_is_a_line_for_each_warning(plain, out, alarm):
    with plain:
        alarm(1, -1)
        plain.update(0)
        assert out.getvalue() == "rule 1 raised\nrule 1 cleared\n"
        plain.update(1)
        alarm(2)
    assert out.getvalue() == "rule 1 raised\nrule 1 cleared\nrule 2 raised\n"


def test_without_a_terminal_a_line_sums_up_every_five_seconds(plain, out, model, feed):
    with plain:
        for second in range(11):
            feed(*[(TEMP, 1.0)] * 100)
            model.status = Status(running=7, lost=second)
            plain.update(second * NS_PER_S)
    assert out.getvalue() == (
        "7 processes ok | 5 lost | no alarms active | 100 samples/s\n"
        "7 processes ok | 10 lost | no alarms active | 100 samples/s\n"
    )


def test_warnings_that_came_too_fast_to_be_printed_are_counted(plain, out, model):
    with plain:
        for number in range(250):
            model.note(Notice(f"warning {number}"))
    lines = out.getvalue().splitlines()
    assert lines[0] == "(50 warnings more than could be printed)"
    assert lines[1:] == [f"warning {number}" for number in range(50, 250)]


def test_a_stream_that_cannot_show_a_character_shows_another(model):
    raw = io.BytesIO()
    with PlainView(model, io.TextIOWrapper(raw, "ascii", write_through=True)) as view:
        model.note(Notice("Öldruck"))
        view.update(0)
        assert raw.getvalue() == b"?ldruck\n"


def test_a_pipe_that_nobody_reads_does_not_stop_the_gateway(model, mocker):
    stream = mocker.create_autospec(io.TextIOWrapper, encoding="utf-8")
    stream.write.side_effect = BrokenPipeError
    with PlainView(model, stream) as view:
        model.note(Notice("one"))
        view.update(0)
        model.note(Notice("two"))
        view.update(1)
    assert stream.write.call_count == 1


def test_a_pipe_gets_lines_even_where_colours_are_forced(model, out, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert isinstance(open_view(model, out), PlainView)


@pytest.mark.parametrize(("term", "view"), [("xterm-256color", LiveScreen), ("dumb", PlainView)])
def test_a_terminal_gets_the_table_if_it_can_show_one(model, monkeypatch, term, view):
    monkeypatch.setenv("TERM", term)
    master, slave = os.openpty()
    with open(slave, "w") as stream, open(master, "rb"):
        assert isinstance(open_view(model, stream), view)
