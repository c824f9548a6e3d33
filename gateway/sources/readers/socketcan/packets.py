"""The packet ring as a receiver of CAN frames."""

from __future__ import annotations

import contextlib

import numpy as np

from gateway.record import FRAME, Frames
from gateway.sources.readers.filters import FrameFilters
from gateway.sources.readers.socketcan.echoes import Echoes
from gateway.sources.readers.socketcan.packet_ring import PacketRing
from gateway.sources.readers.socketcan.receiver import Times

SLOTS = 1 << 15
"""Frames that the ring holds at least: 1.5 s of the busiest classic bus. It takes 3 MiB of the
kernel's memory, 5 MiB for CAN FD."""

SENT_SLOTS = 1 << 12
"""Frames that this host may have sent since the last reading and still be recognised."""


class PacketReceiver:
    """The fastest `Receiver`. Needs CAP_NET_RAW.

    Args:
        interface: Such as "can0".
        filters: What alone is to come; None for everything.

    Raises:
        OSError: It is not to be had.
    """

    tier = "packet ring"
    hardware_ns: Times | None = None

    def __init__(self, interface: str, filters: FrameFilters | None = None) -> None:
        with contextlib.ExitStack() as opened:
            self._ring = PacketRing(interface, SLOTS, filters)
            opened.callback(self._ring.close)
            self._sent_ring = PacketRing(interface, SENT_SLOTS, filters, outgoing=True)
            opened.pop_all()
        self.room = self._ring.slots
        self._echoes = Echoes()
        self._sent = np.zeros(SENT_SLOTS, FRAME)

    def fileno(self) -> int:
        """See `Receiver`."""
        return self._ring.fileno()

    def receive(self, frames: Frames) -> int:
        """See `Receiver`."""
        count = self._ring.receive(frames)
        if not count:
            self._ring.check()
            return 0
        # After the others: what has come back from the bus was sent before. And no further: a
        # program that sends faster than this reads would hold it here.
        last_ns = frames["t_ns"][count - 1]
        while sent := self._sent_ring.receive(self._sent):
            self._echoes.expect(self._sent[:sent])
            if self._sent["t_ns"][:sent].min() > last_ns:
                break
        self._echoes.mark(frames[:count])
        return count

    def dropped(self) -> int:
        """See `Receiver`."""
        return self._ring.dropped()

    def close(self) -> None:
        """See `Receiver`."""
        self._ring.close()
        self._sent_ring.close()
