"""PACKET_MMAP: the kernel writes frames into memory that this process has mapped.

No system call is made for a frame, and none for a batch; only to wait. The ring is one of slots of
equal size (TPACKET_V2): so a batch of them is one strided numpy array, with classic and FD frames
mixed, and a waiting reader wakes at the first frame. The blocks of TPACKET_V3 have neither.

Each slot has a status word. The kernel sets `_OURS` when the frame is whole, and passes over to the
next slot; this process sets 0 when it has copied the frame. A kernel that comes to a slot that is
not 0 drops the frame, and counts it.

See Documentation/networking/packet_mmap.rst of Linux, and <linux/if_packet.h>.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct
import threading

import numpy as np

from gateway.clock import NS_PER_S
from gateway.record import FRAME, Frames
from gateway.sources.readers.filters import FrameFilters
from gateway.sources.readers.socketcan.link import mtu_of
from gateway.sources.readers.socketcan.packet_filter import INSTRUCTION_SIZE, packet_filter
from gateway.sources.readers.socketcan.receiver import FD_SIZE, Rows

_EVERY_PROTOCOL = 0x0003  # ETH_P_ALL: classic and FD frames are two protocols
_PACKET = 263  # SOL_PACKET
_RECEIVE_RING = 5
_STATISTICS = 6
_VERSION = 10
_TPACKET_V2 = 1
_IGNORE_OUTGOING = 23
_ATTACH_FILTER = 26

_OURS = 1  # TP_STATUS_USER

_FRAME_AT = 80
"""Where SOCK_DGRAM puts the frame: after struct tpacket2_hdr and struct sockaddr_ll."""

_BLOCK = 1 << 18
"""Bytes that the kernel allocates in one piece: a multiple of every page size there is."""

_SPANS = (16, 256, 4096)
"""Slots that are looked at in one go: few first, each look at a slot being a cache line."""


def _slot(frame_size: int) -> np.dtype[np.void]:
    """Return a slot with room for a frame of so many bytes, as the kernel fills it."""
    return np.dtype(
        {
            "names": ["status", "size", "seconds", "ns", "frame"],
            "formats": ["u4", "u4", "u4", "u4", f"V{frame_size}"],
            "offsets": [0, 8, 16, 20, _FRAME_AT],
            "itemsize": -(-(_FRAME_AT + frame_size) // 16) * 16,  # TPACKET_ALIGNMENT
        }
    )


class _Block:
    """The slots of one block, a column a field."""

    def __init__(self, slots: np.ndarray) -> None:
        self.status = slots["status"]
        self.sizes = slots["size"]
        self.seconds = slots["seconds"]
        self.ns = slots["ns"]
        self.frames = slots["frame"]


class PacketRing:
    """A ring of the frames that come in on an interface, own ones as they come back from the bus.

    Args:
        interface: Such as "can0".
        slots: How many frames it holds at least.
        filters: What alone the kernel is to put into it; None for everything.
        outgoing: Have it hold, instead, frames that this host is about to send.

    Raises:
        OSError: It cannot be had; PermissionError without CAP_NET_RAW.
    """

    def __init__(
        self,
        interface: str,
        slots: int,
        filters: FrameFilters | None = None,
        *,
        outgoing: bool = False,
    ) -> None:
        # No protocol yet: nothing comes in before all is set up.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        try:
            self._set_up(interface, slots, packet_filter(filters, outgoing=outgoing), outgoing)
        except OSError:
            self._socket.close()
            raise
        self._head = self._block = 0
        self._rows = Rows(np.zeros(1, FRAME))
        self._fence = threading.Lock()
        self._fence.acquire()

    def _set_up(self, interface: str, slots: int, program: bytes, outgoing: bool) -> None:
        opened = self._socket
        opened.setblocking(False)
        opened.setsockopt(_PACKET, _VERSION, _TPACKET_V2)
        if not outgoing:
            opened.setsockopt(_PACKET, _IGNORE_OUTGOING, 1)
        code = ctypes.create_string_buffer(program)
        fprog = struct.pack("@HP", len(program) // INSTRUCTION_SIZE, ctypes.addressof(code))
        opened.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, fprog)
        # No larger than the interface's frames need: to read memory is what takes the time.
        frame_size = min(mtu_of(interface, opened), FD_SIZE)
        slot = _slot(frame_size)
        per_block = _BLOCK // slot.itemsize
        blocks = -(-slots // per_block)
        request = struct.pack("=4I", _BLOCK, blocks, slot.itemsize, blocks * per_block)
        opened.setsockopt(_PACKET, _RECEIVE_RING, request)
        self._memory = mmap.mmap(opened.fileno(), blocks * _BLOCK)
        self._blocks = [
            _Block(np.frombuffer(self._memory, slot, per_block, number * _BLOCK))
            for number in range(blocks)
        ]
        self.slots = blocks * per_block
        opened.bind((interface, _EVERY_PROTOCOL))

    def fileno(self) -> int:
        """Return the descriptor that is readable when there are frames."""
        return self._socket.fileno()

    def receive(self, frames: Frames) -> int:
        """Write the frames that are there into *frames*, and return how many; see `Receiver`."""
        count = self._ready(len(frames))
        if not count:
            return 0
        self._order_memory()  # the status words were read before anything else is
        if frames is not self._rows.frames:
            self._rows = Rows(frames)
        block, these = self._blocks[self._block], slice(self._head, self._head + count)
        sizes = block.sizes[these]
        self._rows.copy(count, block.frames[these])
        times = self._rows.t_ns[:count]
        np.multiply(block.seconds[these], NS_PER_S, out=times, dtype=np.int64)
        times += block.ns[these]
        self._rows.tidy(count, sizes)
        self._order_memory()  # all was read before the kernel may write there
        block.status[these] = 0
        self._head += count
        if self._head == len(block.status):
            self._head, self._block = 0, (self._block + 1) % len(self._blocks)
        return count

    def check(self) -> None:
        """Look whether the interface is still there.

        Raises:
            OSError: It is down or gone.
        """
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))

    def dropped(self) -> int:
        """Return how many frames found the ring full since the last call."""
        facts = self._socket.getsockopt(_PACKET, _STATISTICS, 8)  # and starts from 0 again
        return int(struct.unpack("=II", facts)[1])

    def close(self) -> None:
        """Give the ring back to the kernel."""
        self._socket.close()
        del self._blocks
        self._memory.close()

    def _ready(self, room: int) -> int:
        """Return how many slots from the head to its block's end are ours, at most *room*."""
        status = self._blocks[self._block].status[self._head : self._head + room]
        count = 0
        for span in _SPANS:
            part = status[count : count + span]
            if np.bitwise_and.reduce(part) & _OURS:  # of nothing it is all ones
                count += len(part)
            else:
                # Frames of several processors may become whole in another order than they came.
                count += int((part & _OURS).argmin())
                break
        return count

    def _order_memory(self) -> None:
        """Keep the processor from moving memory accesses across this point.

        Releasing a lock and taking it again does, on Arm as well; taking it and releasing it
        would not: both sides could move in between.
        """
        self._fence.release()
        self._fence.acquire()
