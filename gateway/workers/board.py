"""The board: a row of shared memory for each process, in which it says how it is.

A row is written by its own process alone and read by the supervisor. Its numbers are naturally
aligned 64-bit words, of which another process never sees a half (on a 32-bit Arm such a store is
two; there the numbers of a row are for people to look at, nothing is decided on them but the
heartbeat, which a tear cannot make older than it is by more than four seconds). The facts, a JSON
object, are guarded by a robust lock, so that a process killed while it writes them blocks nobody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from gateway.errors import LockHeld
from gateway.ring.lock import RobustLock
from gateway.ring.memory import SharedMemory

FACTS_SIZE = 8 << 10
"""Bytes kept for the JSON of one row; what is longer is replaced by a note that it is."""

_LOCK_SIZE = 64  # a cache line, see RobustLock
_NUMBERS = {
    "pid": 0,
    "state": 1,
    "heartbeat_ns": 2,
    "received": 3,
    "delivered": 4,
    "lost": 5,
    "produced": 6,
    "facts_length": 7,
}
_FACTS_AT = _LOCK_SIZE + 8 * len(_NUMBERS)
_ROW_SIZE = _FACTS_AT + FACTS_SIZE


class RowState(IntEnum):
    """What a process says of itself."""

    STARTING = 0
    READY = 1
    """Waits for the start signal."""
    RUNNING = 2
    WAITING = 3
    """Its device is away; it tries again."""
    DONE = 4
    """It reached the end of its stream and left in order."""


class Numbers:
    """The numbers of a row by their names, such as ``numbers["received"]``.

    Not a numpy record: each access to one of its fields costs five times as much.
    """

    def __init__(self, words: memoryview) -> None:
        self._words = words

    def __getitem__(self, name: str) -> int:
        number: int = self._words[_NUMBERS[name]]
        return number

    def __setitem__(self, name: str, number: int) -> None:
        self._words[_NUMBERS[name]] = number


class Row:
    """One process's row. Its own process writes; the supervisor only reads.

    Args:
        memory: Where the rows are.
        offset: The row's first byte there; a multiple of 64.

    Attributes:
        numbers: Its numbers; assign them directly.
    """

    def __init__(self, memory: SharedMemory, offset: int) -> None:
        view = memoryview(memory.bytes)[offset : offset + _ROW_SIZE]
        self.numbers = Numbers(view[_LOCK_SIZE:_FACTS_AT].cast("q"))
        self._facts = view[_FACTS_AT:]
        self._lock = RobustLock(memory, offset, create=True)
        self._last_read: dict[str, Any] = {}

    @property
    def state(self) -> RowState:
        """What the process last said of itself."""
        return RowState(self.numbers["state"])

    @state.setter
    def state(self, state: RowState) -> None:
        self.numbers["state"] = state

    def beat(self, now_ns: int) -> None:
        """Tell the supervisor that the process's loop goes round."""
        self.numbers["heartbeat_ns"] = now_ns

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Replace the row's facts: anything JSON can hold, up to `FACTS_SIZE` bytes."""
        text = json.dumps(facts).encode()
        if len(text) > FACTS_SIZE:
            text = json.dumps({"note": f"{len(text)} bytes of facts do not fit"}).encode()
        self._lock.acquire()
        try:
            self._facts[: len(text)] = text
            self.numbers["facts_length"] = len(text)
        finally:
            self._lock.release()

    def read_facts(self) -> dict[str, Any]:
        """Return the facts last written; empty before the first, or if a kill tore them.

        If the row's process was stopped while it wrote them: those that were read before.
        """
        try:
            self._lock.acquire()
        except LockHeld:
            return self._last_read
        try:
            text = bytes(self._facts[: self.numbers["facts_length"]])
        finally:
            self._lock.release()
        try:
            self._last_read = json.loads(text) if text else {}
        except ValueError:
            return {}
        return self._last_read


class Board:
    """The rows of all processes, in shared memory that forked children inherit.

    Args:
        names: The processes' names, a row each.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._memory = SharedMemory(0, _ROW_SIZE * len(names))
        self._rows = {
            name: Row(self._memory, index * _ROW_SIZE) for index, name in enumerate(names)
        }

    def __getitem__(self, name: str) -> Row:
        return self._rows[name]

    def close(self) -> None:
        """Let go of the memory; it goes when nobody has a row of it any more."""
        self._rows.clear()
        self._memory.close()
        del self._memory
