"""Checksums by their standards' own check values, and by an independent implementation's."""

import cantools
import pytest

from firmware_sim.devices.protection import Protection, Protector, crc8

MESSAGE = """VERSION ""
BS_:
BU_: Ecu
BO_ 256 M: 8 Ecu
 SG_ CRC : 0|8@1+ (1,0) [0|0] "" Ecu
 SG_ CNT : 8|4@1+ (1,0) [0|0] "" Ecu
 SG_ ODD : 20|8@1+ (1,0) [0|0] "" Ecu
 SG_ NIB : 12|4@1+ (1,0) [0|0] "" Ecu
 SG_ LAST : 63|8@0+ (1,0) [0|0] "" Ecu
 SG_ MOT : 55|2@0+ (1,0) [0|0] "" Ecu
"""


@pytest.fixture(scope="module")
def message():
    return cantools.database.load_string(MESSAGE, "dbc").messages[0]


def protected(message, data, frames=1, **protection):
    protector = Protector(message, Protection(**protection))
    sent = [protector.protect(bytes.fromhex(data)) for _ in range(frames)]
    return [frame.hex() for frame in sent]


def test_the_crc_of_sae_j1850_has_its_check_value():
    assert crc8(b"123456789") == 0x4B


@pytest.mark.parametrize(
    ("kind", "checksum"),
    [
        pytest.param("crc8-j1850", crc8(bytes.fromhex("01020304050607")), id="crc8-j1850"),
        pytest.param("xor", 1 ^ 2 ^ 3 ^ 4 ^ 5 ^ 6 ^ 7, id="xor"),
        pytest.param("sum", 28, id="sum"),
    ],
)
def test_the_checksum_is_over_all_other_bytes(message, kind, checksum):
    data = "00 01020304050607"
    assert protected(message, data, checksum="CRC", kind=kind) == [f"{checksum:02x}01020304050607"]


def test_the_checksum_may_be_the_last_byte(message):
    assert protected(message, "ff01020304050600", checksum="LAST", kind="sum") == [
        f"ff010203040506{(255 + 21) % 256:02x}"
    ]


# As autosar-e2e 1.0 (a C implementation) computes them, data id 0x1A2B; the last from the standard.
@pytest.mark.parametrize(
    ("mode", "counter", "frame"),
    [
        ("both", 0, "7800010203040506"),
        ("both", 1, "2501010203040506"),
        ("both", 14, "790e010203040506"),
        ("alternating", 0, "0d00010203040506"),
        ("alternating", 1, "b901010203040506"),
        ("alternating", 14, "0c0e010203040506"),
        ("low", 0, "0d00010203040506"),
        ("low", 1, "5001010203040506"),
    ],
)
def test_e2e_profile_1_is_as_an_independent_implementation_has_it(message, mode, counter, frame):
    sent = protected(
        message,
        "0000010203040506",
        15,
        counter="CNT",
        checksum="CRC",
        kind="e2e-p1",
        data_id=0x1A2B,
        data_id_mode=mode,
    )
    assert sent[counter] == frame


@pytest.mark.parametrize(
    ("counter", "frame"),
    [(0, "53a0010203040506"), (1, "0ea1010203040506"), (14, "52ae010203040506")],
)
def test_with_the_mode_nibble_a_part_of_the_data_id_is_sent(message, counter, frame):
    sent = protected(
        message,
        "0000010203040506",
        15,
        counter="CNT",
        checksum="CRC",
        kind="e2e-p1",
        data_id=0x1A2B,
        data_id_mode="nibble",
        nibble="NIB",
    )
    assert sent[counter] == frame


def test_e2e_profile_1_is_as_the_standards_example_has_it(message):
    sent = protected(message, "00" * 8, counter="CNT", checksum="CRC", kind="e2e-p1", data_id=0x123)
    assert sent == ["cc" + "00" * 7]


def test_the_counter_of_e2e_profile_1_skips_15(message):
    sent = protected(message, "00" * 8, 32, counter="CNT", checksum="CRC", kind="e2e-p1")
    assert [int(frame[3], 16) for frame in sent] == [n % 15 for n in range(32)]


def test_other_counters_use_all_their_bits(message):
    assert [frame[3] for frame in protected(message, "00" * 8, 18, counter="CNT")] == [
        f"{n % 16:x}" for n in range(18)
    ]
    motorola = [
        message.decode(bytes.fromhex(f))["MOT"]
        for f in protected(message, "00" * 8, 5, counter="MOT")
    ]
    assert motorola == [0, 1, 2, 3, 0]


def test_the_counter_is_under_the_checksum(message):
    sent = protected(message, "00" * 8, 3, counter="CNT", checksum="CRC", kind="xor")
    assert [frame[:4] for frame in sent] == ["0000", "0101", "0202"]


@pytest.mark.parametrize(
    ("protection", "text"),
    [
        ({"counter": "CTR"}, "counter: got 'CTR', expected one of 'CRC', 'CNT', 'NIB', "),
        ({"checksum": "SUM"}, "checksum: got 'SUM', expected one of 'CRC', "),
        ({"checksum": "CNT"}, "checksum: got 'CNT', expected a signal that is a whole byte"),
        ({"checksum": "ODD"}, "checksum: got 'ODD', expected a signal that is a whole byte"),
        ({"checksum": "CRC", "kind": "e2e-p1"}, "counter: got None, expected a signal of 4 bits"),
        ({"data_id_mode": "nibble"}, "nibble: got None, expected a signal of 4 bits with"),
        ({"data_id_mode": "nibble", "nibble": "CRC"}, "nibble: got 'CRC', expected a signal of 4"),
        ({"data_id_mode": "low", "nibble": "NIB"}, "nibble: got 'NIB', expected .* none with oth"),
        ({"counter": "CRC", "kind": "e2e-p1"}, "counter: got 'CRC', expected a signal of 4 bits"),
    ],
)
def test_signals_that_cannot_be_a_counter_or_a_checksum_are_refused(message, protection, text):
    with pytest.raises(ValueError, match=text):
        Protector(message, Protection(**protection))
