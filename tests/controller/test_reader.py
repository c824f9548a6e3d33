"""The reader on real controllers, with the kernel's own driver."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from gateway.clock import NS_PER_S, SYSTEM_CLOCK
from gateway.config.model import CanConfig
from gateway.counters import Counters
from gateway.errors import LinkLostError
from gateway.record import FRAME, CanId, FrameFlag
from gateway.sources.readers import choose_reader
from gateway.sources.readers.socketcan.reader import TIERS

pytestmark = pytest.mark.controller

CLASSIC = struct.Struct("=IB3x8s")


def classic(can_id, data=b""):
    return CLASSIC.pack(can_id, len(data), data)


@pytest.fixture(params=TIERS)
def opened(request, bus):
    """A reader of the second controller; its counters; and the first, joined."""
    first, second = bus
    counters = Counters()
    section = CanConfig(name="car", channel=second.name, options={"tier": request.param})
    reader = choose_reader(section, SYSTEM_CLOCK, counters)
    reader.open()
    with first.join() as node:
        yield reader, counters, node
    reader.close()


def read(reader, many):
    """So many frames."""
    frames = np.zeros(many, FRAME)
    got = 0
    while got < many:
        new = reader.read_into(frames[got:], 30 * NS_PER_S)
        assert new, f"{got} of {many} frames came"
        got += new
    return frames


def test_every_frame_of_another_node_arrives(opened):
    reader, counters, node = opened
    for begin in range(0, 500, 5):  # a bus without a bit rate is faster than the controller
        for n in range(begin, begin + 5):
            node.send(classic(n, struct.pack("=Q", n)))
        frames = read(reader, 5)
        assert frames["can_id"].tolist() == list(range(begin, begin + 5))
        assert not (frames["flags"] & FrameFlag.TRANSMITTED).any()
    reader.close()
    assert counters == Counters()


def test_a_frame_of_this_host_is_seen_when_the_controller_has_sent_it(opened, bus):
    reader, _, node = opened
    with bus[1].join() as own:
        node.send(classic(1))
        own.send(classic(2))
        node.send(classic(3))
    frames = read(reader, 3)
    sent = frames["flags"] & FrameFlag.TRANSMITTED != 0
    assert dict(zip(frames["can_id"].tolist(), sent.tolist(), strict=True)) == {
        1: False,
        2: True,
        3: False,
    }


class Registers:
    """The SJA1000 behind an interface, past its driver."""

    INTERRUPT_ENABLE = 4
    OVERRUN_AND_RECEIVE = 0x09

    def __init__(self, interface):
        # The Kvaser PCI card has its SJA1000 in the second I/O region.
        resource = (Path("/sys/class/net") / interface / "device" / "resource1").resolve()
        self._registers = os.open(resource, os.O_RDWR)

    def interrupts(self, which):
        """Enable these; return which ones were."""
        (before,) = os.pread(self._registers, 1, self.INTERRUPT_ENABLE)
        os.pwrite(self._registers, bytes([which]), self.INTERRUPT_ENABLE)
        return before

    def close(self):
        os.close(self._registers)


def test_frames_for_which_the_controller_had_no_room_are_counted(opened, bus):
    reader, counters, node = opened
    registers = Registers(bus[1].name)
    enabled = registers.interrupts(0)  # as if the host were busy elsewhere
    for n in range(20):  # its memory is 64 bytes: five such frames
        node.send(classic(n, b"12345678"))
    bus[0].wait_until_sent(20)
    registers.interrupts(enabled)
    registers.close()
    node.send(classic(0x7FF, b"12345678"))  # one more, and the controller says so
    frames = read(reader, 6)
    assert frames["can_id"][:5].tolist() == [0, 1, 2, 3, 4]
    assert frames["can_id"][5] & CanId.ERROR
    assert frames["data"][5][1] == 0x01  # CAN_ERR_CRTL_RX_OVERFLOW
    reader.close()
    assert counters == Counters(received=1, lost={"overrun": 1})


def test_a_link_that_is_taken_down_is_lost_and_can_be_opened_again(opened, bus):
    reader, _, node = opened
    node.send(classic(1))
    read(reader, 1)
    bus[1].down()
    with pytest.raises(LinkLostError, match="can1 is down"):
        read(reader, 1)
    bus[1].up()
    reader.open()
    node.send(classic(2))
    assert read(reader, 1)["can_id"].tolist() == [2]
