"""``firmware-sim bridge``: a bus and a SocketCAN interface joined to one."""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from firmware_sim import loop, wire
from firmware_sim.client import connect
from firmware_sim.errors import BridgeError

CLASSIC_SIZE = 16
"""sizeof(struct can_frame)."""
FD_SIZE = 72
"""sizeof(struct canfd_frame); what of a record follows on its stamp."""

RETRY_NS = 1_000_000
"""How soon an interface whose transmit queue is full is tried again."""

_READ_BYTES = 64 * wire.RECORD_SIZE
_BURST = 256
_KERNEL_BUFFER = 1 << 22
# Python has no names for these: <asm-generic/socket.h>, <linux/sock_diag.h>.
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
_MEMINFO_DROPS = 8
_STAMP = struct.Struct("=q").size

_BUSY = (errno.ENOBUFS, errno.EAGAIN)
_REFUSED = (errno.EINVAL, errno.EMSGSIZE)
"""How the kernel answers a CAN FD frame on an interface without CAN FD."""


@dataclass(slots=True)
class Traffic:
    """What went one way.

    Attributes:
        frames: Frames handed on.
        lost: Frames that were not: dropped for want of room, or still waiting at the end.
        refused: CAN FD frames that the interface does not take.
        errors: Error frames, which stay where they arise.
    """

    frames: int = 0
    lost: int = 0
    refused: int = 0
    errors: int = 0


