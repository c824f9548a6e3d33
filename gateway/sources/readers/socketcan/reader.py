"""The reader of the kernel's CAN interfaces."""

from __future__ import annotations

import errno
import logging
import select
from collections.abc import Mapping

from gateway.clock import NS_PER_MS, NS_PER_S, Clock
from gateway.config.model import CanConfig
from gateway.config.values import FieldError
from gateway.counters import Counters
from gateway.errors import LinkError, LinkLostError
from gateway.record import Frames, Origin
from gateway.sources.link import NO_STATES, LinkState
from gateway.sources.readers.filters import MOST, FrameFilters
from gateway.sources.readers.socketcan.batches import BatchReceiver
from gateway.sources.readers.socketcan.bus_watch import BusWatch
from gateway.sources.readers.socketcan.link import Link
from gateway.sources.readers.socketcan.packets import PacketReceiver
from gateway.sources.readers.socketcan.receiver import Receiver
from gateway.sources.readers.socketcan.rtnetlink import ask_for_link
from gateway.sources.readers.socketcan.single import SingleReceiver
from gateway.sources.readers.socketcan.times import HardwareTimes, WallTimes

TIERS = (PacketReceiver.tier, BatchReceiver.tier, SingleReceiver.tier)
"""Fastest first."""

BUSY_BUS = 10_000
"""Frames a second: a full bus, with 8 bytes a frame at 1 Mbit/s."""

STATISTICS_NS = NS_PER_S
"""How often the interface is asked what it lost."""

log = logging.getLogger(__name__)


