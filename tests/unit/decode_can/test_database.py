"""Reading signal databases: what is taken up, and what a person is told of a broken one."""

from __future__ import annotations

import logging

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


KCD = (
    '<NetworkDefinition xmlns="http://kayak.2codeornot2code.org/1.0"><Document/>'
    '<Bus name="b"><Message id="0x11" name="K" length="2">{}</Message></Bus></NetworkDefinition>'
)


def test_other_formats_that_cantools_reads_are_read(tmp_path):
    path = tmp_path / "a.kcd"
    path.write_text(
        KCD.format('<Signal name="S" offset="8"><Value slope="0.5" unit="V"/></Signal>')
    )
    (signal,) = FrameDatabase.load([path]).register(SignalTable(), "can0")
    assert (signal.message, signal.name, signal.unit) == ("K", "S", "V")


def signal_line(facts: str, name: str = "S", kind: str = "") -> str:
    return f' SG_ {name} {kind}: {facts} "" E'


def test_a_message_is_as_its_database_says(tmp_path, can):
    path = can.write_dbc(
        tmp_path / "a.dbc",
        f"BO_ {EXTENDED | 0x1ABCDE} Wide: 12 E",
        ' SG_ LITTLE : 3|11@1- (0.5,-40) [-40|87.5] "degC" E',
        ' SG_ BIG : 53|9@0+ (2.0,1.0) [0|0] "" E',
        "BO_ 5 Narrow: 3 E",
    )
    wide, narrow = FrameDatabase.load([path]).messages
    assert (wide.name, wide.can_id, wide.length) == ("Wide", EXTENDED | 0x1ABCDE, 12)
    assert (narrow.name, narrow.can_id, narrow.length) == ("Narrow", 5, 3)
    assert (wide.by_group, narrow.by_group, narrow.fields) == (False, False, ())
    little, big = wide.fields
    assert little.little_endian is True
    assert (little.name, little.start, little.length, little.signed) == ("LITTLE", 3, 11, True)
    assert (little.scale, little.offset, little.unit) == (0.5, -40, "degC")
    assert (little.minimum, little.maximum) == (-40.0, 87.5)
    assert big.little_endian is False
    assert (big.name, big.start, big.length, big.signed) == ("BIG", 50, 9, False)
    assert (big.scale, big.offset, big.unit) == (2, 1, "")
    assert isinstance(big.scale, int)
    assert isinstance(big.offset, int)
    assert (big.minimum, big.maximum) == (None, None)
    for field in wide.fields:
        assert (field.floating, field.is_switch, field.reserves) == (False, False, False)
        assert (field.switch, field.switch_values) == (None, ())


def test_a_multiplexer_and_what_it_selects_are_as_the_database_says(decoding):
    made = decoding(
        "BO_ 1 M: 8 E",
        signal_line("0|8@1+ (1,0) [0|0]", "MODE", "M "),
        signal_line("8|8@1+ (1,0) [0|0]", "A", "m3 "),
        signal_line("16|8@1+ (1,0) [0|0]", "B", "m7 "),
    )
    mode, a, b = made.database.messages[0].fields
    assert (mode.is_switch, mode.switch, mode.switch_values) == (True, None, ())
    assert (a.is_switch, a.switch, a.switch_values) == (False, "MODE", (3,))
    assert (b.is_switch, b.switch, b.switch_values) == (False, "MODE", (7,))


@pytest.mark.parametrize(
    ("declared", "limits"),
    [
        ("[0|0]", (None, None)),
        ("[0|1]", (0.0, 1.0)),
        ("[-1|0]", (-1.0, 0.0)),
        ("[0.5|0.5]", (0.5, 0.5)),
        ("[1|1]", (1.0, 1.0)),
        ("[5|-5]", (None, None)),
        ("[-1e999|1e999]", (None, None)),
        ("[-1e999|5]", (None, 5.0)),
        ("[5|1e999]", (5.0, None)),
    ],
)
def test_a_range_is_two_limits_unless_it_says_nothing(decoding, declared, limits):
    made = decoding("BO_ 1 M: 8 E", signal_line(f"0|8@1+ (1,0) {declared}"))
    (field,) = made.database.messages[0].fields
    assert (field.minimum, field.maximum) == limits
    assert not isinstance(field.minimum, int)
    assert not isinstance(field.maximum, int)


