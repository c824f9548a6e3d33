"""An event that processes wait for, and that no dead process can hold."""

from __future__ import annotations

import contextlib
import os
import select
from multiprocessing import context, reduction
from typing import Any

from gateway.clock import NS_PER_MS


class Event:
    """A flag that is set or not, and that processes can wait for.

    It is an eventfd, so it has no owner and no lock inside that a killed process could keep, as
    multiprocessing.Event does; and it can be waited for in a selector together with other things.
    It stays set until somebody clears it, and wakes all who wait: it serves as a broadcast, too.
    Shared with the children: by fork, or passed to a multiprocessing child.
    """

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def set(self) -> None:
        """Set it, and wake everybody who waits for it."""
        os.eventfd_write(self._descriptor, 1)

    def clear(self) -> None:
        """Make it not set."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._descriptor)

    def is_set(self) -> bool:
        """Whether it is set."""
        return self.wait(0)

    def wait(self, timeout_ns: int | None = None) -> bool:
        """Wait until it is set, without clearing it; return False if *timeout_ns* passed first.

        Args:
            timeout_ns: Nanoseconds, of a clock that does not step; rounded up to milliseconds.
                None waits for ever.
        """
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(None if timeout_ns is None else max(timeout_ns, 0) / NS_PER_MS))

    def fileno(self) -> int:
        """The descriptor, readable while the event is set."""
        return self._descriptor

    def close(self) -> None:
        """Close this process's descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __getstate__(self) -> dict[str, Any]:
        context.assert_spawning(self)
        return {"descriptor": reduction.DupFd(self._descriptor)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._descriptor = state["descriptor"].detach()
