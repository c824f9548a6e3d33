"""One signal by itself: where its bits are read, and what it says of its values."""

from __future__ import annotations

import math
import sys

import pytest

from gateway.decode.can_field import Field, Kind, as_double

LARGEST = sys.float_info.max


def field(start: int = 0, length: int = 8, **facts: object) -> Field:
    return Field("S", start, length, **facts)


def big(start: int, length: int) -> Field:
    return field(start, length, little_endian=False)


def test_a_field_is_a_plain_unsigned_integer_of_every_frame_unless_it_is_said_otherwise():
    made = field()
    assert (made.scale, made.offset, made.unit, made.switch_values) == (1, 0, "", ())
    assert made.little_endian is True
    assert [made.signed, made.floating, made.is_switch, made.reserves] == [False] * 4
    assert all(fact is False for fact in (made.signed, made.floating, made.is_switch))
    assert made.reserves is False
    assert (made.minimum, made.maximum, made.switch) == (None, None, None)


@pytest.mark.parametrize(
    ("start", "length", "first", "end"),
    [(0, 1, 0, 1), (7, 1, 0, 1), (7, 2, 0, 2), (8, 8, 1, 2), (63, 1, 7, 8), (65, 64, 8, 17)],
)
def test_a_field_lies_from_its_first_byte_to_its_end(start, length, first, end):
    made = field(start, length)
    assert (made.first_byte, made.end_byte) == (first, end)


@pytest.mark.parametrize(
    ("first", "end", "window"),
    [
        pytest.param(0, 8, 0, id="all of a classic frame"),
        pytest.param(5, 8, 0, id="within a classic frame"),
        pytest.param(0, 9, None, id="nine bytes"),
        pytest.param(1, 9, 1, id="eight bytes at an odd place"),
        pytest.param(5, 9, 4, id="behind a classic frame"),
        pytest.param(7, 12, 4, id="to the window's end"),
        pytest.param(7, 13, 7, id="beyond the shared window's end"),
        pytest.param(8, 9, 8, id="the next window"),
        pytest.param(57, 60, 56, id="the last window of 64 bytes"),
        pytest.param(60, 64, 56, id="the end of 64 bytes"),
        pytest.param(60, 65, 60, id="across the end of 64 bytes"),
        pytest.param(57, 65, 57, id="across the end of 64 bytes, at an odd place"),
        pytest.param(64, 66, 64, id="behind 64 bytes"),
    ],
)
def test_fields_are_read_in_few_windows_of_eight_bytes(first, end, window):
    assert field(8 * first, 8 * (end - first)).window == window
    assert big(8 * first, 8 * (end - first)).window == window


def test_the_bits_below_a_field_are_counted_in_its_byte_order():
    assert field(20, 4).shift(0) == 20
    assert field(84, 4).shift(8) == 20
    assert big(20, 4).shift(0) == 40
    assert big(84, 4).shift(8) == 40
    assert big(20, 4).shift(2, 3) == 16


@pytest.mark.parametrize(
    ("scale", "offset", "identity"), [(1, 0, True), (1.0, 0.0, True), (2, 0, False), (1, 1, False)]
)
def test_a_value_is_the_raw_value_as_it_is_without_scale_and_offset(scale, offset, identity):
    assert field(scale=scale, offset=offset).identity is identity
    assert field(scale=scale, offset=offset).value(5) == 5 * scale + offset


def test_a_value_is_computed_exactly_until_it_is_rounded():
    assert field(scale=3, offset=1).value(2**70) == 3 * 2**70 + 1
    assert field(scale=0.1, offset=-40).value(7) == 7 * 0.1 - 40


@pytest.mark.parametrize(
    ("raw", "scale", "value"),
    [(1, 0.5, math.inf), (-1, 0.5, -math.inf), (1, -0.5, -math.inf), (-1, -0.5, math.inf)],
)
def test_what_is_too_great_for_a_double_is_infinite(raw, scale, value):
    beyond = raw * 10**400
    assert field(scale=scale).value(beyond) == value
    assert as_double(beyond) == raw * math.inf


