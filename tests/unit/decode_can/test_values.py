"""What the bits of a frame are worth."""

from __future__ import annotations

import math
import struct

import pytest

from gateway.record import Quality

ENGINE = (
    "BO_ 256 Engine: 8 ECU",
    ' SG_ RPM : 0|16@1+ (0.25,0) [0|16000] "rpm" ECU',
    ' SG_ TEMP : 16|8@1- (0.5,-40) [-40|20] "degC" ECU',
    ' SG_ GEAR : 31|4@0+ (1,0) [0|0] "" ECU',
    ' SG_ TORQUE : 39|12@0- (1,0) [-500|500] "Nm" ECU',
)


def test_signals_of_either_byte_order_and_sign_are_scaled_and_offset(decoding):
    payload = bytes([0x10, 0x27, 0xF0, 0x50, 0xFF, 0xE0, 0, 0])
    assert decoding(*ENGINE).values(256, payload) == {
        "RPM": 2500.0,
        "TEMP": -48.0,
        "GEAR": 5.0,
        "TORQUE": -2.0,
    }


def test_signals_of_both_byte_orders_lie_side_by_side(decoding):
    made = decoding(
        "BO_ 1 M: 8 ECU",
        ' SG_ LITTLE_NIBBLE : 4|4@1+ (1,0) [0|0] "" ECU',
        ' SG_ BIG_WORD : 15|16@0+ (1,0) [0|0] "" ECU',
        ' SG_ BIG_BITS : 30|3@0- (1,0) [0|0] "" ECU',
        ' SG_ LITTLE_WORD : 32|16@1+ (1,0) [0|0] "" ECU',
        ' SG_ BIG_BYTE : 55|8@0+ (1,0) [0|0] "" ECU',
    )
    assert made.values(1, bytes.fromhex("5012347f0102ab00")) == {
        "LITTLE_NIBBLE": 5,
        "BIG_WORD": 0x1234,
        "BIG_BITS": -1,
        "LITTLE_WORD": 0x0201,
        "BIG_BYTE": 0xAB,
    }


def test_a_sample_has_its_frames_time_and_origin_and_its_sources_number(decoding, can):
    made = decoding(*ENGINE, wanted=["GEAR"])
    frames = can.make_frames([(256, bytes(8))] * 3)
    frames["t_ns"] = [5, 2**62, -1]
    frames["origin"] = [0, 2, 3]
    samples = made.both(frames)
    assert samples["t_ns"].tolist() == [5, 2**62, -1]
    assert samples["origin"].tolist() == [0, 2, 3]
    assert samples["source"].tolist() == [7, 7, 7]


def test_only_what_is_wanted_is_decoded(decoding):
    made = decoding(*ENGINE, wanted=["TEMP", "TORQUE"])
    assert list(made.values(256, bytes(8))) == ["TEMP", "TORQUE"]


def test_a_new_selection_replaces_the_old_one(decoding):
    made = decoding(*ENGINE, wanted=["TEMP"])
    made.values(256, bytes(8))
    made.decoder.select([made.table.resolve("GEAR").index])
    assert list(made.values(256, bytes(8))) == ["GEAR"]
    made.decoder.select([])
    assert made.values(256, bytes(8)) == {}


def test_the_samples_can_be_written_to(decoding, can):
    samples = decoding(*ENGINE).one_by_one(can.make_frames([(256, bytes(8))]))
    samples["source"] = 3
    assert set(samples["source"].tolist()) == {3}


@pytest.mark.parametrize(
    ("payload", "quality"),
    [
        pytest.param(b"\x00\xfa", Quality.GOOD, id="at the maximum"),
        pytest.param(b"\x01\xfa", Quality.OUT_OF_RANGE, id="beyond the maximum"),
    ],
)
def test_a_value_beyond_the_declared_range_is_kept_and_flagged(decoding, payload, quality):
    made = decoding(*ENGINE)
    assert made.qualities(256, payload + bytes(6))["RPM"] == quality
    assert made.values(256, payload + bytes(6))["RPM"] >= 16000.0


def test_a_value_below_the_declared_minimum_is_flagged(decoding):
    assert decoding(*ENGINE).qualities(256, b"\0\0\xff\0\0\0\0\0")["TEMP"] is Quality.OUT_OF_RANGE


def test_a_range_of_zero_to_zero_is_no_range(decoding):
    assert decoding(*ENGINE).qualities(256, b"\0\0\0\xff\0\0\0\0")["GEAR"] is Quality.GOOD


def test_a_value_that_only_rounding_puts_beyond_its_maximum_is_in_range(decoding):
    made = decoding("BO_ 1 M: 2 ECU", ' SG_ S : 0|10@1+ (0.1,0) [0|102.3] "" ECU')
    assert 1023 * 0.1 > 102.3
    assert made.qualities(1, b"\xff\x03") == {"S": Quality.GOOD}


FLOATS = (
    "BO_ 2 F: 14 ECU",
    ' SG_ HALF : 0|16@1- (1,0) [0|0] "" ECU',
    ' SG_ SINGLE : 16|32@1- (1,0) [0|0] "" ECU',
    ' SG_ DOUBLE : 55|64@0- (1,0) [-1e300|1e300] "" ECU',
    "SIG_VALTYPE_ 2 HALF : 1;",
    "SIG_VALTYPE_ 2 SINGLE : 1;",
    "SIG_VALTYPE_ 2 DOUBLE : 2;",
)


