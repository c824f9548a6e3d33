"""Onto a CAN interface of the kernel."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Collection

import numpy as np

from gateway.config.model import CanConfig
from gateway.errors import LinkError, LinkLostError
from gateway.record import CanId, FrameFlag, Frames

# <linux/can.h>, <linux/can/raw.h>, <linux/can/error.h>
_CAN_MTU, _CANFD_MTU = 16, 72
_SOL_CAN_RAW = 101
_CAN_RAW_FILTER, _CAN_RAW_ERR_FILTER, _CAN_RAW_RECV_OWN_MSGS, _CAN_RAW_FD_FRAMES = 1, 2, 4, 5
_CAN_SFF_MASK, _CAN_EFF_MASK = 0x7FF, 0x1FFFFFFF
_CAN_ERR_BUSOFF, _CAN_ERR_RESTARTED = 0x40, 0x100
_MSG_CONFIRM = 0x800

_FULL = {errno.ENOBUFS, errno.EAGAIN}
_FRAME_BEGINS = 8
"""Where in a `FRAME` the kernel's struct canfd_frame begins, of which can_frame is the start."""


class SocketCanWriter:
    """The `FrameWriter` of ``interface = "socketcan"``.

    The kernel gives a frame back to the socket that sent it when the controller has sent it
    (CAN_RAW_RECV_OWN_MSGS, told by MSG_CONFIRM); before that it may lie in the interface's queue
    for as long as nobody acknowledges it. All else that it could receive is filtered out, but for
    the ids that it sends itself, and the news that the controller left the bus or was restarted:
    then the driver has thrown away what it had.

    Args:
        config: The interface.
        can_ids: What it will have to send.
    """

    confirms = True

    def __init__(self, config: CanConfig, can_ids: Collection[int]) -> None:
        self._config = config
        self._filters = b"".join(map(_filter, sorted(set(can_ids))))
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """See `FrameWriter`."""
        self.close()
        try:
            bus = socket.socket(socket.AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 1)
        except OSError as error:
            raise LinkError(f"{self._where}: this kernel has no CAN ({error.strerror})") from error
        try:
            bus.setsockopt(_SOL_CAN_RAW, _CAN_RAW_FILTER, self._filters)
            errors = struct.pack("=I", _CAN_ERR_BUSOFF | _CAN_ERR_RESTARTED)
            bus.setsockopt(_SOL_CAN_RAW, _CAN_RAW_ERR_FILTER, errors)
            bus.setsockopt(_SOL_CAN_RAW, _CAN_RAW_RECV_OWN_MSGS, 1)
            bus.setsockopt(_SOL_CAN_RAW, _CAN_RAW_FD_FRAMES, int(self._config.fd))
            bus.bind((self._config.channel,))
            # An interface that is down can be bound to; the socket is told so at once.
            code = bus.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError as error:
            bus.close()
            raise LinkError(f"{self._where}: {_reason(error)}") from error
        if code:
            bus.close()
            raise LinkError(f"{self._where}: {os.strerror(code).lower()}")
        self._socket = bus

    def close(self) -> None:
        """See `FrameWriter`."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def fileno(self) -> int | None:
        """See `FrameWriter`."""
        return None if self._socket is None else self._socket.fileno()

    def write(self, frame: Frames) -> bool:
        """See `FrameWriter`."""
        size = _CANFD_MTU if frame["flags"][0] & FrameFlag.FD else _CAN_MTU
        data = frame.view(np.uint8).data[_FRAME_BEGINS : _FRAME_BEGINS + size]
        try:
            self._open().send(data)
        except OSError as error:
            # ENOBUFS: the interface's queue is full, which no poll tells the end of.
            if error.errno in _FULL:
                return False
            raise LinkLostError(f"{self._where}: {_reason(error)}") from error
        return True

    def poll(self) -> int:
        """See `FrameWriter`."""
        own = 0
        while True:
            try:
                data, _, flags, _ = self._open().recvmsg(_CANFD_MTU)
            except BlockingIOError:
                return own
            except OSError as error:
                raise LinkLostError(f"{self._where}: {_reason(error)}") from error
            (can_id,) = struct.unpack_from("=I", data)
            if can_id & CanId.ERROR:
                off = can_id & _CAN_ERR_BUSOFF
                what = "the controller is off the bus" if off else "the controller was restarted"
                raise LinkLostError(f"{self._where}: {what}")
            own += bool(flags & _MSG_CONFIRM)

    @property
    def _where(self) -> str:
        return f"socketcan {self._config.channel}"

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise LinkLostError(f"{self._where} is not open")
        return self._socket


def _filter(can_id: int) -> bytes:
    """Return a struct can_filter for data frames with exactly this id."""
    mask = _CAN_EFF_MASK if can_id & CanId.EXTENDED else _CAN_SFF_MASK
    return struct.pack("=II", can_id, mask | CanId.EXTENDED | CanId.REMOTE)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