class Bridge:
    """A node on both, which hands on to one what it hears on the other.

    Neither gives a node its own frames, so nothing comes back. What one side is slow to take waits
    on the other: on the bus, which holds its senders back; in the interface's receive buffer, where
    the kernel drops what does not fit, and counts it.

    Args:
        bus: The bus's name.
        interface: The SocketCAN interface, such as "vcan0".

    Attributes:
        to_interface: What went from the bus to the interface.
        to_bus: What went the other way.

    Raises:
        BridgeError: The kernel has no SocketCAN, or no such interface.
        BusError: There is no such bus.
    """

    def __init__(self, bus: str, interface: str) -> None:
        self._interface = interface
        self.to_interface = Traffic()
        self.to_bus = Traffic()
        self._outgoing: deque[bytes] = deque()
        self._partial = b""
        self._unsent = b""
        self._retry_ns: int | None = None
        self._ended = ""
        self._can = _open(interface)
        try:
            self._bus, _ = connect(bus, wire.Hello(f"bridge to {interface}"))
        except BaseException:
            self._can.close()
            raise
        self._bus.setblocking(False)

    def run(
        self, *, seconds: float | None = None, ready: Callable[[], object] | None = None
    ) -> str:
        """Hand on until SIGINT or SIGTERM, for *seconds*, or until one side is gone.

        *ready* is called when signals no longer end the process at once.

        Returns:
            Which side is gone, and why; "" for neither.
        """
        until_ns = None if seconds is None else time.monotonic_ns() + round(seconds * 1e9)
        stop: list[int] = []
        with (
            loop.StopSignals() as stopped,
            selectors.DefaultSelector() as selector,
            self._bus,
            self._can,
        ):
            selector.register(stopped.fd, selectors.EVENT_READ, stop.append)
            selector.register(self._bus, selectors.EVENT_READ, self._on_bus)
            selector.register(self._can, selectors.EVENT_READ, self._on_can)
            self._selector = selector
            if ready is not None:
                ready()
            loop.run(
                selector, [self], stop=lambda: bool(stop) or bool(self._ended), until_ns=until_ns
            )
            self.to_bus.lost = _dropped(self._can)
        self.to_interface.lost += len(self._outgoing)
        unsent = -(-len(self._unsent) // wire.RECORD_SIZE)
        self.to_bus.frames -= unsent
        self.to_bus.lost += unsent
        return self._ended

    def settle(self) -> int | None:
        """See `Settler`: try again what an interface had no room for; look only where there is."""
        if self._retry_ns is not None and time.monotonic_ns() >= self._retry_ns:
            self._retry_ns = None
            self._send_to_interface()
        self._watch(self._bus, self._on_bus, not self._outgoing, bool(self._unsent))
        self._watch(self._can, self._on_can, not self._unsent, writes=False)
        return self._retry_ns

    def _watch(
        self, sock: socket.socket, on_ready: Callable[[int], None], reads: bool, writes: bool
    ) -> None:
        events = selectors.EVENT_READ * reads | selectors.EVENT_WRITE * writes
        known = sock in self._selector.get_map()
        if not events:
            if known:
                self._selector.unregister(sock)
        elif not known:
            self._selector.register(sock, events, on_ready)
        elif self._selector.get_key(sock).events != events:
            self._selector.modify(sock, events, on_ready)

    def _on_bus(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._send_to_bus()
        if events & selectors.EVENT_READ and not self._outgoing:
            self._read_bus()

    def _read_bus(self) -> None:
        try:
            data = self._bus.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._ended = "the bus has ended"
            return
        data = self._partial + data
        whole = len(data) - len(data) % wire.RECORD_SIZE
        self._partial = data[whole:]
        for start in range(0, whole, wire.RECORD_SIZE):
            record = data[start : start + wire.RECORD_SIZE]
            _, can_id, _, flags, _, payload = wire.FRAME.unpack(record)
            if can_id & wire.ERROR:
                lost = wire.overflowed(can_id, payload)
                self.to_interface.lost += lost
                self.to_interface.errors += not lost
                continue
            size = FD_SIZE if flags & wire.FD else CLASSIC_SIZE
            self._outgoing.append(record[_STAMP : _STAMP + size])
        self._send_to_interface()

    def _send_to_interface(self) -> None:
        while self._outgoing:
            try:
                self._can.send(self._outgoing[0])
                self.to_interface.frames += 1
            except OSError as error:
                if error.errno in _BUSY:
                    self._retry_ns = time.monotonic_ns() + RETRY_NS
                    return
                if error.errno in _REFUSED:
                    self.to_interface.refused += 1
                elif error.errno == errno.ENETDOWN:
                    self.to_interface.lost += 1
                else:
                    self._lose_interface(error)
                    return
            self._outgoing.popleft()

    def _on_can(self, _events: int) -> None:
        records = []
        for _ in range(_BURST):
            try:
                records.append(_record(self._can.recv(FD_SIZE)))
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if error.errno != errno.ENETDOWN:  # told once; when it is up again it goes on
                    self._lose_interface(error)
                break
        self._unsent += b"".join(records)
        self.to_bus.frames += len(records)
        self._send_to_bus()

    def _send_to_bus(self) -> None:
        while self._unsent:
            try:
                size = self._bus.send(self._unsent, socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._ended = "the bus has ended"
                return
            self._unsent = self._unsent[size:]

    def _lose_interface(self, error: OSError) -> None:
        self._ended = f"{self._interface} is gone: {error.strerror}"


def _open(interface: str) -> socket.socket:
    try:
        sock = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    except OSError as error:
        raise BridgeError(f"this kernel has no SocketCAN: {error.strerror}") from None
    try:
        sock.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BUFFER)
        sock.bind((interface,))
    except OSError as error:
        sock.close()
        raise BridgeError(f"no CAN interface {interface!r}: {error.strerror}") from None
    sock.setblocking(False)
    return sock


def _record(frame: bytes) -> bytes:
    """Return a frame of the kernel as a record for the bus."""
    body = bytearray(frame.ljust(FD_SIZE, b"\0"))
    if len(frame) == FD_SIZE:
        body[5] |= wire.FD  # older kernels leave it out: the size says it
    else:
        body[5:8] = bytes(3)  # struct can_frame has the raw DLC of some controllers here
    return bytes(_STAMP) + body


def _dropped(sock: socket.socket) -> int:
    """Return how many frames did not fit the socket's receive buffer."""
    facts = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    return int(_MEMINFO.unpack(facts)[_MEMINFO_DROPS])
