"""What `ipc.py` measures: a way to move records between processes.

Each is used as its own documentation would have it, at its best for this job: no pickling where it
can be had without, a batch as one message, a lock only where it is needed.
"""

# Not every channel has anything to do at its end.
# ruff: noqa: B027

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

RECORD = np.dtype([("t_ns", "i8"), ("value", "f8"), ("key", "u8"), ("more", "u8", (3,))])
CAPACITY = 1 << 15
"""Records under way at most from a producer, where that can be chosen: the gateway's default."""

Send = Callable[[], object]
Receive = Callable[[], int]


class Channel(ABC):
    """One way of moving batches of *size* records. Made before its processes are forked.

    Attributes:
        is_shared: Any consumer takes any batch, until it finds an end mark. Otherwise producer p
            sends to consumer p modulo the number of consumers.
    """

    name = ""
    is_shared = False

    def __init__(self, producers: int, consumers: int, size: int) -> None:
        self.producers, self.consumers, self.size = producers, consumers, size
        self.depth = max(CAPACITY // size, 8)
        self.records = np.zeros(size, RECORD)
        self.records["key"] = np.arange(size) % 256
        self.blob = self.records.tobytes()
        self.stack = ExitStack()

    @classmethod
    def refuses(cls, producers: int, consumers: int, size: int) -> str:  # noqa: ARG003
        """Why it cannot do that at all; "" if it can."""
        return ""

    @abstractmethod
    def sender(self, producer: int) -> Send:
        """In a producer: return what sends one batch."""

    def flush(self) -> None:
        """In a producer: everything has been given to `sender`'s function."""

    @abstractmethod
    def receiver(self, consumer: int) -> Receive:
        """In a consumer: return what waits for a batch, copies it, returns its size (0: end)."""

    def leave(self) -> None:
        """In a producer or consumer, at its end: leave nothing behind."""

    def send_ends(self) -> None:
        """In the parent, for a shared channel, when all is sent: one end mark a consumer."""

    def close(self) -> None:
        """In the parent, at the end."""
        self.stack.close()
