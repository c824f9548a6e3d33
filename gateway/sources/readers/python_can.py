"""Any interface of python-can."""

from __future__ import annotations

import contextlib
import select
import termios
from collections.abc import Mapping
from typing import Any

import can

from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.config.model import CanConfig
from gateway.counters import Counters
from gateway.errors import LinkError, LinkLostError
from gateway.record import Frames, Origin
from gateway.sources.can_message import frame_row, frames_of
from gateway.sources.link import NO_STATES, LinkState
from gateway.sources.readers.filters import INVERTED, FrameFilters

DELAY_NS = 100 * NS_PER_MS
"""How long a frame may be on its way from an adapter's clock to this process, if nobody reads."""

NEWEST_NS = NS_PER_MS
"""How far ahead a time stamp may lie. A float of seconds since 1970 is 238 ns coarse."""

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

_ID_BITS = 0x1FFFFFFF

LOSS = (can.CanError, OSError, termios.error)
"""What drivers raise when an adapter is gone."""


def open_bus(config: CanConfig, filters: FrameFilters | None = None) -> can.BusABC:
    """Return python-can's bus as *config* describes it.

    Adapters that have filters of their own are given *filters*.

    Raises:
        LinkError: The adapter is absent, busy, or refuses the settings.
    """
    settings: dict[str, Any] = dict(config.options)
    if config.bitrate is not None:
        settings["bitrate"] = config.bitrate
    if config.fd:
        settings["fd"] = True
    # python-can has no inverted filters, and takes none at all for no filter.
    if filters and filters.pairs and not any(can_id & INVERTED for can_id, _ in filters.pairs):
        settings["can_filters"] = [
            {"can_id": can_id & _ID_BITS, "can_mask": mask & _ID_BITS}
            for can_id, mask in filters.pairs
        ]
    try:
        return can.Bus(
            interface=config.interface,
            channel=config.channel,
            ignore_config=True,  # nothing but this configuration counts
            **settings,
        )
    except Exception as error:  # backends raise whatever their drivers do
        raise LinkError(f"{where(config)}: {reason(error)}") from error


class PythonCanReader:
    """The `FrameReader` of whatever python-can can open. A Python object a frame: the slow tier.

    python-can's times are of the wall clock; they are put on CLOCK_MONOTONIC with the distance
    between the two clocks at the time of reading. A time is believed if the frame can have come
    then: since nothing was waiting to be read, and not in the future. A frame that has another
    one, because the clock was set or because the adapter counts from its own start, is given the
    time of the next frame that has a good one, or else that of reading.

    Args:
        config: The interface, and its options.
        clock: For time stamps.
        counters: Where what an adapter sends that is no frame is counted as lost, "malformed".
    """

    tier = "python-can"

    def __init__(self, config: CanConfig, clock: Clock, counters: Counters) -> None:
        self._config = config
        self._clock = clock
        self._counters = counters
        self._stamped_by = _STAMPED_BY.get(config.interface, Origin.USER)
        self._filters: FrameFilters | None = None
        self._bus: can.BusABC | None = None
        self._descriptor: int | None = None
        self._ready = select.poll()

    def filter(self, filters: FrameFilters) -> bool:
        """See `FrameReader`. What an adapter makes of them is its own affair."""
        self._filters = filters
        return False

    def open(self) -> None:
        """See `FrameReader`."""
        self.close()
        bus = open_bus(self._config, self._filters)
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
        self._empty_ns = self._latest_ns = self._clock.monotonic_ns()

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
                self._empty_ns = self._clock.monotonic_ns()
                return 0
            timeout_s = 0.0
        messages: list[can.Message] = []
        emptied = False
        for _ in range(len(frames)):
            try:
                message = receive(self._bus, timeout_s)
            except (ValueError, IndexError):  # a torn or garbled line of a serial adapter
                self._counters.received += 1
                self._counters.lost["malformed"] += 1
                timeout_s = 0.0
                continue
            except LOSS as error:
                if messages:
                    break  # these first; the adapter will still be gone at the next read
                raise LinkLostError(f"{where(self._config)} is gone: {reason(error)}") from error
            if message is None:
                emptied = True
                break
            messages.append(message)
            timeout_s = 0.0
        if messages:
            frames[: len(messages)] = self._frames(messages)
        if emptied:
            self._empty_ns = self._clock.monotonic_ns()
        return len(messages)

    def link_states(self) -> Mapping[LinkState, str]:
        """See `FrameReader`. python-can's interfaces do not say how the bus is."""
        return NO_STATES

    def _frames(self, messages: list[can.Message]) -> Frames:
        now_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        oldest_ns = self._empty_ns - DELAY_NS
        rows = []
        next_ns = now_ns
        for message in reversed(messages):
            t_ns = now_ns - wall_ns + round(message.timestamp * NS_PER_S)
            origin = self._stamped_by
            if oldest_ns <= t_ns <= now_ns + NEWEST_NS:
                next_ns = t_ns = min(t_ns, now_ns)
            else:
                t_ns, origin = max(next_ns, self._latest_ns), Origin.USER
            rows.append(frame_row(message, t_ns, 0, origin))
        self._latest_ns = rows[0][0]
        return frames_of(rows[::-1])


def receive(bus: can.BusABC, timeout_s: float) -> can.Message | None:
    """Return the next message, None if none came in time.

    Not by `can.BusABC.recv` where that can be helped: it measures the time with the wall clock,
    and waits for an hour more when that is set back by an hour. What it calls for each try is all
    that it adds to, but for filters, which whoever calls applies himself.
    """
    if type(bus).recv is can.BusABC.recv:
        return bus._recv_internal(timeout_s)[0]
    return bus.recv(timeout_s)


def where(config: CanConfig) -> str:
    """Return what errors call the bus of *config*."""
    return f"{config.interface} {config.channel}"


def reason(error: BaseException) -> str:
    """Return what a driver's *error* says, or its name if it says nothing."""
    return str(error) or type(error).__name__
