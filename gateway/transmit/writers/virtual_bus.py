"""Onto the simulated CAN bus."""

from __future__ import annotations

import socket
from collections.abc import Collection

import numpy as np

from gateway.config.model import CanConfig
from gateway.errors import LinkLostError
from gateway.record import FRAME, FrameFlag, Frames
from gateway.sources.readers.virtual_bus import join_bus

_OWN_FRAMES = 0x1
_ROOM = 1 << 16


class VirtualBusWriter:
    """The `FrameWriter` of ``interface = "firmware_sim"``.

    A node gets everybody's frames, and must take them, or it would hold up the bus. Its own come
    back, too, when they have crossed the bus.

    Args:
        config: The bus.
        can_ids: Not needed.
    """

    confirms = True

    def __init__(self, config: CanConfig, can_ids: Collection[int]) -> None:  # noqa: ARG002
        self._config = config
        self._socket: socket.socket | None = None
        self._room = np.empty(_ROOM // FRAME.itemsize, FRAME)
        self._part = b""

    def open(self) -> None:
        """See `FrameWriter`."""
        self.close()
        self._socket = join_bus(self._config.channel, f"{self._config.name}.tx", _OWN_FRAMES)

    def close(self) -> None:
        """See `FrameWriter`."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._part = None, b""

    def fileno(self) -> int | None:
        """See `FrameWriter`."""
        return None if self._socket is None else self._socket.fileno()

    def write(self, frame: Frames) -> bool:
        """See `FrameWriter`."""
        try:
            # Whole or not at all: a write this small goes into one buffer of the kernel.
            self._open().send(frame.tobytes(), socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False
        except OSError as error:
            raise self._gone(error) from error
        return True

    def poll(self) -> int:
        """See `FrameWriter`."""
        memory = self._room.view(np.uint8).data
        begin = len(self._part)
        memory[:begin] = self._part
        try:
            size = self._open().recv_into(memory[begin:])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._gone(error) from error
        if not size:
            raise self._gone()
        count, rest = divmod(begin + size, FRAME.itemsize)
        self._part = bytes(memory[begin + size - rest : begin + size])
        own = self._room["flags"][:count] & FrameFlag.TRANSMITTED
        return int(np.count_nonzero(own))

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise LinkLostError(f"simulated bus '{self._config.channel}' is not open")
        return self._socket

    def _gone(self, error: OSError | None = None) -> LinkLostError:
        why = f": {error}" if error else ""
        return LinkLostError(f"simulated bus '{self._config.channel}' is gone{why}")
