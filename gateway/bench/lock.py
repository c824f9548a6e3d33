"""What other programs could use at the same time has one user at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateway.bench.choice import Choice
from gateway.bench.errors import BenchError


@contextmanager
def locked(choice: Choice) -> Iterator[None]:
    """Keep other runs off the bench while the block lasts; off a simulation nobody.

    A bench file is one rack whatever path leads to it, and two files of the same name are two. Of
    the kernel's interfaces each is locked by itself.

    Raises:
        BenchError: Another run has it.
    """
    # Not XDG_RUNTIME_DIR: that of a person who is logged in is not that of a runner of CI.
    folder = Path(tempfile.gettempdir())
    with ExitStack() as held:
        for part in _parts(choice):
            descriptor = _open(folder / f"gateway-bench-{part}.lock")
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(descriptor, 20, 0).decode() or "unknown"
                raise BenchError(f"--bench={choice.name} is in use by process {owner}") from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield


def _parts(choice: Choice) -> tuple[str, ...]:
    if choice.file is None:
        return choice.interfaces
    path = choice.file.resolve()
    return (f"{path.stem}-{hashlib.sha256(bytes(path)).hexdigest()[:12]}",)


def _open(path: Path) -> int:
    """Open the lock file *path*, which may be another user's, and let every user do so."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            # With O_CREAT the kernel refuses files of others in a folder that all may write to.
            return os.open(path, flags)
        except FileNotFoundError:
            descriptor = os.open(path, flags | os.O_CREAT, 0o666)
            os.fchmod(descriptor, 0o666)  # whatever the umask
            return descriptor
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}; it keeps the bench to one user") from None
