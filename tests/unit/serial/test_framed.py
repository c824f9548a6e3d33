"""Framed packets: id, packed fields, CRC-16, COBS, a zero byte."""

import math
import struct

import pytest

from gateway.config.model import FrameConfig
from gateway.record import Quality


def crc16(data):
    """CRC-16/CCITT-FALSE bit by bit, most significant byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc.to_bytes(2, "big")


def cobs(data):
    """COBS as the paper writes it: each block of up to 254 bytes behind its own length."""
    out = bytearray()
    for block in data.split(b"\0"):
        rest = block
        while len(rest) >= 254:
            out += b"\xff" + rest[:254]
            rest = rest[254:]
        out += bytes([len(rest) + 1]) + rest
    return bytes(out)


def frame(packet):
    return cobs(packet + crc16(packet)) + b"\0"


ENGINE = frame(struct.pack("<BHhf", 1, 6500, 1315, 4.5))
GPS = frame(struct.pack(">BI", 2, 0x01020304))
ENGINE_SAYS = {"engine.rpm": 6500, "engine.temperature": 91.5, "engine.pressure": 4.5}


def test_the_fields_of_a_frame_are_read_in_their_byte_order_scaled_and_offset(telemetry):
    port = telemetry()
    assert port.values(ENGINE) == pytest.approx(ENGINE_SAYS)
    assert port.values(GPS) == {"gps.heading": 0x01020304}
    assert port.ledger == (2, 2, {})


def test_the_worked_example_of_the_documentation(telemetry):
    sent = bytes.fromhex("06 01 64 19 23 05 01 05 90 40 e5 a3 00")
    assert sent == ENGINE
    assert telemetry().values(sent) == pytest.approx(ENGINE_SAYS)


def test_the_checksum_is_crc_16_ccitt_false():
    assert crc16(b"123456789").hex() == "29b1"


def test_samples_keep_the_order_of_frames_and_fields(telemetry):
    names = [name for name, _, _ in telemetry().feed(GPS + ENGINE + GPS)]
    assert names == ["gps.heading", *ENGINE_SAYS, "gps.heading"]


@pytest.mark.parametrize(
    ("kind", "code", "number"),
    [
        ("u8", "B", 255), ("i8", "b", -128), ("u16", "H", 65535), ("i16", "h", -32768),
        ("u32", "I", 2**32 - 1), ("i32", "i", -(2**31)), ("u64", "Q", 2**64 - 1),
        ("i64", "q", -(2**63)), ("f32", "f", 0.5), ("f64", "d", 1e300),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", ["little", "big"])
def test_every_type_is_read_in_both_byte_orders(line, fields, kind, code, number, order):
    config = FrameConfig(name="m", id=0, byte_order=order, fields=fields(x={"type": kind}))
    packet = struct.pack(("<B" if order == "little" else ">B") + code, 0, number)
    assert line("framed", frames=(config,)).values(frame(packet)) == {"m.x": float(number)}


def test_values_beyond_the_declared_range_are_flagged(telemetry):
    readings = telemetry().feed(frame(struct.pack("<BHhf", 1, 20001, 0, 0)))
    assert readings[0] == ("engine.rpm", 20001, Quality.OUT_OF_RANGE)


@pytest.mark.parametrize("bits", [b"\0\0\xc0\x7f", b"\x01\0\x80\x7f", b"\0\0\x80\x7f"])
def test_what_is_not_finite_is_invalid(telemetry, bits):
    pressure = telemetry().feed(frame(b"\x01\0\0\0\0" + bits))[2]
    assert math.isnan(pressure[1])
    assert pressure[2] is Quality.INVALID


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("damage", "received", "lost"),
    [
        pytest.param(flipped(ENGINE, 3), 1, {"checksum": 1}, id="a flipped bit"),
        pytest.param(ENGINE[:4] + ENGINE[5:], 1, {"checksum": 1}, id="a missing byte"),
        pytest.param(ENGINE[4:], 1, {"malformed": 1}, id="a tail"),
        pytest.param(ENGINE[:5] + b"\0", 1, {"malformed": 1}, id="a head"),
        pytest.param(b"\x02\x07\0", 1, {"malformed": 1}, id="shorter than any packet"),
        pytest.param(frame(b"\x01\x02"), 1, {"length": 1}, id="shorter than declared"),
        pytest.param(frame(bytes([1]) + bytes(9)), 1, {"length": 1}, id="longer than declared"),
        pytest.param(b"\xff" * 100_000 + b"\0", 1, {"too_long": 1}, id="no end for 100 kB"),
        pytest.param(b"$HEHDT,271.1,T*2A\r\n\0", 1, {"malformed": 1}, id="text"),
    ],
)
def test_damage_is_counted_and_the_next_frame_is_read(telemetry, damage, received, lost):
    port = telemetry()
    assert port.feed(damage) == []
    assert port.ledger == (received, 0, lost)
    assert port.values(GPS) == {"gps.heading": 0x01020304}


def test_every_single_flipped_bit_is_noticed(telemetry):
    for bit in range((len(ENGINE) - 1) * 8):
        damaged = bytearray(ENGINE)
        damaged[bit // 8] ^= 1 << bit % 8
        port = telemetry()
        assert port.feed(bytes(damaged)) == []
        assert port.counters.delivered == 0


def test_a_frame_of_unknown_id_is_handled_and_counted_by_id(telemetry):
    port = telemetry()
    assert port.feed(frame(b"\x09hello") + frame(b"\x09") + frame(b"\x0b")) == []
    assert port.counters.unknown == {9: 2, 11: 1}
    assert port.ledger == (3, 3, {})


def test_zero_bytes_between_frames_are_not_frames(telemetry):
    port = telemetry()
    port.feed(b"\0\0" + GPS + b"\0\0\0" + GPS)
    assert port.ledger == (2, 2, {})


def test_a_frame_of_more_than_254_bytes_is_read(line, fields):
    names = [f"x{n}" for n in range(1500)]
    config = FrameConfig(name="big", id=7, fields=fields(*names))
    packet = struct.pack("<B1500f", 7, *range(1500))
    values = line("framed", frames=(config,)).values(frame(packet))
    assert list(values.values()) == list(range(1500))


def test_only_what_is_asked_for_is_decoded(telemetry):
    port = telemetry()
    port.select("engine.pressure")
    assert port.values(ENGINE + GPS) == {"engine.pressure": 4.5}
    assert port.ledger == (2, 2, {})


def test_reset_forgets_half_a_frame_and_says_so(telemetry):
    port = telemetry()
    port.feed(ENGINE[:5])
    assert port.decoder.reset(midway=True) == 1
    assert port.values(GPS) == {"gps.heading": 0x01020304}
