"""recvmsg(2): one system call a frame. For a C library without recvmmsg, and to compare."""

from __future__ import annotations

import socket
import struct

import numpy as np

from gateway.clock import NS_PER_S, Clock
from gateway.record import FRAME, Frames, Origin
from gateway.sources.readers.filters import FrameFilters
from gateway.sources.readers.socketcan.raw_socket import RawSocket
from gateway.sources.readers.socketcan.receiver import BEGIN, FD_SIZE, Rows, Times

_STAMP = struct.Struct("=qq")
_STAMPS = struct.Struct("=qqqqqq")
_ANCILLARY = socket.CMSG_SPACE(_STAMPS.size)


class SingleReceiver:
    """The `Receiver` that works wherever Python has CAN sockets; a few Python objects a frame.

    Args:
        interface: Such as "can0".
        clock: For the rare frame without a stamp.
        filters: What alone is to come; None for everything.
        hardware_times: Whether the controller stamps frames.

    Raises:
        OSError: The interface is not to be had.
    """

    tier = "recvmsg"

    def __init__(
        self,
        interface: str,
        clock: Clock,
        filters: FrameFilters | None = None,
        *,
        hardware_times: bool,
    ) -> None:
        self._clock = clock
        self.hardware_ns: Times | None = None
        self._with_hardware = hardware_times
        self._raw = RawSocket(interface, filters, hardware_times=hardware_times)
        self.room = self._raw.room
        self._error: OSError | None = None

    def fileno(self) -> int:
        """See `Receiver`."""
        return self._raw.socket.fileno()

    def receive(self, frames: Frames) -> int:
        """See `Receiver`."""
        rows: list[tuple[int, bool, int, int]] = []
        memory = frames.view(np.uint8).data
        while len(rows) < len(frames):
            begin = len(rows) * FRAME.itemsize + BEGIN
            try:
                size, control, flags, _ = self._raw.socket.recvmsg_into(
                    [memory[begin : begin + FD_SIZE]], _ANCILLARY
                )
            except BlockingIOError:
                break
            except OSError as error:
                # Told once, ahead of the frames that came before it. So those first.
                if self._error:
                    break
                self._error = error
                continue
            sent_here = bool(flags & (socket.MSG_DONTROUTE | socket.MSG_CONFIRM))
            rows.append((size, sent_here, *self._stamps(control)))
        if not rows:
            if self._error:
                raise self._error
            return 0
        sizes, sent, wall_ns, hardware_ns = zip(*rows, strict=True)
        tidied = Rows(frames)
        tidied.tidy(len(rows), np.array(sizes))
        tidied.mark_sent(np.array(sent))
        frames = frames[: len(rows)]
        frames["t_ns"] = wall_ns
        frames["origin"][frames["t_ns"] == 0] = Origin.USER
        frames["t_ns"][frames["t_ns"] == 0] = self._clock.wall_ns()
        if self._with_hardware:
            self.hardware_ns = np.array(hardware_ns, np.int64)
        return len(rows)

    def dropped(self) -> int:
        """See `Receiver`."""
        return self._raw.dropped()

    def close(self) -> None:
        """See `Receiver`."""
        self._raw.socket.close()

    def _stamps(self, control: list[tuple[int, int, bytes]]) -> tuple[int, int]:
        """Return the kernel's and the controller's time; 0 where there is none."""
        for _, _, data in control:
            if len(data) == _STAMP.size:
                seconds, ns = _STAMP.unpack(data)
                return seconds * NS_PER_S + ns, 0
            if len(data) == _STAMPS.size:
                seconds, ns, _, _, of_hardware, ns_of_hardware = _STAMPS.unpack(data)
                return seconds * NS_PER_S + ns, of_hardware * NS_PER_S + ns_of_hardware
        return 0, 0
