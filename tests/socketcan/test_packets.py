"""The packet ring beside a program of this host that sends all the time; needs no CAN."""

import numpy as np
import pytest

from gateway.record import FRAME, FrameFlag
from gateway.sources.readers.socketcan import packets
from gateway.sources.readers.socketcan.packets import PacketReceiver

NOW_NS = 1_700_000_000_000_000_000
BATCH = 10


class Ring:
    slots = 1024

    def close(self):
        pass


class Sender(Ring):
    """A ring of frames that are sent one a nanosecond, and never end."""

    def __init__(self):
        self.sent = 0

    def receive(self, frames):
        numbers = np.arange(self.sent, self.sent + BATCH)
        frames["t_ns"][:BATCH] = NOW_NS + numbers
        frames["can_id"][:BATCH] = numbers
        self.sent += BATCH
        return BATCH


class Bus(Ring):
    """A ring of what comes back from the bus: the first 25 of them."""

    def receive(self, frames):
        numbers = np.arange(25)
        frames["t_ns"][:25] = NOW_NS + numbers
        frames["can_id"][:25] = numbers
        return 25


@pytest.fixture
def sender(monkeypatch):
    sender = Sender()

    def ring(*_, outgoing=False):
        return sender if outgoing else Bus()

    monkeypatch.setattr(packets, "PacketRing", ring)
    return sender


@pytest.mark.timeout(20)
def test_who_sends_faster_than_it_is_read_does_not_hold_the_reader(sender):
    frames = np.zeros(100, FRAME)
    assert PacketReceiver("can0").receive(frames) == 25
    # All that were sent until the last one came, and a batch of later ones at most.
    assert sender.sent == 40
    assert (frames["flags"][:25] == FrameFlag.TRANSMITTED).all()
