"""What the tests here stand on: two controllers with the kernel's own driver, on one bus."""

import struct
import subprocess

import pytest

pytestmark = pytest.mark.controller

FRAME = struct.pack("=IBB2x8s", 0x123, 8, 0, b"12345678")


def test_the_controllers_have_a_bit_rate_and_are_error_active(bus):
    assert [controller.name for controller in bus] == ["can0", "can1"]
    for controller in bus:
        assert "bitrate 500000" in controller.details()
        assert "can state ERROR-ACTIVE (berr-counter tx 0 rx 0)" in controller.details()
        assert "sja1000" in controller.details()


def test_a_frame_goes_from_one_controller_to_the_other(bus):
    first, second = bus
    with first.join() as sender, second.join() as receiver:
        sender.send(FRAME)
        assert receiver.recv(72) == FRAME


def test_the_bit_rate_is_set_only_while_the_link_is_down(bus):
    first, _ = bus
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        first.up("bitrate", "250000")
    first.down()
    first.up("bitrate", "250000")
    assert "bitrate 250000" in first.details()
