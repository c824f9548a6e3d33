"""A wrong digit in a database costs a line, not minutes and gigabytes."""

from __future__ import annotations

import pytest

from gateway.decode.database import FrameDatabase
from gateway.errors import DatabaseError

MESSAGE = "BO_ 1 M: 8 E"
SWITCH = ' SG_ S M : 0|16@1+ (1,0) [0|0] "" E'
VALUE = ' SG_ V m0 : 16|8@1+ (1,0) [0|0] "" E'


def told(tmp_path, can, *lines):
    path = can.write_dbc(tmp_path / "a.dbc", *lines)
    with pytest.raises(DatabaseError) as caught:
        FrameDatabase.load([path])
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("length", "shown"), [("4096", "4096"), ("1" * 12, "1" * 12), ("9" * 5000, "9" * 20)]
)
def test_a_message_longer_than_any_transport_carries_is_refused(tmp_path, can, length, shown):
    text = told(tmp_path, can, f"BO_ 1 M: {length} E")
    assert text == f"message M: got a length of {shown} bytes, expected at most 4095"


def test_the_longest_message_is_taken_with_a_signal_at_its_very_end(decoding):
    last = ' SG_ V : 32752|8@1+ (1,0) [0|0] "" E'
    (message,) = decoding("BO_ 1 M: 4095 E", last).database.messages
    assert (message.length, message.fields[0].start) == (4095, 32752)


@pytest.mark.parametrize(
    "place", ["32753|8", "0|32761", "9999999999999|1", "0|888888888888", "-32753|8"]
)
@pytest.mark.parametrize("kind", ["", "M", "m1", "m1M"])
def test_a_signal_beyond_the_longest_message_is_refused(tmp_path, can, place, kind):
    text = told(tmp_path, can, MESSAGE, f' SG_ S {kind} : {place}@1+ (1,0) [0|0] "" E')
    start, length = place.split("|")
    assert text == (
        f"signal S: got {length} bits from bit {start} on,"
        " expected bits of a message of at most 4095 bytes"
    )


@pytest.mark.parametrize(
    "ranges", ["0-65536", "1-1, 5-99999999999", "0 -4294967295", "-99999-1", "0-40000, 1-40000"]
)
@pytest.mark.parametrize("length", [16, 17])
def test_more_values_of_a_multiplexer_than_16_bits_have_are_refused(tmp_path, can, ranges, length):
    switch = SWITCH.replace("0|16", f"0|{length}")
    value = VALUE.replace("16|8", "24|8")
    text = told(tmp_path, can, MESSAGE, switch, value, f"SG_MUL_VAL_ 1 V S {ranges};")
    assert text == f"signal V: got the ranges {ranges}, expected at most 65536 values"


@pytest.mark.parametrize(("length", "most"), [(4, 256), (8, 256), (12, 4096)])
def test_more_values_than_the_multiplexer_can_show_are_refused(
    tmp_path, can, decoding, length, most
):
    switch = SWITCH.replace("0|16", f"0|{length}")
    text = told(tmp_path, can, MESSAGE, switch, VALUE, f"SG_MUL_VAL_ 1 V S 0-{most};")
    assert text == f"signal V: got the ranges 0-{most}, expected at most {most} values"
    made = decoding(MESSAGE, switch, VALUE, f"SG_MUL_VAL_ 1 V S 0-{most - 1};")
    assert made.values(1, b"\x03\0\x07\0\0\0\0\0") == {"S": 3, "V": 7}


def test_a_range_of_a_multiplexer_that_is_declared_nowhere_means_nothing(decoding):
    made = decoding(MESSAGE, SWITCH, VALUE, "SG_MUL_VAL_ 1 V NOWHERE 3-3;")
    assert made.values(1, b"\0\0\x07\0\0\0\0\0") == {"S": 0, "V": 7}
    assert made.values(1, b"\x03\0\x07\0\0\0\0\0") == {"S": 3}


@pytest.mark.parametrize("scale", ["0", "0.003", "-1e-200"])
def test_a_multiplexer_of_which_thousands_of_raw_values_mean_one_is_refused(tmp_path, can, scale):
    text = told(tmp_path, can, MESSAGE, SWITCH.replace("(1,0)", f"({scale},0)"), VALUE)
    assert text.startswith("M.S: got a multiplexer with scale ")
    assert text.endswith(", expected a scale of 0.00390625 or more")