def floats(half: float, single: float, double: float) -> bytes:
    return struct.pack("<ef", half, single) + struct.pack(">d", double)


def test_floating_point_signals_of_three_sizes(decoding):
    got = decoding(*FLOATS).values(2, floats(0.5, 1e-3, -1e-310))
    assert got == {"HALF": 0.5, "SINGLE": struct.unpack("f", struct.pack("f", 1e-3))[0],
                   "DOUBLE": -1e-310}  # fmt: skip


def test_a_negative_zero_stays_negative(decoding):
    got = decoding(*FLOATS).values(2, floats(-0.0, -0.0, -0.0))
    assert all(math.copysign(1, value) == -1 for value in got.values())


def test_zero_scaled_by_a_negative_factor_is_not_negative(decoding):
    made = decoding("BO_ 1 M: 2 ECU", ' SG_ S : 0|8@1+ (-0.5,0) [0|0] "" ECU')
    (value,) = made.values(1, b"\0\0").values()
    assert math.copysign(1, value) == 1


def test_what_is_not_a_number_is_invalid(decoding):
    made = decoding(*FLOATS)
    assert set(made.qualities(2, floats(math.nan, math.nan, math.nan)).values()) == {
        Quality.INVALID
    }
    signalling = b"\x01\x7c" + b"\x01\0\x80\x7f" + b"\x7f\xf0\0\0\0\0\0\x01"
    assert set(made.qualities(2, signalling).values()) == {Quality.INVALID}


def test_an_infinite_value_is_out_of_any_range(decoding):
    got = decoding(*FLOATS).qualities(2, floats(math.inf, -math.inf, math.inf))
    assert set(got.values()) == {Quality.OUT_OF_RANGE}


@pytest.mark.parametrize(
    ("bits", "sign", "scale", "offset", "raw", "value"),
    [
        pytest.param(64, "+", "1", "0", 2**64 - 1, float(2**64 - 1), id="unsigned as it is"),
        pytest.param(64, "+", "1", "0", 2**53 + 1, float(2**53 + 1), id="rounded once"),
        pytest.param(64, "-", "1", "0", 2**63, -(2.0**63), id="signed as it is"),
        pytest.param(64, "+", "0.1", "0", 2**64 - 1, float(2**64 - 1) * 0.1, id="scaled"),
        pytest.param(64, "+", "3", "1", 2**63 + 1, float(3 * (2**63 + 1) + 1), id="whole scale"),
        pytest.param(
            64, "+", "1", "-9007199254740993", 2**53 + 2, 1.0, id="an offset no double holds"
        ),
        pytest.param(60, "+", "3", "0.5", 2**60 - 1, float(3 * (2**60 - 1)) + 0.5, id="half whole"),
        pytest.param(64, "-", "-7", "0", 2**63, 7 * 2.0**63, id="beyond 64 bits"),
        pytest.param(8, "+", "1e308", "0.5", 255, math.inf, id="an infinite product"),
        pytest.param(8, "+", "1e308", "0", 255, math.inf, id="beyond the greatest double"),
        pytest.param(8, "-", "-1e308", "0", 127, -math.inf, id="beyond the least double"),
    ],
)
def test_integers_are_exact_until_the_last_step(decoding, bits, sign, scale, offset, raw, value):
    made = decoding("BO_ 3 M: 8 ECU", f' SG_ S : 0|{bits}@1{sign} ({scale},{offset}) [0|0] "" ECU')
    assert made.values(3, raw.to_bytes(8, "little")) == {"S": value}


def test_a_signal_of_more_than_64_bits_is_rounded_to_a_double(decoding):
    made = decoding("BO_ 4 M: 20 ECU", ' SG_ SERIAL : 7|136@0+ (1,0) [0|0] "" ECU')
    assert made.values(4, b"\x12" * 20) == {"SERIAL": float(int("12" * 17, 16))}


def test_a_signal_in_nine_bytes_is_read_whole(decoding):
    made = decoding("BO_ 5 M: 20 ECU", ' SG_ S : 33|63@1- (1,0) [0|0] "" ECU')
    payload = (5 << 33 | 1 << 95).to_bytes(20, "little")
    assert made.values(5, payload) == {"S": float(5 - 2**62)}


def test_several_signals_in_nine_bytes_are_told_apart(decoding):
    made = decoding(
        "BO_ 5 M: 20 ECU",
        ' SG_ ONE : 1|64@1+ (1,0) [0|0] "" ECU',
        ' SG_ TWO : 73|64@1+ (1,0) [0|0] "" ECU',
    )
    payload = (3 << 1 | 7 << 73).to_bytes(20, "little")
    assert made.values(5, payload) == {"ONE": 3.0, "TWO": 7.0}


def test_a_wide_signal_is_judged_by_its_range_and_left_out_of_a_short_frame(decoding):
    made = decoding(
        "BO_ 6 M: 20 ECU",
        ' SG_ FIRST : 0|8@1+ (1,0) [0|0] "" ECU',
        ' SG_ WIDE : 15|70@0+ (1,0) [0|1000] "" ECU',
    )
    assert made.qualities(6, bytes([0] * 9 + [3] * 11))["WIDE"] is Quality.GOOD
    assert made.qualities(6, b"\1" * 20)["WIDE"] is Quality.OUT_OF_RANGE
    assert list(made.values(6, b"\1" * 9)) == ["FIRST"]
