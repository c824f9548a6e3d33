"""Reading signal databases: what is taken up of them."""

from __future__ import annotations

import pytest

from gateway.decode.database import FrameDatabase, format_id
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


def test_a_format_of_no_known_suffix_is_found_out(tmp_path, can):
    (message,) = FrameDatabase.load([can.write_dbc(tmp_path / "a.txt", *ONE)]).messages
    assert message.name == "One"


def test_a_multiplexer_of_57_bits_is_taken(decoding):
    made = decoding(
        "BO_ 1 M: 8 E",
        signal_line("0|57@1+ (1,0) [0|0]", "MODE", "M "),
        signal_line("57|7@1+ (1,0) [0|0]", "A", "m5 "),
    )
    assert made.values(1, (5 | 9 << 57).to_bytes(8, "little")) == {"MODE": 5, "A": 9}


def test_ids_are_written_as_candump_writes_them():
    ids = (1, 0x7FF, EXTENDED | 1, EXTENDED | 0x1FFFFFFF)
    assert [format_id(can_id) for can_id in ids] == ["001", "7FF", "00000001", "1FFFFFFF"]
