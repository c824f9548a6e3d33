"""recvmmsg(2): many frames a system call, written by the kernel straight into the array."""

from __future__ import annotations

import ctypes
import errno
import os
import socket

import numpy as np

from gateway.clock import NS_PER_S, Clock
from gateway.record import FRAME, Frames, Origin
from gateway.sources.readers.filters import FrameFilters
from gateway.sources.readers.socketcan.raw_socket import RawSocket
from gateway.sources.readers.socketcan.receiver import BEGIN, FD_SIZE, Rows, Times

MOST = 1024
"""Frames of one call at most: what is done for a call, not for a frame, weighs little then, and
what the kernel has written is still in the processor's cache."""

_DO_NOT_WAIT = int(socket.MSG_DONTWAIT)
_SENT_HERE = int(socket.MSG_DONTROUTE | socket.MSG_CONFIRM)
"""By another program of this host, or by this very socket."""


class _Vector(ctypes.Structure):  # struct iovec
    _fields_ = (("base", ctypes.c_size_t), ("size", ctypes.c_size_t))


class _Header(ctypes.Structure):  # struct msghdr, as in glibc
    _fields_ = (
        ("name", ctypes.c_size_t),
        ("name_size", ctypes.c_uint32),
        ("vectors", ctypes.c_size_t),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_size_t),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):  # struct mmsghdr
    _fields_ = (("header", _Header), ("size", ctypes.c_uint))


def _control(stamps: int) -> np.dtype[np.void]:
    """Return the one control message that comes with each frame: so many struct timespec."""
    header = [("size", np.uintp), ("level", np.int32), ("kind", np.int32)]
    return np.dtype([*header, ("stamps", np.int64, (stamps, 2))], align=True)


class BatchReceiver:
    """The `Receiver` that needs no privilege.

    Args:
        interface: Such as "can0".
        clock: For the rare frame without a stamp.
        filters: What alone is to come; None for everything.
        hardware_times: Whether the controller stamps frames.

    Raises:
        OSError: The interface, or recvmmsg, is not to be had.
    """

    tier = "recvmmsg"

    def __init__(
        self,
        interface: str,
        clock: Clock,
        filters: FrameFilters | None = None,
        *,
        hardware_times: bool,
    ) -> None:
        try:
            # PyDLL keeps the GIL: the call never blocks, and giving it up takes longer.
            self._recvmmsg = ctypes.PyDLL(None, use_errno=True).recvmmsg
        except AttributeError:
            raise OSError(errno.ENOSYS, "the C library has no recvmmsg") from None
        self._clock = clock
        self.hardware_ns: Times | None = None
        self._raw = RawSocket(interface, filters, hardware_times=hardware_times)
        self.room = self._raw.room
        self._descriptor = self._raw.socket.fileno()
        self._error: OSError | None = None
        # <linux/errqueue.h> scm_timestamping: software, nothing, hardware.
        control = _control(3 if hardware_times else 1)
        self._vectors = np.zeros(MOST, np.dtype(_Vector))
        self._vectors["size"] = FD_SIZE
        self._controls = np.zeros(MOST, control)
        self._messages = np.zeros(MOST, np.dtype(_Message))
        headers = self._messages["header"]
        headers["vectors"] = _addresses(self._vectors)
        headers["vector_count"] = 1
        headers["control"] = _addresses(self._controls)
        headers["control_size"] = control.itemsize
        self._control_sizes = headers["control_size"]
        self._flags = headers["flags"]
        self._sizes = self._messages["size"]
        stamps = self._controls["stamps"]
        self._seconds, self._ns = stamps[:, 0, 0], stamps[:, 0, 1]
        self._hardware = stamps[:, 2] if hardware_times else None
        self._first = ctypes.c_void_p(self._messages.ctypes.data)
        self._rows = Rows(np.zeros(1, FRAME))

    def fileno(self) -> int:
        """See `Receiver`."""
        return self._descriptor

    def receive(self, frames: Frames) -> int:
        """See `Receiver`."""
        if frames is not self._rows.frames:
            self._rows = Rows(frames)
            many = min(len(frames), MOST)
            self._vectors["base"][:many] = _addresses(frames)[:many] + BEGIN
        count = self._call(min(len(frames), MOST))
        if count <= 0:
            if self._error:
                raise self._error
            return 0
        self._complete(count)
        return count

    def dropped(self) -> int:
        """See `Receiver`."""
        return self._raw.dropped()

    def close(self) -> None:
        """See `Receiver`."""
        self._raw.socket.close()

    def _call(self, room: int) -> int:
        """Have the kernel fill in up to *room* messages; return how many, -1 if there are none."""
        while True:
            count: int = self._recvmmsg(self._descriptor, self._first, room, _DO_NOT_WAIT, None)
            if count >= 0:
                return count
            number = ctypes.get_errno()
            if number == errno.EAGAIN:
                return -1
            # The kernel tells of a link's end once, ahead of the frames that came before it. So
            # those first.
            if number != errno.EINTR:
                if self._error:
                    return -1
                self._error = OSError(number, os.strerror(number))

    def _complete(self, count: int) -> None:
        rows = self._rows
        rows.tidy(count, self._sizes[:count])
        flags = self._flags[:count]
        if np.bitwise_or.reduce(flags) & _SENT_HERE:
            rows.mark_sent(flags & _SENT_HERE != 0)
        times = rows.t_ns[:count]
        np.multiply(self._seconds[:count], NS_PER_S, out=times)
        times += self._ns[:count]
        if self._hardware is not None:
            hardware = self._hardware[:count]
            self.hardware_ns = hardware[:, 0] * NS_PER_S + hardware[:, 1]
        control_sizes = self._control_sizes[:count]
        if np.minimum.reduce(control_sizes) < self._controls.itemsize:
            stamped = control_sizes == self._controls.itemsize
            times[~stamped] = self._clock.wall_ns()
            rows.frames["origin"][:count][~stamped] = Origin.USER
            if self.hardware_ns is not None:
                self.hardware_ns[~stamped] = 0
            control_sizes[:] = self._controls.itemsize


def _addresses(array: np.ndarray) -> np.ndarray:
    """Return where each item of *array* is in memory."""
    return np.arange(len(array), dtype=np.uintp) * array.itemsize + array.ctypes.data
