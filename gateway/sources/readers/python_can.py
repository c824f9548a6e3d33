"""Any interface of python-can."""

from __future__ import annotations

import contextlib
import select
import termios

import can

from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.config.model import CanConfig
from gateway.counters import Counters
from gateway.errors import LinkError, LinkLostError
from gateway.record import Frames, Origin
from gateway.sources.can_message import frame_row, frames_of

OLDEST_NS = 60 * NS_PER_S
"""A time stamp further back than this is not one of the wall clock, or the clock was set."""

NEWEST_NS = NS_PER_MS
"""Nor is one that lies further ahead. A float of seconds since 1970 is 238 ns coarse."""

_STAMPED_BY = {
    "socketcan": Origin.KERNEL,
    "udp_multicast": Origin.KERNEL,
    "pcan": Origin.HARDWARE,
    "kvaser": Origin.HARDWARE,
    "vector": Origin.HARDWARE,
    "ixxat": Origin.HARDWARE,
    "neovi": Origin.HARDWARE,
}
"""Who gives a python-can message its time; with the interfaces not listed python-can does."""

LOSS = (can.CanError, OSError, termios.error)
"""What drivers raise when an adapter is gone."""


def open_bus(config: CanConfig) -> can.BusABC:
    """Return python-can's bus as *config* describes it.

    Raises:
        LinkError: The adapter is absent, busy, or refuses the settings.
    """
    settings = dict(config.options)
    if config.bitrate is not None:
        settings["bitrate"] = config.bitrate
    if config.fd:
        settings["fd"] = True
    try:
        return can.Bus(
            interface=config.interface,
            channel=config.channel,
            ignore_config=True,  # nothing but this configuration counts
            **settings,  # type: ignore[arg-type]
        )
    except Exception as error:  # backends raise whatever their drivers do
        raise LinkError(f"{where(config)}: {reason(error)}") from error


class PythonCanReader:
    """The `FrameReader` of whatever python-can can open. A Python object a frame: the slow tier.

    python-can's times are of the wall clock; they are put on CLOCK_MONOTONIC with the distance
    between the two clocks at the time of reading. Frames with other times get that of reading.

    Args:
        config: The interface, and its options.
        clock: For time stamps.
        counters: Where what an adapter sends that is no frame is counted as lost, "malformed".
    """

    def __init__(self, config: CanConfig, clock: Clock, counters: Counters) -> None:
        self._config = config
        self._clock = clock
        self._counters = counters
        self._stamped_by = _STAMPED_BY.get(config.interface, Origin.USER)
        self._bus: can.BusABC | None = None
        self._descriptor: int | None = None
        self._ready = select.poll()

    def open(self) -> None:
        """See `FrameReader`."""
        self.close()
        bus = open_bus(self._config)
        try:
            self._descriptor = bus.fileno()
        except (NotImplementedError, OSError):
            self._descriptor = None
        if self._descriptor is not None and self._descriptor < 0:
            self._descriptor = None
        self._ready = select.poll()
        if self._descriptor is not None:
            self._ready.register(self._descriptor, select.POLLIN)
        self._bus = bus

    def close(self) -> None:
        """See `FrameReader`."""
        bus, self._bus, self._descriptor = self._bus, None, None
        if bus is not None:
            # An adapter that is gone cannot be told so; there is nothing left to save.
            with contextlib.suppress(Exception):
                bus.shutdown()

    def fileno(self) -> int | None:
        """See `FrameReader`."""
        return self._descriptor

    def read_into(self, frames: Frames, timeout_ns: int) -> int:
        """See `FrameReader`."""
        if self._bus is None:
            raise LinkLostError(f"{where(self._config)} is not open")
        timeout_s = timeout_ns / NS_PER_S
        if self._descriptor is not None:
            if not self._ready.poll(-(-timeout_ns // NS_PER_MS)):
                return 0
            timeout_s = 0.0
        messages: list[can.Message] = []
        for _ in range(len(frames)):
            try:
                message = self._bus.recv(timeout_s)
            except (ValueError, IndexError):  # a torn or garbled line of a serial adapter
                self._counters.received += 1
                self._counters.lost["malformed"] += 1
                continue
            except LOSS as error:
                if messages:
                    break  # these first; the adapter will still be gone at the next read
                raise LinkLostError(f"{where(self._config)} is gone: {reason(error)}") from error
            if message is None:
                break
            messages.append(message)
            timeout_s = 0.0
        if messages:
            frames[: len(messages)] = self._frames(messages)
        return len(messages)

    def _frames(self, messages: list[can.Message]) -> Frames:
        now_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        rows = []
        for message in messages:
            age_ns = wall_ns - round(message.timestamp * NS_PER_S)
            t_ns, origin = now_ns, Origin.USER
            if -NEWEST_NS <= age_ns <= OLDEST_NS:
                t_ns, origin = now_ns - max(age_ns, 0), self._stamped_by
            rows.append(frame_row(message, t_ns, 0, origin))
        return frames_of(rows)


def where(config: CanConfig) -> str:
    """Return what errors call the bus of *config*."""
    return f"{config.interface} {config.channel}"


def reason(error: BaseException) -> str:
    """Return what a driver's *error* says, or its name if it says nothing."""
    return str(error) or type(error).__name__
