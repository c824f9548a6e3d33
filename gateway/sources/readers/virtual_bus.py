"""The simulated CAN bus, read straight into frame arrays.

The bus is a Unix stream socket in the abstract namespace, named ``firmware-sim/<channel>``. The
node sends a hello of 64 bytes, the bus answers with a welcome of 64 bytes; then each frame is a
record of 80 bytes, which is `FRAME` byte for byte with zeros for channel and origin::

    hello    8 b"FWSIMBUS"   uint32 version   uint32 flags      48 node name, UTF-8, NUL padded
    welcome  8 b"FWSIMBUS"   uint32 version   uint32 bit rate   48 bus name
    frame    int64 t_ns, CLOCK_MONOTONIC when it was on the bus   72 struct canfd_frame

All in native byte order. The bus is lossless: a slow reader holds it up, for up to two seconds.
One that takes nothing for longer is overrun, and told so by an error frame: a controller's
overflow, with the number of frames missed in its last three bytes, little-endian.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Mapping

import numpy as np

from gateway.clock import NS_PER_MS, Clock
from gateway.config.model import CanConfig
from gateway.counters import Counters
from gateway.errors import LinkError, LinkLostError
from gateway.record import FRAME, CanId, Frames, Origin
from gateway.sources.link import NO_STATES, LinkState
from gateway.sources.readers.filters import FrameFilters
from gateway.sources.readers.socketcan.bus_watch import BusWatch

_GREETING = struct.Struct("=8sII48s")
_MAGIC = b"FWSIMBUS"
_VERSION = 1
_LISTEN_ONLY = 0x2
_WELCOME_WITHIN_S = 2.0
_OVERRUN_ID = CanId.ERROR | 0x004
_LONGEST = 64
_ERROR = np.uint32(CanId.ERROR)

_EXAMPLE = np.zeros(1, FRAME)
_EXAMPLE["can_id"], _EXAMPLE["len"] = CanId.ERROR, 0xFF & -_LONGEST
_RARE = _EXAMPLE.view(np.int64)[1]
"""Bits of a frame's second word that only error frames and those of `_LONGEST` bytes have."""
_EXAMPLE["channel"], _EXAMPLE["origin"] = 0, Origin.KERNEL
_KERNEL = _EXAMPLE.view(np.uint16)[7]
"""The last two bytes of that word: channel and origin."""


def join_bus(channel: str, node: str, flags: int) -> socket.socket:
    """Return a non-blocking socket on the bus *channel*, as the node called *node*.

    Raises:
        LinkError: No such bus is running, or it does not speak this protocol.
    """
    bus = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bus.settimeout(_WELCOME_WITHIN_S)
        bus.connect(f"\0firmware-sim/{channel}")
        bus.sendall(_GREETING.pack(_MAGIC, _VERSION, flags, node.encode()[:48]))
        welcome = bus.recv(_GREETING.size, socket.MSG_WAITALL)
    except ConnectionRefusedError:
        bus.close()
        raise LinkError(f"no simulated bus '{channel}' is running", LinkState.ABSENT) from None
    except OSError as error:
        bus.close()
        raise LinkError(f"simulated bus '{channel}': {error}") from error
    if welcome[: len(_MAGIC) + 4] != _MAGIC + struct.pack("=I", _VERSION):
        bus.close()
        got = "no answer" if not welcome else f"{welcome[:12]!r}"
        raise LinkError(f"simulated bus '{channel}': got {got}, expected version {_VERSION}")
    bus.setblocking(False)
    return bus


