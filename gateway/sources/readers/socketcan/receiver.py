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


def tidy(frames: Frames, sizes: NDArray[np.integer], transmitted: NDArray[np.bool_]) -> None:
    """Make whole `FRAME`s of what the kernel wrote at `BEGIN` of each.

    Args:
        frames: As the kernel left them: behind a classic frame is what was there before.
        sizes: How many bytes it wrote, `CLASSIC_SIZE` or `FD_SIZE`.
        transmitted: Which ones this host has sent.
    """
    is_fd = sizes == FD_SIZE
    data = frames["data"].view(np.uint64)
    if is_fd.any():
        length = np.minimum(frames["len"], np.where(is_fd, 64, 8).astype(np.uint8))
        flags = frames["flags"] & (FrameFlag.BIT_RATE_SWITCH | FrameFlag.ERROR_STATE)
        frames["flags"] = np.where(is_fd, flags | FrameFlag.FD, 0)
        data &= KEEP[length]
    else:
        length = np.minimum(frames["len"], 8)
        frames["flags"] = 0  # padding in struct can_frame
        data[:, 0] &= KEEP[length, 0]
        data[:, 1:] = 0
    frames["len"] = length
    frames["flags"] |= transmitted * np.uint8(FrameFlag.TRANSMITTED)
    frames["channel"] = 0
    frames["origin"] = Origin.KERNEL
