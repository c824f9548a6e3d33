"""Outputs that take lines: what they share, and the plainest of them, a stream."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from itertools import islice

PENDING_LINES = 100_000
"""How many lines may wait: an hour of thirty events a second, some 30 MB."""

BATCH_LINES = 1_000
"""How many lines are written at once, so that a failure has little to do again."""


class LineOutput(ABC):
    """Somewhere that lines go, in order, and that may fail for a while.

    A failure stops nothing: the lines wait in memory and each `write` tries again. When too many
    wait, newer ones are lost, so that what is written has one gap.
    ``received == written + pending + lost``.

    Args:
        limit: How many lines may wait.

    Attributes:
        written: Lines that are where they should be.
        lost: Lines that never will be.
        error: What keeps lines waiting, as the system calls it; "" while all is well.
    """

    def __init__(self, limit: int = PENDING_LINES) -> None:
        self.written = 0
        self.lost = 0
        self.error = ""
        self._limit = limit
        self._pending: deque[bytes] = deque()

    @property
    def pending(self) -> int:
        """How many lines wait."""
        return len(self._pending)

    def write(self, lines: Iterable[bytes] = ()) -> bool:
        """Put *lines* out, after those that wait from before.

        Args:
            lines: Each with its line feed. None of them tries the waiting ones again.

        Returns:
            True once all of them are where they should be. False if some wait, see `error`.
        """
        for line in lines:
            if len(self._pending) < self._limit:
                self._pending.append(line)
            else:
                self.lost += 1
        try:
            while self._pending:
                batch = list(islice(self._pending, BATCH_LINES))
                self._append(b"".join(batch))
                self.written += len(batch)
                for _ in batch:
                    self._pending.popleft()
        except OSError as error:
            self.error = error.strerror or str(error)
            return False
        self.error = ""
        return True

    def mark(self) -> int:
        """Return where the next line will stand, for `lines_since`; 0 where nobody can tell."""
        return 0

    def lines_since(self, mark: int) -> list[bytes]:  # noqa: ARG002 - this one cannot tell
        """Return the lines written since *mark*, as far as they can be read back."""
        return []

    def close(self) -> None:
        """Try the waiting lines once more; those that even then find no room are lost."""
        self.write()
        self.lost += len(self._pending)
        self._pending.clear()

    @abstractmethod
    def _append(self, data: bytes) -> None:
        """Put out *data*, some whole lines, entirely.

        Raises:
            OSError: It did not work. The next call's data begins with the same bytes.
        """


class LineStream(LineOutput):
    """Lines to standard output, a pipe or a terminal, each batch at once.

    When the reader of a pipe goes away (``gateway run --alarms - | head``) that is the end,
    quietly: what still comes is counted as lost.

    Args:
        fd: The descriptor, open for writing; it stays its owner's.
        limit: How many lines may wait.

    Attributes:
        ended: Whether the reader has gone away.
    """

    def __init__(self, fd: int, limit: int = PENDING_LINES) -> None:
        super().__init__(limit)
        self.ended = False
        self._fd = fd
        self._sent = 0

    def write(self, lines: Iterable[bytes] = ()) -> bool:
        """See `LineOutput.write`."""
        done = super().write(lines)
        if self.ended:
            self.error = ""  # nothing waits
            self.lost += len(self._pending)
            self._pending.clear()
        return done

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            # A stream takes nothing back, so after a failure it goes on in mid-line.
            while self._sent < len(view):
                self._sent += os.write(self._fd, view[self._sent :])
        except BrokenPipeError:
            self.ended = True
            raise
        self._sent = 0
