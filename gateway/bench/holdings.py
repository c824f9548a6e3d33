"""What this process holds: descriptors, threads, child processes."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.bench.outcome import plural


class Holdings:
    """What there is at this moment."""

    def __init__(self) -> None:
        self._descriptors = descriptors()
        self._threads = set(threading.enumerate())
        self._children = _children()

    def beyond(self, before: Holdings, ours: Collection[int]) -> list[str]:
        """Return what there is more than *before*, a line each kind.

        Args:
            before: What there was.
            ours: Descriptors that do not count.
        """
        found = self._beyond(before, ours)
        if found:
            # What only waits for the collector is no leak; it takes too long to do it each time.
            gc.collect()
            found = Holdings()._beyond(before, ours)
        return found

    def _beyond(self, before: Holdings, ours: Collection[int]) -> list[str]:
        lines = []
        new = {
            number: target
            for number, target in self._descriptors.items()
            if before._descriptors.get(number) != target and number not in ours
        }
        if new:
            shown = ", ".join(f"{number} ({target})" for number, target in new.items())
            lines.append(f"left open: {plural(len(new), 'descriptor')}: {shown}")
        if threads := self._threads - before._threads:
            lines.append(f"still running: {plural(len(threads), 'thread')}: {_names(threads)}")
        if children := self._children - before._children:
            lines.append(
                f"still running: {plural(len(children), 'process', 'es')}: {sorted(children)}"
            )
        return lines


def _names(threads: Collection[threading.Thread]) -> str:
    return ", ".join(sorted(thread.name for thread in threads))


def descriptors() -> dict[int, str]:
    """Return what each of this process's descriptors leads to."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor with which the folder is being read
            found[int(entry.name)] = os.readlink(entry)
    return found


@contextmanager
def gathering(gained: set[int]) -> Iterator[None]:
    """Add to *gained* the descriptors that are opened while the block lasts."""
    before = descriptors()
    try:
        yield
    finally:
        gained |= descriptors().keys() - before.keys()


def _children() -> set[int]:
    pid = os.getpid()
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