@pytest.mark.parametrize("little_endian", [True, False])
def test_a_field_is_read_from_the_payload_that_carries_it(little_endian):
    payload = bytes.fromhex("00 00 81 f2 00")
    order = "little" if little_endian else "big"
    plain = field(16, 16, little_endian=little_endian)
    assert plain.read(payload) == int.from_bytes(payload[2:4], order)
    signed = field(16, 16, little_endian=little_endian, signed=True, scale=0.5, offset=1)
    assert signed.read(payload) == int.from_bytes(payload[2:4], order, signed=True) * 0.5 + 1
    nibble = field(20, 4, little_endian=little_endian, signed=True)
    assert nibble.read(payload) == (-8 if little_endian else 1)


def test_the_bits_on_either_side_of_a_field_are_not_read():
    assert field(2, 3).read(b"\xff") == 7
    assert field(2, 3).read(b"\xe3") == 0
    assert field(2, 3, signed=True).read(b"\xff") == -1
    assert field(2, 3, signed=True).read(b"\xeb") == 2


def test_a_floating_point_field_is_read_in_its_size():
    for size, payload in ((16, "003c"), (32, "0000803f"), (64, "000000000000f03f")):
        made = field(8, size, floating=True, signed=True, scale=3, offset=-1)
        assert made.read(b"\xff" + bytes.fromhex(payload)) == 2.0


def test_an_integer_has_a_least_and_a_greatest_raw_value():
    assert field(length=8).raw_range == (0, 255)
    assert field(length=8, signed=True).raw_range == (-128, 127)
    assert field(length=1, signed=True).raw_range == (-1, 0)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        pytest.param(field(), Kind.LINEAR, id="some bits"),
        pytest.param(field(length=64), Kind.UNSIGNED, id="64 bits"),
        pytest.param(field(length=63), Kind.LINEAR, id="63 bits"),
        pytest.param(field(length=64, signed=True), Kind.LINEAR, id="64 bits with a sign"),
        pytest.param(field(1, 64), Kind.EXACT, id="nine bytes"),
        pytest.param(field(length=16, floating=True), Kind.FLOAT16, id="half"),
        pytest.param(field(length=32, floating=True), Kind.FLOAT32, id="single"),
        pytest.param(field(length=64, floating=True), Kind.FLOAT64, id="double"),
        pytest.param(field(length=53, scale=1, offset=1), Kind.LINEAR, id="53 bits"),
        pytest.param(
            field(length=54, signed=True, offset=1), Kind.LINEAR, id="54 bits with a sign"
        ),
        pytest.param(field(length=54, offset=1), Kind.EXACT, id="54 bits"),
        pytest.param(field(length=51, scale=4), Kind.LINEAR, id="53 bits when scaled"),
        pytest.param(field(length=51, scale=5), Kind.EXACT, id="54 bits when scaled"),
        pytest.param(field(length=51, scale=-5), Kind.EXACT, id="54 bits when scaled down"),
        pytest.param(field(length=54, scale=0, offset=1), Kind.EXACT, id="54 bits, times 0"),
        pytest.param(field(length=60, scale=0.5), Kind.LINEAR, id="a scale of no integer"),
        pytest.param(field(offset=2**53), Kind.LINEAR, id="an offset that a double holds"),
        pytest.param(field(offset=2**53 + 1), Kind.EXACT, id="an offset that no double holds"),
        pytest.param(field(offset=10**400), Kind.EXACT, id="an offset beyond all doubles"),
        pytest.param(field(offset=-(10**400)), Kind.EXACT, id="an offset below all doubles"),
    ],
)
def test_vector_arithmetic_computes_what_is_exact_in_it(made, kind):
    assert made.kind is kind


def test_limits_are_wider_by_a_millionth_of_the_scale():
    made = field(scale=-0.5, minimum=-10.0, maximum=20.0)
    assert made.limits == pytest.approx((-10.0 - 5e-7, 20.0 + 5e-7), abs=1e-12)
    assert field().limits == (-LARGEST, LARGEST)
    assert field(minimum=-LARGEST, maximum=LARGEST, scale=1e300).limits == (-LARGEST, LARGEST)
    assert field(minimum=0.0).limits == (-1e-6, LARGEST)


