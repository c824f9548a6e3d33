"""A starting gate for processes."""

from __future__ import annotations

import os

from gateway.ring.event import Event


class StartGate:
    """Lets processes begin together. None of them can jam it by dying.

    Each process calls `wait`; who started them calls `arrived` until all are there (or dead, which
    it sees by other means), and then `open`. The gate stays open: who comes later walks through.
    Shared with the children: by fork, or passed to a multiprocessing child.
    """

    def __init__(self) -> None:
        self._arrival = Event()
        self._open = Event()
        self._count = 0

    def wait(self, timeout_ns: int | None = None) -> bool:
        """Arrive, and wait until the gate opens; return False if *timeout_ns* passed first."""
        self._arrival.set()
        return self._open.wait(timeout_ns)

    def arrived(self, timeout_ns: int | None = 0) -> int:
        """Return how many have arrived so far, after waiting for one more up to *timeout_ns*.

        Only for the one process that opens the gate.
        """
        if self._arrival.wait(timeout_ns):
            self._count += os.eventfd_read(self._arrival.fileno())
        return self._count

    def open(self) -> None:
        """Let everybody go."""
        self._open.set()

    def close(self) -> None:
        """Close this process's descriptors."""
        self._arrival.close()
        self._open.close()
