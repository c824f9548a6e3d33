"""A process and the one that started it: told when all is ready, and not outlived."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys

from firmware_sim.errors import SimError

_ORPHANED = "the parent process ended while this one started"
_PR_SET_PDEATHSIG = 1
# Looked up here: between fork and exec there is no place for it.
_LIBC = ctypes.CDLL(None, use_errno=True)


def signal_when_parent_ends() -> bool:
    """Have the kernel send this process SIGTERM when its parent ends; return whether it will."""
    return bool(_LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) == 0)


def stop_with_parent() -> None:
    """Have the kernel send this process SIGTERM when its parent ends.

    Raises:
        SimError: The parent has ended already, or the kernel cannot.
    """
    parent = os.getppid()
    if not signal_when_parent_ends():
        raise SimError(f"cannot watch the parent process: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        raise SimError(_ORPHANED)


def announce(fd: int, *, die_with_parent: bool = False) -> None:
    """Write READY to descriptor *fd*, and close it.

    Raises:
        SimError: *die_with_parent*, and nobody reads it any more: the parent ended so early that
            `stop_with_parent` took its successor for it.
    """
    try:
        os.write(fd, b"READY\n")
        os.close(fd)
    except OSError as error:
        if die_with_parent and error.errno == errno.EPIPE:
            raise SimError(_ORPHANED) from None
        print(f"firmware-sim: descriptor {fd}: {error.strerror}", file=sys.stderr)
