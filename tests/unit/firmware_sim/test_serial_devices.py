"""The simulated wind instrument and framed sensor, read by independent libraries."""

from __future__ import annotations

import struct
from binascii import crc_hqx

import pynmea2
import pytest
from cobs import cobs

from firmware_sim.devices.framed_sensor import HEALTH, MOTION, FramedSensor, crc16, stuffed
from firmware_sim.devices.wind import Wind

SECOND = 1_000_000_000


def run(device, seconds):
    """All that *device* sends in so many seconds, step by step."""
    sent = []
    while device.due_ns < seconds * SECOND:
        sent.append(device.step(device.due_ns))
    return sent


def sentences(device, seconds):
    text = b"".join(run(device, seconds)).decode("ascii")
    return [pynmea2.parse(line, check=True) for line in text.splitlines()]


def packets(device, seconds):
    frames = b"".join(run(device, seconds)).split(b"\0")
    assert frames.pop() == b""
    found = [cobs.decode(each) for each in frames]
    assert all(crc_hqx(each, 0xFFFF) == 0 for each in found)
    return [(each[0], each[1:-2]) for each in found]


def test_the_wind_comes_five_times_a_second_depth_and_heading_once():
    kinds = [each.sentence_type for each in sentences(Wind("wind"), 2)]
    assert kinds.count("MWV") == 10
    assert kinds.count("DPT") == kinds.count("HDM") == 2


def test_the_instrument_tells_what_it_measures():
    wind = Wind("wind")
    wind.inputs.set("wind_speed", 21.3)
    wind.inputs.set("wind_angle", -30.0)
    wind.inputs.set("depth", 3.25)
    wind.inputs.set("heading", 361.0)
    apparent, depth, heading = sentences(wind, 0.1)
    assert (float(apparent.wind_speed), apparent.wind_speed_units) == (21.3, "M")
    assert (float(apparent.wind_angle), apparent.reference) == (330.0, "R")
    assert float(depth.depth) == 3.2
    assert float(heading.heading) == 1.0


def test_motion_comes_fifty_times_a_second_and_health_once():
    kinds = [kind for kind, _ in packets(FramedSensor("imu"), 2)]
    assert kinds.count(MOTION) == 100
    assert kinds.count(HEALTH) == 2


def test_the_sensor_tells_what_it_measures():
    sensor = FramedSensor("imu")
    for name, value in {"ax": 1.5, "ay": -2.5, "az": 0.0, "supply": 4.75}.items():
        sensor.inputs.set(name, value)
    sensor.inputs.set("temperature", -12.34)
    (_, motion), (_, health) = packets(sensor, 0.01)
    assert struct.unpack("<3f", motion) == (1.5, -2.5, 0.0)
    assert struct.unpack("<HhI", health) == (4750, -1234, 0)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1e308, (struct.unpack("<f", b"\xff\xff\x7f\x7f")[0], 0xFFFF, 0x7FFF)),
        (-1e308, (struct.unpack("<f", b"\xff\xff\x7f\xff")[0], 0, -0x8000)),
    ],
)
def test_a_value_beyond_its_field_is_told_as_the_nearest(value, told):
    sensor = FramedSensor("imu")
    for name in ("ax", "supply", "temperature"):
        sensor.inputs.set(name, value)
    (_, motion), (_, health) = packets(sensor, 0.01)
    assert (struct.unpack("<3f", motion)[0], *struct.unpack("<HhI", health)[:2]) == told


def test_its_checksum_is_that_of_the_standard():
    assert crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize(
    "packet", [b"", b"\0", b"a\0b", b"x" * 254, b"x" * 255, b"\0" + b"y" * 600]
)
def test_packets_are_stuffed_so_that_any_receiver_can_unpack_them(packet):
    assert b"\0" not in stuffed(packet)
    assert cobs.decode(stuffed(packet)) == packet


@pytest.mark.parametrize("make", [Wind, FramedSensor])
def test_the_same_seed_sends_the_same_bytes(make):
    first, again, other = make("d", seed=1), make("d", seed=1), make("d", seed=2)
    expected = run(first, 1)
    assert run(again, 1) == expected
    assert run(other, 1) != expected


def test_a_reset_sensor_counts_its_frames_anew():
    sensor = FramedSensor("imu")
    run(sensor, 3)
    sensor.reset(5 * SECOND)
    assert sensor.due_ns == 5 * SECOND
    _, health, _ = sensor.step(5 * SECOND).split(b"\0")
    assert struct.unpack_from("<HhI", cobs.decode(health), 1)[2] == 0
