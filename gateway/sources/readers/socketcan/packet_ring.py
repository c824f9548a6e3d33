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
import socket
import struct
import threading

import numpy as np

from gateway.clock import NS_PER_S
from gateway.record import Frames
from gateway.sources.readers.socketcan.receiver import FD_SIZE, tidy

_EVERY_PROTOCOL = 0x0003  # ETH_P_ALL: classic and FD frames are two protocols
_PACKET = 263  # SOL_PACKET
_RECEIVE_RING = 5
_STATISTICS = 6
_VERSION = 10
_TPACKET_V2 = 1
_IGNORE_OUTGOING = 23
_ATTACH_FILTER = 26

_OURS = 1  # TP_STATUS_USER

_SLOT = np.dtype(
    {
        # struct tpacket2_hdr, then struct sockaddr_ll; where SOCK_DGRAM puts the frame is constant.
        "names": ["status", "size", "s", "ns", "protocol", "frame"],
        "formats": ["u4", "u4", "u4", "u4", ">u2", ("u8", (FD_SIZE // 8,))],
        "offsets": [0, 4, 16, 20, 34, 80],
        "itemsize": 256,
    }
)
_BLOCK = 1 << 18
"""Bytes that the kernel allocates in one piece: a multiple of every page size there is."""

_CAN = 0x000C
_CAN_FD = 0x000D
"""Ethertypes, <linux/if_ether.h>."""

_SPANS = (16, 128, 1024)
"""Slots that are looked at in one go: few first, each look at a slot being a cache line."""

# <linux/filter.h>: A = packet type; if it is PACKET_OUTGOING, keep all of the packet, else nothing.
_ONLY_OUTGOING = struct.pack(
    "=HBBI HBBI HBBI HBBI",
    *(0x20, 0, 0, 0xFFFFF004),
    *(0x15, 0, 1, 4),
    *(0x06, 0, 0, 0xFFFFFFFF),
    *(0x06, 0, 0, 0),
)


class PacketRing:
    """A ring of the frames that come in on an interface, own ones as they come back from the bus.

    Args:
        interface: Such as "can0".
        slots: How many frames it holds; a multiple of 1,024.
        outgoing: Have it hold, instead, frames that this host is about to send.

    Raises:
        OSError: It cannot be had; PermissionError without CAP_NET_RAW.
    """

    def __init__(self, interface: str, slots: int, *, outgoing: bool = False) -> None:
        # No protocol yet: nothing comes in before all is set up.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        try:
            self._set_up(interface, slots, outgoing)
        except OSError:
            self._socket.close()
            raise
        self._head = 0
        self._fence = threading.Lock()
        self._fence.acquire()

    def _set_up(self, interface: str, slots: int, outgoing: bool) -> None:
        opened = self._socket
        opened.setblocking(False)
        opened.setsockopt(_PACKET, _VERSION, _TPACKET_V2)
        if outgoing:
            program = ctypes.create_string_buffer(_ONLY_OUTGOING)
            count = len(_ONLY_OUTGOING) // 8
            opened.setsockopt(
                socket.SOL_SOCKET,
                _ATTACH_FILTER,
                struct.pack("@HP", count, ctypes.addressof(program)),
            )
        else:
            opened.setsockopt(_PACKET, _IGNORE_OUTGOING, 1)
        size = slots * _SLOT.itemsize
        request = struct.pack("=4I", _BLOCK, size // _BLOCK, _SLOT.itemsize, slots)
        opened.setsockopt(_PACKET, _RECEIVE_RING, request)
        self._memory = mmap.mmap(opened.fileno(), size)
        self._slots = np.frombuffer(self._memory, _SLOT)
        opened.bind((interface, _EVERY_PROTOCOL))

    def fileno(self) -> int:
        """Return the descriptor that is readable when there are frames."""
        return self._socket.fileno()

    def receive(self, frames: Frames) -> int:
        """Write the frames that are there into *frames*; see `Receiver`.

        Raises:
            OSError: There are none, and the interface is down or gone.
        """
        count = self._ready(len(frames))
        if not count:
            number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, "the interface is down or gone")
            return 0
        self._order_memory()  # the status words were read before anything else is
        slots = self._slots[self._head : self._head + count]
        frames = frames[:count]
        sizes = slots["size"]
        into = frames.view(np.uint64).reshape(count, -1)
        words = int(sizes.max()) // 8
        into[:, 1 : 1 + words] = slots["frame"][:, :words]
        frames["t_ns"] = slots["s"] * np.int64(NS_PER_S) + slots["ns"]
        tidy(frames, sizes, np.zeros(count, np.bool_))
        self._order_memory()  # all was read before the kernel may write there
        slots["status"] = 0
        self._head = (self._head + count) % len(self._slots)
        return count

    def dropped(self) -> int:
        """Return how many frames found the ring full since the last call."""
        facts = self._socket.getsockopt(_PACKET, _STATISTICS, 8)  # and starts from 0 again
        return int(struct.unpack("=II", facts)[1])

    def close(self) -> None:
        """Give the ring back to the kernel."""
        self._socket.close()
        del self._slots
        self._memory.close()

    def _ready(self, room: int) -> int:
        """Return how many slots from the head on are ours: at most *room*, up to the ring's end."""
        status = self._slots["status"][self._head : self._head + room]
        count = 0
        for span in _SPANS:
            part = status[count : count + span] & _OURS
            ready = int(part.argmin()) if len(part) and not part.all() else len(part)
            count += ready
            if ready < span:
                break
        return count

    def _order_memory(self) -> None:
        """Keep the processor from moving memory accesses across this point.

        Releasing a lock and taking it again does, on Arm as well; taking it and releasing it
        would not: both sides could move in between.
        """
        self._fence.release()
        self._fence.acquire()