def test_a_multiplexer_scaled_finely_is_taken(decoding):
    made = decoding(MESSAGE, SWITCH.replace("(1,0)", "(0.00390625,0)"), VALUE)
    assert made.values(1, b"\xff\x00\x07\0\0\0\0\0") == {"S": 255 / 256, "V": 7}


@pytest.mark.parametrize(("scale", "offset"), [("9" * 400, "0"), ("1", "9" * 400), ("1e999", "0")])
def test_a_scale_that_no_number_can_hold_is_refused(tmp_path, can, scale, offset):
    text = told(tmp_path, can, MESSAGE, f' SG_ S : 0|8@1+ ({scale},{offset}) [0|0] "" E')
    assert text.startswith("M.S: got scale ")
    assert text.endswith(", expected finite numbers")


def test_a_limit_that_no_number_can_hold_is_none(decoding):
    made = decoding(MESSAGE, f' SG_ S : 0|8@1+ (1,0) [1|{"9" * 400}] "" E')
    (field,) = made.database.messages[0].fields
    assert (field.minimum, field.maximum) == (1.0, None)


@pytest.mark.parametrize("start", [-3, -32744])
def test_a_signal_that_begins_before_its_message_is_refused(tmp_path, can, start):
    text = told(tmp_path, can, MESSAGE, f' SG_ S : {start}|16@1- (1,0) [0|0] "" E')
    assert text == f"M.S: got the start bit {start}, expected 0 or more"


def test_numbers_of_thousands_of_digits_are_shown_by_their_beginnings(tmp_path, can):
    place = f"{'1' * 3000}|{'2' * 3000}"
    text = told(tmp_path, can, MESSAGE, f' SG_ S : {place}@1+ (1,0) [0|0] "" E')
    assert text.startswith(f"signal S: got {'2' * 20} bits from bit {'1' * 20} on, expected")
    ranges = f"0-{'3' * 3000}"
    text = told(tmp_path, can, MESSAGE, SWITCH, VALUE, f"SG_MUL_VAL_ 1 V S {ranges};")
    assert text == f"signal V: got the ranges 0-{'3' * 38}, expected at most 65536 values"


def test_of_multiplexers_of_one_name_the_longest_says_how_many_values_there_are(decoding):
    lines = SWITCH, VALUE
    short = [line.replace("0|16", "0|8") for line in lines]
    for other in ((*lines, "BO_ 2 N: 8 E", *short), (*short, "BO_ 2 N: 8 E", *lines)):
        number = 1 if other[0] == SWITCH else 2
        made = decoding(MESSAGE, *other, f"SG_MUL_VAL_ {number} V S 0-999;")
        assert made.values(number, b"\xe7\x03\x07\0\0\0\0\0") == {"S": 999, "V": 7}


def test_a_multiplexer_range_of_all_values_that_16_bits_have_is_taken(decoding):
    made = decoding(MESSAGE, SWITCH, VALUE, "SG_MUL_VAL_ 1 V S 0-65535;")
    assert made.values(1, b"\x34\x12\x07\0\0\0\0\0") == {"S": 0x1234, "V": 7}


KCD = """\
<NetworkDefinition xmlns="http://kayak.2codeornot2code.org/1.0">
  <Document/>
  <Bus name="b"><Message id="0x1" name="M" length="{length}">
    <Signal name="S" offset="{start}" length="{bits}"/>
  </Message></Bus>
</NetworkDefinition>
"""
SYM = """\
FormatVersion=6.0 // Do not edit this line!
Title="x"
{{SIGNALS}}
Sig=S unsigned {bits}
{{SEND}}
[M]
ID=001h
Len={length}
Sig=S {start}
"""


@pytest.mark.parametrize(("suffix", "text"), [(".kcd", KCD), (".sym", SYM)])
def test_other_databases_with_numbers_as_absurd_are_refused_too(tmp_path, suffix, text):
    path = tmp_path / f"a{suffix}"
    sound = {"length": 8, "start": 8, "bits": 16}
    path.write_text(text.format(**sound))
    [message] = FrameDatabase.load([path]).messages
    assert (message.length, message.fields[0].start, message.fields[0].length) == (8, 8, 16)
    for key in sound:
        path.write_text(text.format(**sound | {key: 80_000_000}))
        with pytest.raises(DatabaseError, match=": got a length or start of 80000000, expected at"):
            FrameDatabase.load([path])