class SocketCanReader:
    """The `FrameReader` of ``interface = "socketcan"``.

    It takes the fastest of three ways that the kernel and this process's privileges allow; where
    the controller stamps frames, the fastest that has these stamps. ``options.tier`` names one of
    `TIERS` to have that and no other.

    What is lost is counted as lost: "kernel" (no room in the buffer or ring), "driver" (the
    interface dropped it), "overrun" (the controller had no room; it may be several frames each).

    Args:
        config: The interface.
        clock: For what the kernel does not stamp; and to put its stamps on CLOCK_MONOTONIC.
        counters: Where losses are counted.

    Attributes:
        tier: The way that was taken, when it was opened last.

    Raises:
        FieldError: An option is wrong.
    """

    def __init__(self, config: CanConfig, clock: Clock, counters: Counters) -> None:
        self.tier = ""
        self._wanted_tier = _tier_of(config)
        self._link = Link(config.channel)
        self._filters: FrameFilters | None = None
        self._fd = config.fd
        self._clock = clock
        self._counters = counters
        self._receiver: Receiver | None = None
        self._ready = select.poll()

    def filter(self, filters: FrameFilters) -> bool:
        """See `FrameReader`. The kernel does it, unless there are too many."""
        self._filters = filters if len(filters.pairs) <= MOST else None
        return self._filters is not None

    def open(self) -> None:
        """See `FrameReader`."""
        self.close()
        self._number = self._link.check(fd=self._fd)
        receiver = self._open_receiver()
        self._receiver = receiver
        self._watch = BusWatch(self._link.name, sees_all=self._filters is None)
        if receiver.tier != self.tier and receiver.room < BUSY_BUS // 10:
            log.warning(
                "%s: the kernel keeps %d frames, %d ms of a full bus; for more: "
                "sysctl net.core.rmem_max=16777216, or the capability CAP_NET_ADMIN",
                self._link.name,
                receiver.room,
                receiver.room * 1000 // BUSY_BUS,
            )
        self.tier = receiver.tier
        self._ready = select.poll()
        self._ready.register(receiver.fileno(), select.POLLIN)
        self._times = WallTimes(self._clock)
        self._hardware_times = HardwareTimes()
        self._losses = self._link.losses()
        self._asked_ns = self._times.now_ns

    def close(self) -> None:
        """See `FrameReader`."""
        receiver, self._receiver = self._receiver, None
        if receiver:
            self._count_losses(receiver)
            receiver.close()

    def fileno(self) -> int | None:
        """See `FrameReader`."""
        return self._receiver.fileno() if self._receiver else None

    def read_into(self, frames: Frames, timeout_ns: int) -> int:
        """See `FrameReader`."""
        receiver = self._receiver
        if receiver is None:
            raise LinkLostError(f"{self._link.name} is not open")
        try:
            count = receiver.receive(frames)
            if not count and timeout_ns and self._ready.poll(-(-timeout_ns // NS_PER_MS)):
                count = receiver.receive(frames)
        except OSError as error:
            raise self._lost(error) from error
        self._times.look()
        if count:
            self._stamp(frames[:count], receiver)
            self._watch.take(frames[:count])
        # Whoever lost something is behind, and gets full batches.
        if count == len(frames) or self._times.now_ns - self._asked_ns >= STATISTICS_NS:
            self._count("kernel", receiver.dropped())
        if self._times.now_ns - self._asked_ns >= STATISTICS_NS:
            self._asked_ns = self._times.now_ns
            self._count_interface_losses()
        return count

    def link_states(self) -> Mapping[LinkState, str]:
        """See `FrameReader`."""
        if self._receiver is None:
            return NO_STATES
        facts, now_ns = ask_for_link(self._link.name), self._clock.monotonic_ns()
        self._watch.hear(facts, now_ns)
        return self._watch.states(now_ns)

    def _open_receiver(self) -> Receiver:
        name = self._link.name
        hardware_times = self._link.has_hardware_times()
        raw = self._clock, self._filters
        for tier in (self._wanted_tier,) if self._wanted_tier else TIERS:
            try:
                if tier == BatchReceiver.tier:
                    return BatchReceiver(name, *raw, hardware_times=hardware_times)
                if tier == SingleReceiver.tier:
                    return SingleReceiver(name, *raw, hardware_times=hardware_times)
                if self._wanted_tier or not hardware_times:
                    return PacketReceiver(name, self._filters)
            except OSError as error:
                failure = error  # the next one may need less
        state = LinkState.ABSENT if failure.errno == errno.ENODEV else LinkState.REFUSED
        raise LinkError(f"{name}: {failure.strerror}", state) from failure

    def _lost(self, error: OSError) -> LinkLostError:
        """Return what *error* of the open link means.

        An interface that is deleted goes down first, and that may be all that the error tells.
        """
        name = self._link.name
        facts = ask_for_link(name)
        if error.errno == errno.ENODEV or (facts and facts.number != self._number):
            gone = f"{name} is gone: it was unplugged or deleted"
            return LinkLostError(gone, LinkState.UNPLUGGED)
        if error.errno == errno.ENETDOWN:
            return LinkLostError(self._link.how_to_start, LinkState.DOWN)
        return LinkLostError(f"{name}: {error.strerror}")

    def _stamp(self, frames: Frames, receiver: Receiver) -> None:
        """Put the frames' times on CLOCK_MONOTONIC."""
        t_ns = frames["t_ns"]
        self._times.convert(t_ns)
        hardware_ns = receiver.hardware_ns
        if hardware_ns is not None and hardware_ns.any():
            stamped = hardware_ns != 0
            t_ns[stamped] = self._hardware_times.convert(hardware_ns[stamped], t_ns[stamped])
            frames["origin"][stamped] = Origin.HARDWARE

    def _count_losses(self, receiver: Receiver) -> None:
        self._count("kernel", receiver.dropped())
        self._count_interface_losses()

    def _count_interface_losses(self) -> None:
        losses = self._link.losses()
        for name, total in losses.items():
            # Less than before: the interface was deleted and made again.
            self._count(name, max(0, total - self._losses[name]))
        self._losses = losses

    def _count(self, name: str, lost: int) -> None:
        if lost:
            self._counters.received += lost
            self._counters.lost[name] += lost


def _tier_of(config: CanConfig) -> str:
    """Return the tier that *config* asks for, "" if it leaves the choice."""
    expected = f"tier = one of {', '.join(map(repr, TIERS))}"
    for key, value in config.options.items():
        if key != "tier" or value not in TIERS:
            raise FieldError(f"options.{key}", repr(value), f"nothing there but {expected}")
    return str(config.options.get("tier", ""))
