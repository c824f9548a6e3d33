"""CAN_RAW sockets, as the gateway opens them."""

from __future__ import annotations

import contextlib
import socket
import struct

from gateway.sources.readers.filters import FrameFilters

# <linux/can/raw.h>, <asm-generic/socket.h>, <linux/sock_diag.h>, <linux/net_tstamp.h>
_FILTER = 1
_FILTER_PAIR = struct.Struct("=II")
_ERROR_FILTER = 2
_ALL_ERRORS = 0x1FFFFFFF
_RECEIVE_BUFFER_FORCE = 33
_MEMORY_FACTS = 55
_MEMORY = struct.Struct("=9I")
_DROPS = 8
TIME_STAMP = 64  # SO_TIMESTAMPNS_NEW: 64-bit seconds, on 32-bit machines too
TIME_STAMPS = 65  # SO_TIMESTAMPING_NEW
_HARDWARE_AND_SOFTWARE = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6  # RX_HARDWARE, RX_SOFTWARE, both wanted

WANTED_BUFFER = 16 << 20
"""Bytes of receive buffer asked for; the kernel doubles it for its own bookkeeping."""

BYTES_A_FRAME = 768
"""What a queued frame takes of the buffer: struct sk_buff and data, on 64-bit machines."""


class RawSocket:
    """A CAN_RAW socket that gets everything: FD frames, error frames, what this host sends.

    Args:
        interface: Such as "can0".
        filters: What alone it is to get; None for everything.
        hardware_times: Whether to ask for the controller's times, too.

    Attributes:
        socket: The socket itself; it does not block.
        room: About how many frames its receive buffer holds.

    Raises:
        OSError: It cannot be had.
    """

    def __init__(
        self, interface: str, filters: FrameFilters | None, *, hardware_times: bool
    ) -> None:
        self.socket = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        try:
            self._set_up(interface, filters, hardware_times)
        except OSError:
            self.socket.close()
            raise
        self._dropped = 0

    def _set_up(self, interface: str, filters: FrameFilters | None, hardware_times: bool) -> None:
        opened = self.socket
        opened.setblocking(False)
        with contextlib.suppress(PermissionError):
            opened.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, WANTED_BUFFER)
        if opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < WANTED_BUFFER:
            # As much as net.core.rmem_max allows.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WANTED_BUFFER)
        self.room = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // BYTES_A_FRAME
        opened.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
        opened.setsockopt(socket.SOL_CAN_RAW, _ERROR_FILTER, _ALL_ERRORS)
        if filters:
            pairs = b"".join(_FILTER_PAIR.pack(*pair) for pair in filters.pairs)
            opened.setsockopt(socket.SOL_CAN_RAW, _FILTER, pairs)
        if hardware_times:
            opened.setsockopt(socket.SOL_SOCKET, TIME_STAMPS, _HARDWARE_AND_SOFTWARE)
        else:
            opened.setsockopt(socket.SOL_SOCKET, TIME_STAMP, 1)
        opened.bind((interface,))

    def dropped(self) -> int:
        """Return how many frames found the buffer full since the last call.

        Not with SO_RXQ_OVFL: that tells of a loss with the next frame that is not lost, and after
        the end of a burst there may be none for hours.
        """
        facts = self.socket.getsockopt(socket.SOL_SOCKET, _MEMORY_FACTS, _MEMORY.size)
        total = _MEMORY.unpack(facts)[_DROPS]
        new, self._dropped = (total - self._dropped) % (1 << 32), total
        return int(new)
