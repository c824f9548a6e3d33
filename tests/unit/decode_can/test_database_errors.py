"""What a person is told of a database that cannot be read."""

from __future__ import annotations

import logging

import pytest

from gateway.decode.database import FrameDatabase
from gateway.errors import DatabaseError

ONE = ("BO_ 1 One: 1 ECU", ' SG_ S : 0|8@1+ (2,1) [1|9] "km/h" ECU')


def told(*paths) -> str:
    with pytest.raises(DatabaseError) as caught:
        FrameDatabase.load(paths)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_missing_file_is_named(tmp_path):
    assert told(tmp_path / "no.dbc") == (
        f"{tmp_path}/no.dbc: got no such file or directory,"
        " expected a signal database (DBC, KCD, SYM or ARXML)"
    )


def test_a_folder_is_not_a_database(tmp_path):
    assert "got is a directory, expected a signal database" in told(tmp_path)


def test_a_syntax_error_is_shown_with_its_place(tmp_path, can):
    path = can.write_dbc(tmp_path / "a.dbc", *ONE, "BO_ two")
    assert told(path) == f"{path}: line 7, column 5: got 'two', expected DBC syntax"


def test_a_format_is_known_by_its_suffix_in_capitals_or_not(tmp_path, can):
    for name in ("a.dbc", "a.DBC", "a.Dbc"):
        path = can.write_dbc(tmp_path / name, *ONE, "BO_ two")
        assert told(path).endswith("got 'two', expected DBC syntax")


def test_a_suffix_that_says_another_format_is_believed(tmp_path, can):
    path = can.write_dbc(tmp_path / "a.kcd", *ONE)
    assert told(path) == (
        f"{path}: got syntax error: line 1, column 0, expected KCD with a meaning"
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.sym", "FormatVersion=6.0\nwhat", "line 2, column 1: got 'what', expected SYM syntax"),
        ("a.arxml", "<x/>", "got No XML namespace specified or illegal root tag name 'x',"
                            " expected ARXML with a meaning"),
    ],
)  # fmt: skip
def test_each_format_is_told_by_its_name(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text)
    assert told(path) == f"{path}: {expected}"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ["BO_ 1 M: 8 E", ' SG_ S : 0|8@1+ (1,0 [0|0] "" E'],
            "line 6, column 22: got '[0|0] \"\" E', expected DBC syntax",
            id="the rest of the line",
        ),
        pytest.param(
            ["BO_ two", *ONE],
            "line 5, column 5: got 'two', expected DBC syntax",
            id="one line of several",
        ),
        pytest.param(
            ["BO_ two >>!<< three"],
            "line 5, column 9: got '>>!<< three', expected DBC syntax",
            id="a line like the mark of cantools",
        ),
        pytest.param(["\1 "], "line 5, column 1: got '\\x01', expected DBC syntax", id="no token"),
        pytest.param(
            ["BO_ 1 M: 8 E", ' SG_ S : 0|8@1+ (1,0) [0|0] "V'],
            "line 6, column 29: got '\"V', expected DBC syntax",
            id="quotes that stay open",
        ),
        pytest.param(
            ["BO_ 4096 M: 8 E"],
            "got Standard frame id 0x1000 is more than 11 bits in message M.,"
            " expected DBC with a meaning",
            id="an id of too many bits",
        ),
        pytest.param(
            ["BO_ 1 M: 8 E", ' SG_ S M : 0|60@1+ (1,0) [0|0] "" E'],
            "M.S: got a multiplexer integer of 60 bits, expected an integer of at most 57 bits",
            id="a long multiplexer",
        ),
        pytest.param(
            [
                "BO_ 1 M: 8 E",
                ' SG_ S M : 0|32@1- (1,0) [0|0] "" E',
                "SIG_VALTYPE_ 1 S : 1;",
            ],
            "M.S: got a multiplexer float of 32 bits, expected an integer of at most 57 bits",
            id="a multiplexer of floating point",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, can, lines, expected):
    path = can.write_dbc(tmp_path / "a.dbc", *lines)
    assert told(path) == f"{path}: {expected}"


@pytest.mark.filterwarnings("ignore:cantools.database.diagnostics")
def test_a_description_of_diagnostics_is_told_to_be_one(tmp_path):
    path = tmp_path / "a.cdd"
    path.write_text(
        '<?xml version="1.0"?><CANDELA dtdvers="9.1.101"><ECUDOC>'
        "<DATATYPES/><ECU><VAR/></ECU></ECUDOC></CANDELA>"
    )
    assert told(path) == (
        f"{path}: got a diagnostics description,"
        " expected a signal database (DBC, KCD, SYM or ARXML)"
    )


def test_nothing_is_printed_of_a_broken_database(tmp_path, can, capfd, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own would take it
    told(can.write_dbc(tmp_path / "a.dbc", *ONE, "BO_ 1 Other: 8 ECU"))
    assert capfd.readouterr() == ("", "")


def test_a_file_in_no_known_format_is_told_so(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(bytes(range(256)))
    assert told(path) == (
        f"{path}: got a file in none of the known formats,"
        " expected a signal database (DBC, KCD, SYM or ARXML)"
    )


def test_an_empty_file_is_told_so(tmp_path):
    path = tmp_path / "a.dbc"
    path.write_text("")
    assert told(path).endswith(
        "line 1, column 1: got nothing that makes sense, expected DBC syntax"
    )


def test_one_id_with_two_meanings_is_told_with_both_files(tmp_path, can):
    first = can.write_dbc(tmp_path / "a.dbc", *ONE)
    second = can.write_dbc(tmp_path / "b.dbc", "BO_ 1 Other: 8 ECU")
    assert told(first, second) == (
        f"{second}: message Other: got id 001, expected no contradiction to One with id 001"
        f" in {first}"
    )


def test_one_name_with_two_ids_is_told(tmp_path, can):
    path = can.write_dbc(tmp_path / "a.dbc", *ONE, "BO_ 2 One: 1 ECU")
    assert "message One: got id 002, expected no contradiction to One with id 001" in told(path)


def test_one_id_with_two_layouts_is_told(tmp_path, can):
    first = can.write_dbc(tmp_path / "a.dbc", *ONE)
    second = can.write_dbc(tmp_path / "b.dbc", ONE[0], ONE[1].replace("(2,1)", "(3,1)"))
    assert "message One: got id 001" in told(first, second)


def test_a_float_of_a_size_that_does_not_exist_is_told(tmp_path, can):
    path = can.write_dbc(
        tmp_path / "a.dbc",
        "BO_ 1 M: 8 E",
        ' SG_ S : 0|24@1- (1,0) [0|0] "" E',
        "SIG_VALTYPE_ 1 S : 1;",
    )
    assert told(path) == f"{path}: M.S: got a float of 24 bits, expected 16, 32 or 64 bits"
