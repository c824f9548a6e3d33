"""What every test stands on: it leaves nothing behind, and fails itself if it does."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def _children() -> set[int]:
    pid = os.getpid()
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def _descriptors() -> dict[int, str]:
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[int(entry.name)] = os.readlink(entry)
        except FileNotFoundError:
            continue  # the descriptor with which the folder itself is being read
    return found


def _named_memory() -> set[Path]:
    # What Python's own shared memory would leave; the folder is the whole machine's, and other
    # programs come and go in it.
    return set(Path("/dev/shm").glob("psm_*"))


@pytest.fixture(autouse=True)
def nothing_leaks():
    """Fail the test that leaks, not the innocent one that runs next."""
    before = _named_memory(), set(threading.enumerate()), _descriptors(), _children()

    def leaks() -> dict[str, object]:
        found = {
            "processes": _children() - before[3],
            "threads": set(threading.enumerate()) - before[1],
            "shared memory": _named_memory() - before[0],
            "descriptors": {fd: to for fd, to in _descriptors().items() if before[2].get(fd) != to},
        }
        return {what: left for what, left in found.items() if left}

    yield
    if leaks():
        # What only waits for the collector is no leak; collecting after each test would take
        # longer than most tests.
        for child in multiprocessing.active_children():
            child.join(0)
        gc.collect()
        left = leaks()
        assert not left, f"left behind: {left}"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings; the test is skipped, with the reason, where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the real recordings are not here ({SHARED})")
    return SHARED