class VirtualBusReader:
    """The `FrameReader` of ``interface = "firmware_sim"``.

    It acknowledges frames, as every node on a bus does, and sends none; with the option
    ``listen_only = true`` it does not even acknowledge.

    Args:
        config: The bus.
        clock: What the states of the link are judged by; the bus stamps its frames.
        counters: Where a frame that is cut off with the link is counted as lost.
    """

    tier = "stream"

    def __init__(self, config: CanConfig, clock: Clock, counters: Counters) -> None:
        self._channel = config.channel
        self._clock = clock
        self._name = config.name
        self._flags = _LISTEN_ONLY if config.options.get("listen_only") else 0
        self._counters = counters
        self._socket: socket.socket | None = None
        self._ready = select.poll()
        self._part = b""
        self._frames: Frames | None = None
        self._watch = BusWatch(config.channel)
        self._in_trouble = False

    def filter(self, filters: FrameFilters) -> bool:  # noqa: ARG002
        """See `FrameReader`. The bus has none."""
        return False

    def open(self) -> None:
        """See `FrameReader`."""
        self.close()
        bus = join_bus(self._channel, self._name, self._flags)
        self._ready = select.poll()
        self._ready.register(bus, select.POLLIN)
        self._socket = bus
        self._watch = BusWatch(self._channel)
        self._in_trouble = False

    def close(self) -> None:
        """See `FrameReader`."""
        if self._socket:
            self._socket.close()
        self._socket = None
        if self._part:
            self._counters.received += 1
            self._counters.lost["incomplete"] += 1
        self._part = b""

    def fileno(self) -> int | None:
        """See `FrameReader`."""
        return self._socket.fileno() if self._socket else None

    def read_into(self, frames: Frames, timeout_ns: int) -> int:
        """See `FrameReader`."""
        if self._socket is None:
            raise LinkLostError(f"simulated bus '{self._channel}' is not open")
        if timeout_ns and not self._ready.poll(-(-timeout_ns // NS_PER_MS)):
            return 0
        if frames is not self._frames:
            # Views cost more than what is done with them, and it is the same array each time.
            self._frames = frames
            self._memory = frames.view(np.uint8).data
            self._words = frames.view(np.int64).reshape(len(frames), -1)
            self._halves = frames.view(np.uint16).reshape(len(frames), -1)
        # The record that the last read cut through goes in front; the socket fills up the rest.
        memory = self._memory
        begin = len(self._part)
        if begin:
            memory[:begin] = self._part
        try:
            size = self._socket.recv_into(memory[begin:] if begin else memory)
        except BlockingIOError:
            return 0
        except OSError as error:
            gone = f"simulated bus '{self._channel}' is gone: {error}"
            raise LinkLostError(gone, LinkState.UNPLUGGED) from error
        if not size:
            raise LinkLostError(f"simulated bus '{self._channel}' is gone", LinkState.UNPLUGGED)
        count, rest = divmod(begin + size, FRAME.itemsize)
        self._part = bytes(memory[begin + size - rest : begin + size]) if rest else b""
        self._halves[:count, 7] = _KERNEL
        if (self._words[:count, 1] & _RARE).tobytes().strip(b"\0"):
            self._look_closely(frames[:count])
        if self._in_trouble and count:
            self._watch.take(frames[:count])
        return count

    def _look_closely(self, frames: Frames) -> None:
        """Look for what is no frame, and for notices of an overrun."""
        if (frames["len"] > _LONGEST).any():
            raise LinkLostError(f"simulated bus '{self._channel}' sent what is no frame")
        self._in_trouble |= bool((frames["can_id"] & _ERROR != 0).any())
        self._count_overruns(frames[frames["can_id"] == _OVERRUN_ID])

    def _count_overruns(self, notices: Frames) -> None:
        """Count what the bus had to keep from us because we took nothing for too long."""
        for data in notices["data"]:
            missed = int.from_bytes(data[5:8].tobytes(), "little")
            self._counters.received += missed
            self._counters.lost["overrun"] += missed

    def link_states(self) -> Mapping[LinkState, str]:
        """See `FrameReader`. Only a bus with a bit rate tells of errors."""
        if self._socket is None or not self._in_trouble:
            return NO_STATES
        states = self._watch.states(self._clock.monotonic_ns())
        # Until an error comes again, frames need not be looked at.
        self._in_trouble = bool(states)
        return states
