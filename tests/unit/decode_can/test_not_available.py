"""J1939 and NMEA 2000: the highest raw values say that there is no value."""

from __future__ import annotations

import pytest

from gateway.record import CanId, Quality

# An extended id with the null source address: known by its parameter group.
GROUP = 0x18FEEEFE
ID = GROUP | CanId.EXTENDED

MESSAGE = (
    f"BO_ {ID:d} Engine: 8 ECU",
    ' SG_ FLAG : 0|1@1+ (1,0) [0|0] "" ECU',
    ' SG_ SWITCH : 2|2@1+ (1,0) [0|0] "" ECU',
    ' SG_ GEAR : 4|3@1+ (1,0) [0|0] "" ECU',
    ' SG_ TEMP : 8|8@1+ (1,-40) [0|0] "degC" ECU',
    ' SG_ WIND : 16|16@1+ (0.01,0) [0|650] "m/s" ECU',
    ' SG_ RATE : 32|16@1- (-0.5,0) [0|0] "deg/s" ECU',
    ' SG_ PLAIN : 48|16@1- (0.1,0) [0|0] "" ECU',
)


@pytest.fixture
def quality(decoding):
    """The quality of one signal in a frame in which it has this raw value, all others being 0."""
    made = decoding(*MESSAGE)
    fields = {field.name: field for field in made.database.messages[0].fields}

    def of(name, raw):
        field = fields[name]
        word = (raw & (1 << field.length) - 1) << field.start
        return made.qualities(ID, word.to_bytes(8, "little"))[name]

    return of


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("SWITCH", 3), ("GEAR", 7), ("TEMP", 255), ("TEMP", 254), ("WIND", 65535), ("WIND", 65534),
        ("RATE", 32767), ("RATE", 32766), ("PLAIN", 32767), ("PLAIN", 32766),
    ],
)  # fmt: skip
def test_not_available_and_error_are_invalid(quality, name, raw):
    assert quality(name, raw) is Quality.INVALID


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("FLAG", 1), ("SWITCH", 2), ("GEAR", 6), ("TEMP", 253), ("TEMP", 0), ("WIND", 65000),
        ("RATE", 32765), ("RATE", -32768), ("PLAIN", 32765), ("PLAIN", -1),
    ],
)  # fmt: skip
def test_all_others_are_values(quality, name, raw):
    assert quality(name, raw) is Quality.GOOD


def test_a_value_beyond_its_limits_that_is_one_is_out_of_range(quality):
    assert quality("WIND", 65001 + 100) is Quality.OUT_OF_RANGE


@pytest.mark.parametrize("signed", [False, True])
def test_of_64_bits_so_many_are_told_as_a_double_can(decoding, signed):
    made = decoding(
        f"BO_ {ID:d} Position: 8 ECU",
        f' SG_ LATITUDE : 0|64@1{"-" if signed else "+"} (1E-16,0) [0|0] "deg" ECU',
    )
    highest = 2**63 - 1 if signed else 2**64 - 1
    for raw, expected in ((highest, Quality.INVALID), (highest // 10, Quality.GOOD)):
        found = made.qualities(ID, raw.to_bytes(8, "little"))
        assert found == {"LATITUDE": expected}


def test_the_number_itself_stays_to_be_seen(decoding):
    assert decoding(*MESSAGE).values(ID, b"\xff" * 8)["WIND"] == 655.35


def test_other_messages_reserve_nothing(decoding):
    made = decoding("BO_ 256 Plain: 1 ECU", ' SG_ TEMP : 0|8@1+ (1,-40) [0|0] "degC" ECU')
    assert made.qualities(256, b"\xff") == {"TEMP": Quality.GOOD}
