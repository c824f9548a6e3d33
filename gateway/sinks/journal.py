"""The journal: a file of JSON lines, each on disk before it counts."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import msgspec

from gateway.errors import ConfigError
from gateway.sinks.lines import PENDING_LINES, LineOutput

TAIL_SIZE = 1 << 20
"""How far from the end of a journal damage is looked for, and so the most that is cut off.

A power cut damages what was being written, one batch; this holds a thousand lines of 1,000 bytes.
"""

_WAIT_FOR = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
_START = b'{"event":"'
_MARKS = (_START, b'"rule":"', b'"t_ns":')
_LONGEST_LINE = 1 << 16


class Repair(NamedTuple):
    """What was cut off the end of a journal when it was opened.

    Attributes:
        offset: Where: the journal's length in bytes since then. Where only a line feed was damaged
            it is put back, and what follows stays, too.
        size: How many bytes were lost.
        start: The first of them, for the log.
    """

    offset: int
    size: int
    start: bytes


class Journal(LineOutput):
    """Appends lines to a file; `write` returns True only when they are on disk.

    A power cut can leave the last lines torn. Opening cuts them off, back to the last whole event,
    and says so in `repair`; damage further up stays as it is. The file is locked while the journal
    is open: two gateways that write one journal would take back each other's lines.

    A full or failing disk stops nothing, see `LineOutput`; what was half-written is taken back.

    Args:
        path: The file; made if there is none. Its folder must be there.
        limit: How many lines may wait.

    Raises:
        ConfigError: The file cannot be opened, is no journal, or another gateway writes it.

    Attributes:
        repair: What was cut off at opening, if anything.
    """

    def __init__(self, path: Path, limit: int = PENDING_LINES) -> None:
        super().__init__(limit)
        self.repair: Repair | None = None
        self._path = path
        self._fd: int | None = None
        self._cut_at: int | None = None
        try:
            self._open()
        except OSError as error:
            if error.errno not in _WAIT_FOR:
                raise ConfigError(
                    path, "", error.strerror, "a file in a folder to write to"
                ) from None
            self.error = os.strerror(error.errno)

    def write(self, lines: Iterable[bytes] = ()) -> bool:
        """See `LineOutput.write`; where lines should be is on disk."""
        try:
            return super().write(lines)
        except ConfigError as error:  # while the disk was full, somebody else took the file
            self.error = str(error)
            return False

    def mark(self) -> int:
        """See `LineOutput.mark`: the journal's length in bytes."""
        return os.fstat(self._fd).st_size if self._fd is not None else 0

    def lines_since(self, mark: int) -> list[bytes]:
        """See `LineOutput.lines_since`; of those before the last `TAIL_SIZE` bytes, none."""
        if self._fd is None:  # the disk is full, and the file not yet open
            return []
        begin = max(mark, self.mark() - TAIL_SIZE)
        return os.pread(self._fd, TAIL_SIZE, begin).splitlines(keepends=True)

    def close(self) -> None:
        """See `LineOutput.close`. Closing twice is allowed."""
        if self._pending:
            super().close()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> int:
        fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _claim(self._path, fd)
            self.repair = _mend(self._path, fd) or self.repair
            _sync_folder(self._path.parent)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return fd

    def _append(self, data: bytes) -> None:
        fd = self._open() if self._fd is None else self._fd
        self._take_back(fd)
        self._cut_at = os.fstat(fd).st_size
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(fd, view) :]
            # Once it has failed, the kernel takes the pages for clean, and calling it again
            # succeeds without them. So the batch is taken back, and written anew next time.
            os.fdatasync(fd)
        except OSError:
            with suppress(OSError):  # then it is tried again before the next batch
                self._take_back(fd)
            raise
        self._cut_at = None

    def _take_back(self, fd: int) -> None:
        if self._cut_at is not None:
            # Cutting must not lengthen: somebody may have emptied the file meanwhile.
            if os.fstat(fd).st_size > self._cut_at:
                os.ftruncate(fd, self._cut_at)
            self._cut_at = None


def _claim(path: Path, fd: int) -> None:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise ConfigError(path, "", "a device", "a file, or - for standard output")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        got = "a journal that another gateway is writing"
        raise ConfigError(path, "", got, "a journal of its own") from None


def _sync_folder(folder: Path) -> None:
    """Put the file's entry on disk: else a power cut may take the file itself, lines and all."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class _Line(msgspec.Struct):
    event: Literal["raised", "cleared"]
    rule: str
    t_ns: int


_DECODE = msgspec.json.Decoder(_Line).decode


def _mend(path: Path, fd: int) -> Repair | None:
    """Cut off what follows the last whole event.

    Raises:
        ConfigError: Nothing in the file looks like a journal. It is somebody's, and stays.
    """
    size = os.fstat(fd).st_size
    begin = max(0, size - TAIL_SIZE)
    tail = os.pread(fd, TAIL_SIZE, begin)
    end = _end_of_last_line(tail)
    if end == 0:
        head = os.pread(fd, _LONGEST_LINE, 0)
        torn = _START.startswith(head[: len(_START)].rstrip(b"\0"))
        if not torn and not any(mark in head for mark in _MARKS):
            got = f"a file that begins with {head[: len(_START)]!r}"
            raise ConfigError(path, "", got, "a journal of alarm events, or a new file")
        if begin:
            end = tail.rfind(b"\n") + 1
    if end == len(tail):
        return None
    lost = end
    if event := _end_of_event(tail[end : end + _LONGEST_LINE]):
        # Its line feed is damaged, and with it the line that was two.
        lost += event
        _end_line(path, begin + lost)
        end = lost + 1 + _end_of_last_line(tail[lost + 1 :])
    os.ftruncate(fd, begin + end)
    os.fsync(fd)
    size = len(tail) - end + (end > lost)
    return Repair(begin + lost, size, tail[lost : lost + min(size, 80)])


def _end_line(path: Path, at: int) -> None:
    """Put a line feed in place of the byte at *at*. Nothing grows, so no disk is too full."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # where the journal's own can only append
    try:
        os.pwrite(fd, b"\n", at)
    finally:
        os.close(fd)


def _end_of_event(text: bytes) -> int:
    """Return where the event ends with which *text* begins, something else behind it; 0 if none."""
    end = text.find(b"}") + 1
    while 0 < end < len(text):
        try:
            _DECODE(text[:end])
        except ValueError:
            end = text.find(b"}", end) + 1
        else:
            return end
    return 0


def _end_of_last_line(tail: bytes) -> int:
    """Return where the last whole event in *tail* ends, line feed included; 0 if there is none."""
    end = tail.rfind(b"\n")
    while end >= 0:
        start = tail.rfind(b"\n", 0, end) + 1
        try:
            _DECODE(tail[start:end])
        except ValueError:
            end = start - 1
        else:
            return end + 1
    return 0
