"""A log record is one line: text for people, JSON for programs."""

import json
import logging
import os

import pytest

from gateway.log import pour_out, set_up_logging


@pytest.fixture(autouse=True)
def restored_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_text_names_the_process_and_the_level(capsys):
    set_up_logging()
    logging.getLogger("can0").warning("link lost: %s", "unplugged")
    line = capsys.readouterr().err
    assert line[12:] == " WARNING can0: link lost: unplugged\n"
    assert line[2] == line[5] == ":"


def test_json_is_an_object_a_line(capsys):
    set_up_logging("json")
    logging.getLogger("gps").error("100 %")
    record = json.loads(capsys.readouterr().err)
    assert record.pop("time").endswith("Z")
    assert record == {"level": "error", "process": "gps", "message": "100 %"}


def test_a_crash_is_one_json_line_too(capsys):
    set_up_logging("json")
    try:
        int("broken")
    except ValueError:
        logging.getLogger("gps").exception("crashed")
    [line] = capsys.readouterr().err.splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["trace"]


@pytest.fixture
def pipe():
    reading, writing = os.pipe2(os.O_NONBLOCK)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_lines_go_to_the_pipe_of_whoever_draws_on_the_terminal(pipe, capsys):
    reading, writing = pipe
    set_up_logging(pipe=writing)
    logging.getLogger("can0").warning("two\nlines")
    assert os.read(reading, 1000)[12:] == b" WARNING can0: two | lines\n"
    assert capsys.readouterr().err == ""


def test_a_file_name_that_is_not_text_can_be_told_to_whoever_draws(pipe):
    reading, writing = pipe
    set_up_logging(pipe=writing)
    logging.getLogger("journal").warning("%s: torn", os.fsdecode(b"\xff.jsonl"))
    assert os.read(reading, 1000).endswith(b" journal: \\udcff.jsonl: torn\n")


def test_a_view_that_does_not_read_blocks_nobody(pipe, capfd):
    _, writing = pipe
    set_up_logging(pipe=writing)
    for _ in range(100):
        logging.getLogger("can0").warning("x" * 1000)
    assert "x" * 1000 in capfd.readouterr().err  # what did not fit


def test_what_a_view_has_not_drawn_can_be_printed_in_its_place(pipe, capfd):
    reading, writing = pipe
    set_up_logging(pipe=writing)
    for _ in range(3):
        logging.getLogger("view").error("crashed")
    assert capfd.readouterr().err == ""
    for _ in range(2):
        pour_out(reading)
    assert capfd.readouterr().err.count(" ERROR view: crashed\n") == 3
