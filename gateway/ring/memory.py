"""Memory that several processes see, and that has no name which could be left behind."""

from __future__ import annotations

import ctypes
import mmap
import os
from multiprocessing import context, reduction
from typing import Any

from gateway.ring.words import words_over, words_size


class SharedMemory:
    """Zeroed memory shared with the children: by fork, or passed to a multiprocessing child.

    It goes when the last process that maps it has gone, however that ended: a memfd has no name,
    so there is nothing to unlink, no resource tracker, and nothing that a logout removes.

    Args:
        header_size: Bytes at the start that are also to be had as `words`, a multiple of 64.
        size: Bytes in all that `bytes` has.

    Attributes:
        bytes: The memory. Assigning a slice copies from any buffer of that size; reading a slice
            returns a copy.
        words: The header as 64-bit words.

    Raises:
        OSError: There is not as much memory. It is all taken here, since a page that cannot be had
            later on would be a SIGBUS.
    """

    def __init__(self, header_size: int, size: int) -> None:
        descriptor = os.memfd_create("gateway-ring", os.MFD_CLOEXEC)
        try:
            os.posix_fallocate(descriptor, 0, size + words_size(header_size))
            self._map(descriptor, header_size, size)
        except BaseException:
            os.close(descriptor)
            raise

    def _map(self, descriptor: int, header_size: int, size: int) -> None:
        self._descriptor = descriptor
        self._sizes = header_size, size
        self.bytes = mmap.mmap(descriptor, size + words_size(header_size))
        view = memoryview(self.bytes)
        self.words = words_over(view[:header_size], view[size:])
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self.bytes))

    def address(self, offset: int) -> int:
        """Return where in this process's memory the byte at *offset* is."""
        return self._address + offset

    def close(self) -> None:
        """Close the descriptor; the mapping goes with the last who refers to `bytes` or `words`."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            del self.bytes, self.words

    def __getstate__(self) -> dict[str, Any]:
        context.assert_spawning(self)
        return {"descriptor": reduction.DupFd(self._descriptor), "sizes": self._sizes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._map(state["descriptor"].detach(), *state["sizes"])
