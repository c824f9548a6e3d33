"""What each way of getting frames out of the kernel promises, and what they have in common."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.record import FRAME, FrameFlag, Frames, Origin

Times = NDArray[np.int64]
"""Nanoseconds, one for each frame."""

CLASSIC_SIZE = 16
"""sizeof(struct can_frame), <linux/can.h>."""
FD_SIZE = 72
"""sizeof(struct canfd_frame)."""

BEGIN = FRAME.fields["can_id"][1]  # type: ignore[index]
"""Where in a `FRAME` the kernel's own struct begins."""

_KEPT = (np.arange(64) < np.arange(65)[:, None]).astype(np.uint8) * 255
KEEP = _KEPT.view(np.uint64)
"""For each length, as eight words: the bits of the data that belong to a frame so long."""
_KEEP_CLASSIC = KEEP[:, 0].copy()

_HEAD = np.zeros(2, FRAME)
_HEAD["can_id"][0], _HEAD["len"][0] = 0xFFFF_FFFF, 0xFF
_HEAD["origin"][1] = Origin.KERNEL
_KEEP_HEAD, _SET_HEAD = _HEAD.view(np.uint64).reshape(2, -1)[:, 1]
"""The word before the data: keep id and length alone, and say who stamped it."""

# As plain numbers: numpy takes 10 us to make one of an IntFlag.
_FD = int(FrameFlag.FD)
_TRANSMITTED = np.uint8(FrameFlag.TRANSMITTED)
_FLAGS_ON_THE_BUS = int(FrameFlag.BIT_RATE_SWITCH | FrameFlag.ERROR_STATE)


class Receiver(Protocol):
    """An open way to get frames from one interface.

    Attributes:
        tier: What this way is called in the gateway's status.
        room: About how many frames the kernel keeps while nobody reads.
        hardware_ns: The controller's own times of the frames received last, 0 for a frame that it
            did not stamp; None where there are none.
    """

    tier: str
    room: int
    hardware_ns: Times | None

    def fileno(self) -> int:
        """The descriptor that is readable when frames are there."""
        ...

    def receive(self, frames: Frames) -> int:
        """Write the frames that are there into *frames*, and return how many. Does not wait.

        ``t_ns`` is the wall-clock time at which the kernel saw the frame; ``origin`` is KERNEL, or
        USER where it did not say.

        Raises:
            OSError: The interface is down or gone; all frames from before that were received.
        """
        ...

    def dropped(self) -> int:
        """Return how many frames found no room since the last call, up to this moment."""
        ...

    def close(self) -> None:
        """Let go of the interface."""
        ...


_REST = np.dtype("V56")
_NO_REST = np.zeros((), _REST)
"""The data of a frame but for the first 8 bytes: as one item it is written faster than as seven."""

_largest = np.maximum.reduce  # what .max() calls, after a microsecond of asking around
_smallest = np.minimum.reduce


class Rows:
    """Looks into an array of frames. To make them takes longer than to use them, so keep them.

    Args:
        frames: Contiguous, such as every array that numpy has made.

    Attributes:
        words: All of it in words of 64 bits, a row a frame.
        t_ns: Its times.
        length: The lengths.
    """

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.words = frames.view(np.uint64).reshape(len(frames), -1)
        self.t_ns = frames["t_ns"]
        self.length = frames["len"]
        self._flags = frames["flags"]
        self._head = self.words[:, 1]
        self._first = self.words[:, 2]
        self._rest = self.words[:, 3:].view(_REST)[:, 0]
        self._data = self.words[:, 2:]
        self._classic = self.words[:, 1:3].view(f"V{CLASSIC_SIZE}")[:, 0]
        self._whole = self.words[:, 1:].view(f"V{FD_SIZE}")[:, 0]

    def copy(self, count: int, raw: NDArray[np.void]) -> None:
        """Write the kernel's structs, all of one size, at `BEGIN` of the first *count*."""
        (self._classic if raw.dtype == self._classic.dtype else self._whole)[:count] = raw

    def tidy(self, count: int, sizes: NDArray[np.integer]) -> None:
        """Make whole frames of what the kernel wrote at `BEGIN` of the first *count*.

        Args:
            count: At least 1.
            sizes: How many bytes it wrote for each, `CLASSIC_SIZE` or `FD_SIZE`; behind a classic
                frame is still what was there before.
        """
        head, length = self._head[:count], self.length[:count]
        if _largest(sizes) == CLASSIC_SIZE:
            if _largest(length) > 8:  # only somebody who writes past the CAN stack can do that
                np.minimum(length, 8, out=length)
            head &= _KEEP_HEAD
            head |= _SET_HEAD
            if _smallest(length) < 8:
                self._first[:count] &= _KEEP_CLASSIC[length]
            self._rest[:count] = _NO_REST
            return
        is_fd = sizes == FD_SIZE
        np.minimum(length, np.where(is_fd, 64, 8), out=length, casting="unsafe")
        flags = self._flags[:count] & _FLAGS_ON_THE_BUS
        head &= _KEEP_HEAD
        head |= _SET_HEAD
        self._flags[:count] = np.where(is_fd, flags | _FD, 0)
        self._data[:count] &= KEEP[length]

    def mark_sent(self, sent: NDArray[np.bool_]) -> None:
        """Say of those of the first frames that this host has sent them."""
        self._flags[: len(sent)] |= sent * _TRANSMITTED