@pytest.mark.parametrize(
    ("facts", "below", "above"),
    [
        pytest.param({}, False, False, id="no limits"),
        pytest.param({"minimum": 0.0, "maximum": 255.0}, False, False, id="all that it can be"),
        pytest.param({"minimum": 1.0, "maximum": 254.0}, True, True, id="less"),
        pytest.param({"minimum": 1.0}, True, False, id="from 1"),
        pytest.param({"maximum": 254.0}, False, True, id="to 254"),
        pytest.param({"minimum": -254.0, "scale": -1}, True, False, id="upside down"),
        pytest.param({"maximum": -1.0, "scale": -1}, False, True, id="upside down, the maximum"),
        pytest.param(
            {"minimum": 0.0, "maximum": 0.0, "scale": 0}, False, False, id="always at its limits"
        ),
        pytest.param({"length": 16, "floating": True}, True, True, id="infinity is a float"),
    ],
)
def test_a_field_may_leave_its_limits_if_any_bits_in_it_do(facts, below, above):
    assert (field(**facts).may_fall_below, field(**facts).may_exceed) == (below, above)


@pytest.mark.parametrize(
    ("facts", "present"),
    [
        pytest.param({"length": 2}, (-math.inf, 2.5), id="3 is not available"),
        pytest.param({"length": 3}, (-math.inf, 6.5), id="7 is not available"),
        pytest.param({"length": 4}, (-math.inf, 13.5), id="14 is an error, 15 not available"),
        pytest.param({"length": 8}, (-math.inf, 253.5), id="254 and 255"),
        pytest.param({"length": 8, "signed": True}, (-math.inf, 125.5), id="126 and 127"),
        pytest.param({"scale": 0.5, "offset": 10}, (-math.inf, 136.75), id="scaled"),
        pytest.param({"scale": -1}, (-253.5, math.inf), id="upside down"),
        pytest.param({"length": 51}, (-math.inf, 2**51 - 2.5), id="two of 51 bits"),
        pytest.param({"length": 52}, (-math.inf, 2**52 - 4.5), id="four of 52 bits"),
        pytest.param({"length": 64}, (-math.inf, 2.0**64 - 2**14), id="16384 of 64 bits"),
    ],
)
def test_the_highest_raw_values_of_a_field_that_reserves_them_are_none(facts, present):
    assert field(reserves=True, **facts).present == present


@pytest.mark.parametrize(
    ("facts", "number", "raws"),
    [
        pytest.param({}, 7, [7], id="as it is"),
        pytest.param({}, 255, [255], id="the greatest"),
        pytest.param({}, 0, [0], id="the least"),
        pytest.param({}, 256, [], id="too great"),
        pytest.param({}, -1, [], id="too small"),
        pytest.param({"signed": True}, -1, [-1], id="with a sign"),
        pytest.param({"signed": True}, -128, [-128], id="the least with a sign"),
        pytest.param({"signed": True}, 128, [], id="too great with a sign"),
        pytest.param({"scale": 0.5}, 3, [6, 7], id="halved"),
        pytest.param({"scale": 0.5, "signed": True}, 0, [-1, 0, 1], id="cut towards 0"),
        pytest.param({"scale": 0.5, "offset": 1}, 3, [4, 5], id="halved and moved"),
        pytest.param({"scale": -0.5, "offset": 127}, 126, [1, 2], id="upside down"),
        pytest.param({"scale": 0.5}, 127, [254, 255], id="up to the greatest"),
        pytest.param({"scale": 0.5}, 128, [], id="beyond the greatest"),
        pytest.param({"scale": 2}, 3, [], id="between two"),
        pytest.param({"scale": 2}, 0, [0], id="doubled"),
        pytest.param({"scale": 2, "offset": 1}, 3, [1], id="doubled and moved"),
        pytest.param({"scale": 2, "offset": -6, "length": 2}, 0, [3], id="the last one"),
        pytest.param({"scale": 0.25, "length": 2}, 0, [0, 1, 2, 3], id="all of them"),
    ],
)
def test_a_multiplexer_stands_at_a_number_where_its_value_cut_to_an_integer_is_it(
    facts, number, raws
):
    assert list(field(**facts).raws(number)) == raws
