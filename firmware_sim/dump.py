"""``firmware-sim dump``: what crosses a bus, as lines that candump would write."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from typing import TextIO

from firmware_sim import candump, loop, wire
from firmware_sim.client import connect
from firmware_sim.wall_clock import WallClock

READ_BYTES = 1 << 16

ALL_ERRORS = 0x1FFFFFFF


class Dump:
    """A node that only listens, and writes down what it hears.

    Args:
        bus: The bus's name; also the channel in the lines.
        filters: What to write.
        count: After so many lines it ends; None for never.
        out: Where to.

    Attributes:
        written: Lines written.
        lost: Frames that it missed because *out* was slower than the bus.
        gone: Whether the bus has ended.

    Raises:
        BusError: There is no such bus.
    """

    def __init__(
        self, bus: str, filters: candump.Filters, *, count: int | None, out: TextIO
    ) -> None:
        self._bus = bus
        self._filters = filters
        self._count = count
        self._out = out
        self._wall = WallClock()
        self._partial = b""
        self.written = 0
        self.lost = 0
        self.gone = False
        # It only listens: to look at a bus does not acknowledge anything on it.
        hello = wire.Hello("firmware-sim dump", wire.HelloFlag.LISTEN_ONLY)
        self._socket, _ = connect(bus, hello)
        self._socket.setblocking(False)

    @property
    def ended(self) -> bool:
        """Whether the bus is gone, or everything asked for is written."""
        return self.gone or (self._count is not None and self.written >= self._count)

    def run(
        self, *, seconds: float | None = None, ready: Callable[[], object] | None = None
    ) -> None:
        """Write until the end, SIGINT or SIGTERM, or for *seconds*.

        *ready* is called when signals no longer end the process at once.
        """
        until_ns = None if seconds is None else time.monotonic_ns() + round(seconds * 1e9)
        stop: list[int] = []
        with loop.StopSignals() as stopped, selectors.DefaultSelector() as selector, self._socket:
            selector.register(stopped.fd, selectors.EVENT_READ, stop.append)
            selector.register(self._socket, selectors.EVENT_READ, lambda _: self._read())
            if ready is not None:
                ready()
            loop.run(selector, (), stop=lambda: bool(stop) or self.ended, until_ns=until_ns)

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.gone = True
            return
        data = self._partial + data
        whole = len(data) - len(data) % wire.RECORD_SIZE
        self._partial = data[whole:]
        lines = []
        for t_ns, can_id, length, flags, _, payload in wire.FRAME.iter_unpack(data[:whole]):
            self.lost += wire.overflowed(can_id, payload)
            if self._filters.passes(can_id) and not self.ended:
                wall_ns = self._wall.ns(t_ns)
                lines.append(candump.line(wall_ns, self._bus, can_id, length, flags, payload))
                self.written += 1
        if lines:
            self._out.write("\n".join(lines) + "\n")
            self._out.flush()