def test_one_limit_alone_is_one(tmp_path):
    path = tmp_path / "a.kcd"
    signals = "".join(
        f'<Signal name="S{offset}" offset="{offset}" length="8"><Value {limit}="0"/></Signal>'
        for offset, limit in ((0, "min"), (8, "max"))
    )
    path.write_text(KCD.format(signals))
    first, second = FrameDatabase.load([path]).messages[0].fields
    assert (first.minimum, first.maximum) == (0.0, None)
    assert (second.minimum, second.maximum) == (None, 0.0)


@pytest.mark.parametrize(
    ("written", "scale", "offset"),
    [
        ("(1.0,0.0)", int, int),
        ("(1,0.5)", int, float),
        ("(0.5,1)", float, int),
        ("(1e3,-1e3)", int, int),
    ],
)
def test_whole_scales_and_offsets_are_integers(decoding, written, scale, offset):
    made = decoding("BO_ 1 M: 8 E", signal_line(f"0|8@1+ {written} [0|0]"))
    (field,) = made.database.messages[0].fields
    assert isinstance(field.offset, offset)
    assert field.offset == float(written.strip("()").split(",")[1])
    assert field.scale == float(written.strip("()").split(",")[0])
    if scale is int and offset is int:
        assert isinstance(field.scale, int)


@pytest.mark.parametrize("written", ["(2.0,1.0)", "(2,1)"])
def test_so_they_are_where_values_have_names(decoding, written):
    line = signal_line(f"0|8@1+ {written} [0|0]")
    made = decoding("BO_ 1 M: 8 E", line, 'VAL_ 1 S 0 "off" 1 "on" ;')
    (field,) = made.database.messages[0].fields
    assert (field.scale, field.offset) == (2, 1)
    assert isinstance(field.scale, int)
    assert isinstance(field.offset, int)


def test_signals_that_overlap_or_lie_beyond_their_message_are_taken(decoding):
    lines = signal_line("0|16@1+ (1,0) [0|0]", "A"), signal_line("8|16@1+ (1,0) [0|0]", "B")
    (message,) = decoding("BO_ 1 M: 2 E", *lines).database.messages
    assert [field.name for field in message.fields] == ["A", "B"]


@pytest.mark.parametrize(("bits", "kind"), [(16, 1), (32, 1), (64, 2)])
def test_floats_of_three_sizes_are_taken(decoding, bits, kind):
    line = signal_line(f"0|{bits}@1- (1,0) [0|0]")
    made = decoding("BO_ 1 M: 8 E", line, f"SIG_VALTYPE_ 1 S : {kind};")
    (field,) = made.database.messages[0].fields
    assert (field.floating, field.length) == (True, bits)


def test_a_float_is_scaled_by_a_float(decoding):
    made = decoding(
        "BO_ 1 M: 8 E", signal_line("0|32@1- (2,3) [0|0]"), "SIG_VALTYPE_ 1 S : 1;"
    )  # fmt: skip
    (field,) = made.database.messages[0].fields
    assert field.floating is True
    assert (field.scale, field.offset) == (2, 3)
    assert made.values(1, b"\0\0\x80\x3f\0\0\0\0") == {"S": 5.0}


def test_letters_that_windows_does_not_know_are_replaced(tmp_path, can):
    path = can.write_dbc(tmp_path / "a.dbc", ONE[0], ONE[1].replace("km/h", "XX"))
    path.write_bytes(path.read_bytes().replace(b"XX", b"\x81\xb0"))
    (signal,) = FrameDatabase.load([path]).register(SignalTable(), "can0")
    assert signal.unit == "\ufffd°"


def test_a_format_is_known_by_its_suffix_in_capitals_or_not(tmp_path, can):
    for name in ("a.dbc", "a.DBC", "a.Dbc"):
        path = can.write_dbc(tmp_path / name, *ONE, "BO_ two")
        assert told(path).endswith("got 'two', expected DBC syntax")


