"""A microcontroller that speaks the framed binary protocol: ``COBS(id, fields, CRC-16), 0``.

    id 1, every 20 ms     motion: ax, ay, az, each a float of m/s**2; little-endian
    id 2, every second    health: supply in millivolts (u16), temperature in 1/100 degC (i16),
                          frames sent (u32)

The CRC is CRC-16/CCITT-FALSE over id and fields, most significant byte first. Written from the
description alone: the gateway has an implementation of its own.
"""

from __future__ import annotations

import math
import struct
from random import Random

from firmware_sim.devices.inputs import Inputs, nearest

MOTION, HEALTH = 1, 2
MOTION_PERIOD_NS = 20_000_000
HEALTH_EVERY = 50
"""A health frame with every so many motion frames."""

INPUTS = {
    "ax": "m/s2",
    "ay": "m/s2",
    "az": "m/s2",
    "supply": "V",
    "temperature": "degC",
}

_GRAVITY = 9.81
_SHAKE_HZ = 12.0
_NOISE = 0.05
_LARGEST = (2 - 2**-23) * 2.0**127
"""What a float of 32 bits can hold at the most."""


class FramedSensor:
    """See the module.

    Args:
        name: Its name.
        seed: Of its noise.

    Attributes:
        inputs: What it measures.
    """

    def __init__(self, name: str, *, seed: int | str = 0) -> None:
        self.name = name
        self.inputs = Inputs(INPUTS)
        self._random = Random(f"{seed}/framed/{name}")  # noqa: S311 - a simulation, not a secret
        self.reset(0)

    def reset(self, now_ns: int) -> None:
        """See `Resettable`."""
        self.due_ns = now_ns
        self._sent = 0

    def step(self, now_ns: int) -> bytes:
        """See `Device`."""
        self.due_ns += MOTION_PERIOD_NS
        frames = [self._motion(now_ns)]
        if self._sent % HEALTH_EVERY == 0:
            frames.append(self._health(now_ns))
        self._sent += 1
        return b"".join(frames)

    def _motion(self, now_ns: int) -> bytes:
        turn = math.tau * _SHAKE_HZ * now_ns / 1e9
        true = (0.8 * math.sin(turn), 0.5 * math.cos(turn), _GRAVITY + 0.3 * math.sin(2 * turn))
        seen = [
            self.inputs.seen(axis, value + self._random.gauss(0.0, _NOISE), now_ns)
            for axis, value in zip(("ax", "ay", "az"), true, strict=True)
        ]
        held = [min(max(value, -_LARGEST), _LARGEST) for value in seen]
        return frame(MOTION, struct.pack("<3f", *held))

    def _health(self, now_ns: int) -> bytes:
        supply = self.inputs.seen("supply", 5.0 + self._random.gauss(0.0, 0.01), now_ns)
        temperature = self.inputs.seen("temperature", 41.0, now_ns)
        fields = (
            nearest(supply * 1000, 0, 0xFFFF),
            nearest(temperature * 100, -0x8000, 0x7FFF),
            self._sent & 0xFFFFFFFF,
        )
        return frame(HEALTH, struct.pack("<HhI", *fields))


def frame(number: int, fields: bytes) -> bytes:
    """Return one frame as it is sent, with its checksum and the zero that ends it."""
    packet = bytes([number]) + fields
    return stuffed(packet + crc16(packet).to_bytes(2, "big")) + b"\0"


def crc16(data: bytes) -> int:
    """Return the CRC-16/CCITT-FALSE of *data*: 0x29B1 for b"123456789"."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def stuffed(packet: bytes) -> bytes:
    """Return *packet* without zeros: Consistent Overhead Byte Stuffing (Cheshire, Baker 1997)."""
    out = bytearray()
    for part in packet.split(b"\0"):
        while len(part) >= 254:
            out += b"\xff" + part[:254]
            part = part[254:]
        out += bytes([len(part) + 1]) + part
    return bytes(out)
