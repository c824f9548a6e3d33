"""Reading signal databases: what is taken up, and what a person is told of a broken one."""

from __future__ import annotations

import pytest

from gateway.decode.database import FrameDatabase, format_id, parameter_group
from gateway.errors import DatabaseError
from gateway.signals import SignalTable

EXTENDED = 0x80000000
ONE = ("BO_ 1 One: 1 ECU", ' SG_ S : 0|8@1+ (2,1) [1|9] "km/h" ECU')


def test_every_signal_is_registered_with_its_unit_and_range(tmp_path, can):
    path = can.write_dbc(tmp_path / "a.dbc", *ONE, "BO_ 2 Two: 1 ECU",
                         ' SG_ S : 0|8@1+ (1,0) [0|0] "" ECU')  # fmt: skip
    table = SignalTable()
    one, two = FrameDatabase.load([path]).register(table, "can0")
    assert (one.full_name, one.unit, one.minimum, one.maximum) == ("can0.One.S", "km/h", 1.0, 9.0)
    assert (two.full_name, two.unit, two.minimum, two.maximum) == ("can0.Two.S", "", None, None)
    assert list(table) == [one, two]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_units_are_read_in_the_encodings_that_occur(tmp_path, can, encoding):
    path = can.write_dbc(tmp_path / "a.dbc", "BO_ 1 M: 1 E", ' SG_ S : 0|8@1+ (1,0) [0|0] "°C" E')
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    (signal,) = FrameDatabase.load([path]).register(SignalTable(), "can0")
    assert signal.unit == "°C"


def test_several_files_are_one_database(tmp_path, can):
    first = can.write_dbc(tmp_path / "a.dbc", *ONE)
    second = can.write_dbc(
        tmp_path / "b.dbc", "BO_ 2 Two: 1 E", ' SG_ S : 0|8@1+ (1,0) [0|0] "" E', *ONE
    )
    assert [message.name for message in FrameDatabase.load([first, second]).messages] == [
        "One",
        "Two",
    ]


def test_other_formats_that_cantools_reads_are_read(tmp_path):
    path = tmp_path / "a.kcd"
    path.write_text(
        '<NetworkDefinition xmlns="http://kayak.2codeornot2code.org/1.0"><Document/>'
        '<Bus name="b"><Message id="0x11" name="K" length="2">'
        '<Signal name="S" offset="8"><Value slope="0.5" unit="V"/></Signal></Message></Bus>'
        "</NetworkDefinition>"
    )
    (signal,) = FrameDatabase.load([path]).register(SignalTable(), "can0")
    assert (signal.message, signal.name, signal.unit) == ("K", "S", "V")


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


def test_a_file_in_no_known_format_is_told_so(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(bytes(range(256)))
    assert "got a file in none of the known formats, expected a signal database" in told(path)


def test_an_empty_file_is_told_so(tmp_path):
    path = tmp_path / "a.dbc"
    path.write_text("")
    assert told(path).endswith(
        "line 1, column 1: got nothing that makes sense, expected DBC syntax"
    )


def test_an_id_of_too_many_bits_is_told(tmp_path, can):
    path = can.write_dbc(tmp_path / "a.dbc", "BO_ 4096 M: 8 ECU")
    assert "Standard frame id 0x1000 is more than 11 bits in message M" in told(path)


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


def test_ids_are_written_as_candump_writes_them():
    assert [format_id(i) for i in (1, 0x7FF, EXTENDED | 1)] == ["001", "7FF", "00000001"]


@pytest.mark.parametrize(
    ("can_id", "group"),
    [
        pytest.param(0x18FEF100, 0x00FEF100, id="broadcast"),
        pytest.param(0x0CEA21F9, 0x00EA0000, id="addressed"),
        pytest.param(0x09F80102, 0x01F80100, id="data page 1"),
    ],
)
def test_a_parameter_group_has_no_priority_no_source_and_no_destination(can_id, group):
    assert parameter_group(EXTENDED | can_id) == EXTENDED | group


J1939 = (
    'BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";',
    'BA_DEF_DEF_ "VFrameFormat" "ExtendedCAN";',
)


def messages(*ids: int) -> list[str]:
    lines = []
    for can_id in ids:
        lines += [f"BO_ {EXTENDED | can_id} M{can_id:X}: 8 E",
                  f' SG_ S{can_id:X} : 0|8@1+ (1,0) [0|0] "" E']  # fmt: skip
    return lines


def marked(*ids: int) -> list[str]:
    return [*J1939, *(f'BA_ "VFrameFormat" BO_ {EXTENDED | can_id} 3;' for can_id in ids)]


def names(made, *ids: int) -> list[str | None]:
    found = [made.database.find(EXTENDED | can_id) for can_id in ids]
    return [message and message.name for message in found]


def test_j1939_messages_are_known_by_their_group_whoever_sends_them(decoding):
    made = decoding(*messages(0x0CF00400, 0x18FEF1FE), *marked(0x0CF00400))
    assert names(made, 0x0CF00400, 0x1CF00427, 0x0CF00327) == ["MCF00400", "MCF00400", None]
    assert names(made, 0x18FEF1FE, 0x18FEF100) == ["M18FEF1FE", None]
    assert made.values(EXTENDED | 0x1CF00427, b"\5") == {"SCF00400": 5.0}


def test_an_addressed_group_is_known_whoever_is_addressed(decoding):
    made = decoding(*messages(0x18EAFFFE), *marked(0x18EAFFFE))
    assert names(made, 0x18EA2103) == ["M18EAFFFE"]


def test_an_exact_id_comes_before_its_group(decoding):
    made = decoding(*messages(0x18FEF100, 0x18FEF1FE), *marked(0x18FEF100, 0x18FEF1FE))
    assert names(made, 0x18FEF100, 0x18FEF101) == ["M18FEF100", "M18FEF1FE"]


def test_a_group_with_two_senders_layouts_says_nothing_of_a_third(decoding):
    made = decoding(*messages(0x18FEF100, 0x18FEF101), *marked(0x18FEF100, 0x18FEF101))
    assert names(made, 0x18FEF100, 0x18FEF101, 0x18FEF102) == ["M18FEF100", "M18FEF101", None]


def test_a_database_of_null_addresses_only_is_one_of_groups(decoding):
    made = decoding(*messages(0x18FEF1FE, 0x18EAFFFE))
    assert names(made, 0x18FEF103, 0x18EA0103) == ["M18FEF1FE", "M18EAFFFE"]


def test_without_any_mark_ids_are_matched_exactly(decoding):
    made = decoding(*messages(0x18FEF1FE, 0x18FEF203))
    assert names(made, 0x18FEF1FE, 0x18FEF103) == ["M18FEF1FE", None]


def test_a_standard_id_never_stands_for_a_group(decoding):
    made = decoding(*messages(0x0000FE, 0x18FEF1FE))
    assert made.database.find(0x003) is None