def test_a_format_of_no_known_suffix_is_found_out(tmp_path, can):
    (message,) = FrameDatabase.load([can.write_dbc(tmp_path / "a.txt", *ONE)]).messages
    assert message.name == "One"


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


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ["BO_ 1 M: 8 E", signal_line("0|8@1+ (1,0 [0|0]")],
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
            ["BO_ 1 M: 8 E", signal_line("0|60@1+ (1,0) [0|0]", kind="M ")],
            "M.S: got a multiplexer integer of 60 bits, expected an integer of at most 57 bits",
            id="a long multiplexer",
        ),
        pytest.param(
            [
                "BO_ 1 M: 8 E",
                signal_line("0|32@1- (1,0) [0|0]", kind="M "),
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


def test_a_multiplexer_of_57_bits_is_taken(decoding):
    made = decoding(
        "BO_ 1 M: 8 E",
        signal_line("0|57@1+ (1,0) [0|0]", "MODE", "M "),
        signal_line("57|7@1+ (1,0) [0|0]", "A", "m5 "),
    )
    assert made.values(1, (5 | 9 << 57).to_bytes(8, "little")) == {"MODE": 5, "A": 9}


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


def test_ids_are_written_as_candump_writes_them():
    ids = (1, 0x7FF, EXTENDED | 1, EXTENDED | 0x1FFFFFFF)
    assert [format_id(can_id) for can_id in ids] == ["001", "7FF", "00000001", "1FFFFFFF"]


@pytest.mark.parametrize(
    ("can_id", "group"),
    [
        pytest.param(0x18FEF100, 0x00FEF100, id="broadcast"),
        pytest.param(0x0CEA21F9, 0x00EA0000, id="addressed"),
        pytest.param(0x09F80102, 0x01F80100, id="data page 1"),
        pytest.param(0x1FEF2103, 0x03EF0000, id="the last addressed"),
        pytest.param(0x00F02103, 0x00F02100, id="the first broadcast"),
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


@pytest.mark.parametrize(
    ("protocol", "grouped"),
    [("J1939", True), ("j1939", True), ("NMEA2000", True), ("CANopen", False), ("", False)],
)
def test_a_database_of_a_protocol_with_groups_is_one_of_groups(decoding, protocol, grouped):
    made = decoding(
        *messages(0x18FEF103, 0x18FEF203),
        "BO_ 5 Narrow: 8 E",
        'BA_DEF_ "ProtocolType" STRING ;',
        'BA_DEF_DEF_ "ProtocolType" "";',
        f'BA_ "ProtocolType" "{protocol}";',
    )
    assert names(made, 0x18FEF177) == ["M18FEF103" if grouped else None]
    assert [message.by_group for message in made.database.messages] == [grouped, grouped, False]


@pytest.mark.parametrize(("bits", "reserves"), [(1, False), (2, True), (16, True)])
def test_integers_of_a_group_reserve_their_highest_values(decoding, bits, reserves):
    line = signal_line(f"0|{bits}@1+ (1,0) [0|0]")
    made = decoding(f"BO_ {EXTENDED | 0x18FEF1FE} M: 8 E", line, "BO_ 5 Narrow: 8 E", line)
    grouped, plain = (message.fields[0] for message in made.database.messages)
    assert grouped.reserves is reserves
    assert plain.reserves is False


def test_floats_reserve_nothing(decoding):
    can_id = EXTENDED | 0x18FEF1FE
    made = decoding(
        f"BO_ {can_id} M: 8 E", signal_line("0|32@1- (1,0) [0|0]"), f"SIG_VALTYPE_ {can_id} S : 1;"
    )
    assert made.database.messages[0].fields[0].reserves is False


def test_a_message_of_the_null_address_is_that_of_its_group_beside_a_senders(decoding):
    ids = (0x18FEF1FE, 0x18FEF100, 0x18FEF101)
    for order in (ids, ids[::-1]):
        made = decoding(*messages(*order), *marked(*order))
        assert names(made, 0x18FEF102, 0x18FEF100) == ["M18FEF1FE", "M18FEF100"]


def test_a_group_with_three_senders_layouts_says_nothing_of_a_fourth(decoding):
    ids = (0x18FEF100, 0x18FEF101, 0x18FEF102)
    made = decoding(*messages(*ids), *marked(*ids))
    assert names(made, 0x18FEF103) == [None]
