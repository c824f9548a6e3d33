"""What a node and its bus say to each other, byte for byte."""

import struct

import numpy as np
import pytest

from firmware_sim import wire
from firmware_sim.errors import WireError


def test_a_record_is_the_time_and_linux_struct_canfd_frame():
    record = wire.pack_frame(0x123, b"\x11\x22", flags=wire.FD)
    assert len(record) == 80
    assert record[:16] == struct.pack("=qIBBBB", 0, 0x123, 2, 4, 0, 0)
    assert record[16:18] == b"\x11\x22"
    assert record[18:] == bytes(62)
    assert wire.RECORD.itemsize == wire.FRAME.size == 80


def test_hello_is_magic_version_flags_and_name_in_64_bytes():
    packed = wire.Hello("gateway", wire.HelloFlag.OWN_FRAMES).pack()
    assert packed == b"FWSIMBUS" + struct.pack("=II", 1, 1) + b"gateway".ljust(48, b"\0")
    assert wire.Hello.unpack(packed) == wire.Hello("gateway", wire.HelloFlag.OWN_FRAMES)


def test_welcome_is_magic_version_bit_rate_and_name_in_64_bytes():
    packed = wire.Welcome("can0", 500_000).pack()
    assert packed == b"FWSIMBUS" + struct.pack("=II", 1, 500_000) + b"can0".ljust(48, b"\0")
    assert wire.Welcome.unpack(packed) == wire.Welcome("can0", 500_000)


def test_a_node_name_that_is_too_long_is_cut_between_characters():
    assert wire.Hello.unpack(wire.Hello("é" * 40).pack()).name == "é" * 24
    assert wire.Hello.unpack(wire.Hello("x" + "é" * 40).pack()).name == "x" + "é" * 23


@pytest.mark.parametrize(
    ("hello", "says"),
    [
        pytest.param(b"GARBAGE!" + bytes(56), "got b'GARBAGE!', expected b'FWSIMBUS'", id="magic"),
        pytest.param(
            b"FWSIMBUS" + struct.pack("=II", 7, 0) + bytes(48),
            "got protocol version 7, expected 1",
            id="version",
        ),
        pytest.param(
            b"FWSIMBUS" + struct.pack("=II", 1, 0x10) + bytes(48),
            "got hello flags 0x10",
            id="flags",
        ),
        pytest.param(
            b"FWSIMBUS" + struct.pack("=II", 1, 0) + b"\xff".ljust(48, b"\0"), "UTF-8", id="name"
        ),
    ],
)
def test_a_hello_that_is_none_is_refused_and_the_reason_said(hello, says):
    with pytest.raises(WireError, match=says):
        wire.Hello.unpack(hello)


@pytest.mark.parametrize("name", ["", "a/b", "x" * 48, "with space"])
def test_a_bus_name_that_no_socket_could_have_is_refused(name):
    with pytest.raises(ValueError, match="expected 1 to 47 letters"):
        wire.address(name)


def test_the_overflow_notice_is_socketcans_and_says_how_many_were_lost():
    frame = np.frombuffer(wire.overflow(70_000, 5), wire.RECORD)[0]
    assert frame["can_id"] == 0x20000004
    assert frame["data"][1] == 0x01
    assert int.from_bytes(bytes(frame["data"][5:8]), "little") == 70_000
    assert frame["t_ns"] == 5
