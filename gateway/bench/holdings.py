"""What this process holds: descriptors, threads, child processes."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.bench.outcome import plural


class LinkHoldings:
    """What came with the bench's own links when they were opened, which no test has left behind.

    Attributes:
        descriptors: Their numbers.
        threads: Those of sources that ask.
    """

    def __init__(self) -> None:
        self.descriptors: set[int] = set()
        self.threads: set[threading.Thread] = set()

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Add what is opened and started while the block lasts."""
        before, running = descriptors().keys(), set(threading.enumerate())
        try:
            yield
        finally:
            self.descriptors |= descriptors().keys() - before
            self.threads |= set(threading.enumerate()) - running


class Holdings:
    """What there is at this moment."""

    def __init__(self) -> None:
        self._descriptors = descriptors()
        self._threads = set(threading.enumerate())
        self._children = _children()

    def beyond(self, before: Holdings, *links: LinkHoldings) -> list[str]:
        """Return what there is more than *before*, a line each kind.

        Args:
            before: What there was.
            links: What does not count.
        """
        found = self._beyond(before, links)
        if found:
            # What only waits for the collector is no leak; it takes too long to do it each time.
            gc.collect()
            found = Holdings()._beyond(before, links)
        return found

    def _beyond(self, before: Holdings, links: Collection[LinkHoldings]) -> list[str]:
        lines = []
        ours = set().union(*(each.descriptors for each in links))
        new = {
            number: target
            for number, target in self._descriptors.items()
            if before._descriptors.get(number) != target and number not in ours
        }
        if new:
            shown = ", ".join(f"{number} ({target})" for number, target in new.items())
            lines.append(f"left open: {plural(len(new), 'descriptor')}: {shown}")
        if threads := self._threads.difference(before._threads, *(each.threads for each in links)):
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


def _children() -> set[int]:
    pid = os.getpid()
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
