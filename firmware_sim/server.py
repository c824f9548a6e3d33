"""A `Bus` on its Unix socket: other processes join it here."""

from __future__ import annotations

import contextlib
import logging
import select
import selectors
import socket
import time
from collections.abc import Callable
from itertools import islice
from types import TracebackType
from typing import Self

from firmware_sim import wire
from firmware_sim.bus import MAILBOX_FRAMES, Bus, Node
from firmware_sim.errors import BusNameTaken, WireError
from firmware_sim.listener import Listener

LOG = logging.getLogger(__name__)

READ_BYTES = 1 << 16
"""The most that is read from one node before the others have their turn."""

_BLOCKS_PER_WRITE = 64

OnReady = Callable[[int], None]
"""What the selector's keys carry: called with the events when the descriptor is ready."""


class BusServer:
    """Moves the bytes between a bus and the nodes that join it by its socket.

    It runs in somebody's loop: the selector's keys carry what to call when ready, and `settle` is
    called after each round of those calls.

    Args:
        bus: The bus. Nodes inside this process may join it directly.
        selector: The loop's selector.
        clock_ns: CLOCK_MONOTONIC; where devices of this process send at moments of a simulated
            time, how far that has come: the bus carries no frame beyond it.
    """

    def __init__(
        self,
        bus: Bus,
        selector: selectors.BaseSelector,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.bus = bus
        self._selector = selector
        self._clock_ns = clock_ns
        self._listener: Listener | None = None
        self._links: set[_Link] = set()
        # A little more: the part of a record that is left over from the last time.
        self._buffer = memoryview(bytearray(READ_BYTES + wire.RECORD_SIZE))
        # A bus that takes its time leaves the rest to wait at the sender.
        self._read_bytes = MAILBOX_FRAMES * wire.RECORD_SIZE if bus.line else READ_BYTES

    def __enter__(self) -> Self:
        """Take the bus's name and let nodes join.

        Raises:
            BusNameTaken: Another process has a bus of this name.
        """
        name = self.bus.name
        taken = BusNameTaken(f"another process already runs a bus {name!r}")
        self._listener = Listener(
            wire.address(name), f"bus {name}", self._selector, self._join, taken
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for link in tuple(self._links):
            self._drop(link)
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    @property
    def pending(self) -> bool:
        """Whether frames wait to cross, or for nodes by the socket that are not overrun."""
        return self.bus.busy or any(
            link.node.queue and not link.node.overrun for link in self._links if link.node
        )

    def settle(self) -> int | None:
        """Carry what has crossed the bus, send what is queued, hold senders or let them go on.

        Returns:
            The time by which it is to be called again, None for no need.
        """
        while True:
            deadline = self.bus.advance(self._clock_ns())
            blocked = self.bus.blocked
            for link in tuple(self._links):
                if link.node is not None and link.node.queue and not link.congested:
                    self._write(link)
            if not blocked or self.bus.blocked:
                break  # else what was sent has made room for more
        for link in self._links:
            held = self._holds(link)
            if held and link.node and link.node.stuck and link.hung_up:
                # What it had sent before can no longer be waited with: nobody acknowledges it.
                self.bus.leave(link.node, self._clock_ns())
            reads = 0 if held else selectors.EVENT_READ
            writes = selectors.EVENT_WRITE if link.congested else 0
            link.watch(self._selector, reads | writes)
        return deadline

    def _holds(self, link: _Link) -> bool:
        return self.bus.holds(link.node) if link.node else self.bus.blocked

    def _join(self, sock: socket.socket) -> None:
        link = _Link(sock)
        link.on_ready = lambda events: self._serve(link, events)
        self._links.add(link)
        link.watch(self._selector, selectors.EVENT_READ)

    def _serve(self, link: _Link, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._write(link)
            if events & selectors.EVENT_READ and not self._holds(link):
                self._read(link)
        except WireError as error:
            name = link.node.name if link.node else "a node that has not said hello"
            LOG.warning("bus %s: disconnected %s: %s", self.bus.name, name, error)
            self._drop(link)

    def _read(self, link: _Link) -> None:
        kept = len(link.partial)
        self._buffer[:kept] = link.partial
        try:
            size = link.sock.recv_into(self._buffer[kept : kept + self._read_bytes])
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            size = 0  # reset: it closed with frames unread
        if not size:
            self._drop(link)
            return
        data = self._buffer[: kept + size]
        if link.node is None:
            if len(data) < wire.GREETING.size:
                link.partial = bytes(data)
                return
            self._welcome(link, wire.Hello.unpack(bytes(data[: wire.GREETING.size])))
            data = data[wire.GREETING.size :]
        whole = len(data) - len(data) % wire.RECORD_SIZE
        link.partial = bytes(data[whole:])
        if whole and link.node is not None:
            self.bus.offer(link.node, data[:whole], self._clock_ns())

    def _welcome(self, link: _Link, hello: wire.Hello) -> None:
        welcome = wire.Welcome(self.bus.name, self.bus.bit_rate).pack()
        # Always fits: it is the first that goes into the socket. Whoever has left again by now is
        # found out when it is read from; what it sent before is carried.
        with contextlib.suppress(OSError):
            link.sock.send(welcome, socket.MSG_NOSIGNAL)
        link.node = Node(
            hello.name,
            own_frames=bool(hello.flags & wire.HelloFlag.OWN_FRAMES),
            listen_only=bool(hello.flags & wire.HelloFlag.LISTEN_ONLY),
        )
        self.bus.join(link.node, self._clock_ns())

    def _write(self, link: _Link) -> None:
        node = link.node
        if node is None:
            return
        while node.queue:
            blocks = list(islice(node.queue, _BLOCKS_PER_WRITE))
            try:
                size = link.sock.sendmsg(blocks, (), socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                link.congested = True
                return
            except OSError:
                # It closed its end. What it had sent before that may still wait to be read, so
                # the link stays until there is no more.
                self.bus.leave(node, self._clock_ns())
                break
            self.bus.took(node, size, self._clock_ns())
        link.congested = False

    def _drop(self, link: _Link) -> None:
        if link not in self._links:
            return
        self._links.discard(link)
        link.watch(self._selector, 0)
        link.sock.close()
        if link.node is not None:
            self.bus.leave(link.node, self._clock_ns())


class _Link:
    """A connected socket; a node once it has said hello."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.node: Node | None = None
        self.partial = b""
        self.congested = False
        self.on_ready: OnReady
        self._watched = 0

    @property
    def hung_up(self) -> bool:
        """Whether the other end has closed, however much there is to read before that."""
        poll = select.poll()
        poll.register(self.sock, select.POLLRDHUP)
        return bool(poll.poll(0))

    def watch(self, selector: selectors.BaseSelector, events: int) -> None:
        """Have *selector* look for *events*, which may be none."""
        if events == self._watched:
            return
        if not self._watched:
            selector.register(self.sock, events, self.on_ready)
        elif events:
            selector.modify(self.sock, events, self.on_ready)
        else:
            selector.unregister(self.sock)
        self._watched = events
