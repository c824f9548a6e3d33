"""Serial ports that are ptys, under names that stay."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import selectors
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from firmware_sim.errors import PortError

READ_BYTES = 4096

UNREAD_BYTES = 3_072
"""What a UART port keeps for a reader: within the kernel's own buffer, which has 4,095.

A little more may be kept: bytes that the kernel is still moving to the other end are not seen."""

BACKLOG_BYTES = 1 << 16
"""What a flow-controlled port keeps beyond the kernel's buffer before it is `PtyPort.held`."""


class PtyPort:
    """A serial port with a device at this end, and whoever opens *path* at the other.

    It never blocks, whether or not anybody reads. Like a real UART, it drops the oldest bytes when
    nobody does, and counts them. With *flow_control*, as over USB, it keeps bytes back instead and
    says that it is `held`.

    Args:
        path: A symbolic link to make, to the pty's slave. A link that is there is replaced; its
            folder is made.
        flow_control: Whether to wait for the reader rather than drop.

    Attributes:
        written: Bytes sent to the other end.
        dropped: Of those, the bytes that nobody read in time, or before it was unplugged; and
            those sent while it was.
        tap: Gets what is written in place of the line; a fault hands on what is left by `transmit`.
        hears: What faults make of what the other end has written, one after the other.
    """

    def __init__(self, path: Path, *, flow_control: bool = False) -> None:
        self.path = path
        self.flow_control = flow_control
        self.written = 0
        self.dropped = 0
        self.tap: Callable[[bytes], None] | None = None
        self.hears: list[Callable[[bytes], bytes]] = []
        self._backlog = bytearray()
        self._master = self._slave = -1
        self._device = ""
        self._unread = 0  # at most so many bytes wait for the other end
        self._watch: _Watch | None = None

    def __enter__(self) -> Self:
        """See `plug`."""
        self.plug()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unplug()

    def fileno(self) -> int:
        """The descriptor that is readable when the other end has written; -1 while unplugged."""
        return self._master

    @property
    def plugged(self) -> bool:
        """Whether there is a device at *path*."""
        return self._master >= 0

    @property
    def held(self) -> bool:
        """Whether it wants no more bytes until some of those it has are read."""
        return self.flow_control and len(self._backlog) >= BACKLOG_BYTES

    @property
    def backlog(self) -> int:
        """Bytes that wait for room in the pty, with flow control."""
        return len(self._backlog)

    def watch(
        self,
        selector: selectors.BaseSelector,
        on_ready: Callable[[int], None],
        events: int = selectors.EVENT_READ,
    ) -> None:
        """Have *selector* look for *events*, which may be none, also when it was unplugged between.

        Args:
            selector: The loop's.
            on_ready: What its keys carry: called with the events when there are any.
            events: As `selectors` has them.
        """
        if self._watch is None or events != self._watch.events:
            self._unwatch()
            self._watch = _Watch(selector, on_ready, events)
            self._rewatch()

    def plug(self) -> None:
        """Make the pty and the link to it.

        Raises:
            PortError: There is no pty to be had, or *path* is something else than a link.
        """
        if self.plugged:
            return
        try:
            self._master, self._slave = os.openpty()
            # Kept open at this end: the last close would set the line back to cooked and echoing.
            tty.setraw(self._slave, termios.TCSANOW)
            os.set_blocking(self._master, False)
            os.set_blocking(self._slave, False)
            self._device = os.ttyname(self._slave)
            self._link()
        except PortError:
            self._close()
            raise
        except OSError as error:
            self._close()
            raise PortError(f"{self.path}: {error.strerror or error}") from None
        self._unread = 0
        self._rewatch()

    def unplug(self) -> None:
        """Take the device away: the link goes, and whoever has it open gets an end of file."""
        if not self.plugged:
            return
        with contextlib.suppress(OSError):
            if os.readlink(self.path) == self._device:
                self.path.unlink()
        self.dropped += len(self._backlog) + self._waiting()
        self._backlog.clear()
        self._unwatch()
        self._close()

    def read(self) -> bytes:
        """Return what the other end has written, b"" for nothing."""
        if not self.plugged:
            return b""
        try:
            data = os.read(self._master, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return b""
        for each in self.hears:
            data = each(data)
        return data

    def write(self, data: bytes) -> None:
        """Send *data* to the other end; see the class for what becomes of it if nobody reads."""
        if self.tap is not None:
            self.tap(data)
        else:
            self.transmit(data)

    def transmit(self, data: bytes) -> None:
        """Send *data* whatever faults there are."""
        self.written += len(data)
        if not self.plugged:
            self.dropped += len(data)
        elif self.flow_control:
            self._backlog += data
            self.flush()
        else:
            for start in range(0, len(data), UNREAD_BYTES):
                self._overrun(data[start : start + UNREAD_BYTES])

    def flush(self) -> None:
        """With flow control: move on what there is room for now."""
        while self._backlog:
            try:
                size = os.write(self._master, self._backlog)
            except (BlockingIOError, InterruptedError):
                return
            del self._backlog[:size]

    def _overrun(self, data: bytes) -> None:
        if self._unread + len(data) > UNREAD_BYTES:
            self._make_room(len(data))
        try:
            size = os.write(self._master, data)
        except (BlockingIOError, InterruptedError):
            size = 0  # the kernel is too busy to move bytes across at all
        self._unread += size
        self.dropped += len(data) - size

    def _make_room(self, size: int) -> None:
        # Asked only when there might be no room: others can only have read, and made some.
        self._unread = self._waiting()
        excess = self._unread + size - UNREAD_BYTES
        if excess > 0:
            # The oldest bytes are taken out by reading them at the other end ourselves: exactly
            # so many are dropped, also while somebody else is reading.
            with contextlib.suppress(BlockingIOError, InterruptedError):
                taken = len(os.read(self._slave, excess))
                self._unread -= taken
                self.dropped += taken

    def _waiting(self) -> int:
        """Return how many bytes wait in the kernel for the other end to read them."""
        unread = array.array("i", [0])
        fcntl.ioctl(self._slave, termios.FIONREAD, unread)
        return unread[0]

    def _rewatch(self) -> None:
        if self._watch and self._watch.events and self.plugged:
            self._watch.selector.register(self, self._watch.events, self._watch.on_ready)

    def _unwatch(self) -> None:
        if self._watch and self._watch.events and self.plugged:
            self._watch.selector.unregister(self)

    def _link(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not self.path.is_symlink():
            raise PortError(f"{self.path}: got a file that is no link, expected none")
        # Made under another name and moved over: nobody ever finds the name missing or half made.
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._device)
        fresh.replace(self.path)

    def _close(self) -> None:
        for fd in (self._master, self._slave):
            if fd >= 0:
                os.close(fd)
        self._master = self._slave = -1


class _Watch(NamedTuple):
    selector: selectors.BaseSelector
    on_ready: Callable[[int], None]
    events: int
