"""How the CAN interfaces are set: bit rate, restart after bus-off, transmit queue."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.can_link import NO_LINK, CanLink, links_in_use
from gateway.doctor.can_presence import set_up
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine
from gateway.doctor.wanted import BusConfig, asks_for_fd, can_sources

LEAST_QUEUE = 32
"""The driver's own ten frames are sent in 1.3 ms at 1 Mbit/s: sooner than a sender is woken."""

CANFD_MTU = 72


def check_bit_rate(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find interfaces without a bit rate, or with another than the configuration expects."""
    links = [each for each in links_in_use(machine, config) if each.has_controller]
    for link in links:
        yield _bit_rate(link, _source_of(link, config))
    if not links:
        yield does_not_apply("no CAN interface with a controller to look at")


def _bit_rate(link: CanLink, source: BusConfig | None) -> Finding:
    name, rate = link.ifname, link.controller.bittiming.bitrate
    if not rate:
        return wrong(
            f"{name} has no bit rate",
            "it cannot be set up without the bit rate of the bus",
            set_up(link, source),
        )
    if source is not None and source.bitrate not in (None, rate):
        return wrong(
            f"{name} runs at {rate:,} bit/s, and the configuration says {source.bitrate:,}",
            "at a wrong rate nothing is received, and every frame of the others is disturbed",
            set_up(link, source),
        )
    if "LISTEN-ONLY" in link.controller.ctrlmode:
        return ok(f"{name} runs at {rate:,} bit/s, listening only: it acknowledges nothing")
    return ok(f"{name} runs at {rate:,} bit/s")


def check_fd(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find interfaces that cannot receive the CAN FD frames that are asked for."""
    links = links_in_use(machine, config)
    wanted = [link for link in links if asks_for_fd(_source_of(link, config))]
    for link in wanted:
        name = link.ifname
        if link.mtu >= CANFD_MTU:
            yield ok(f"{name} takes CAN FD frames")
        else:
            mend = (
                set_up(link, _source_of(link, config))
                if link.has_controller
                else f"sudo ip link set {name} down && sudo ip link set {name} mtu 72 up"
            )
            yield wrong(f"{name} takes classic frames alone", "fd = true asks for CAN FD", mend)
    if not wanted:
        yield does_not_apply("no source asks for CAN FD")


def check_restart(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find interfaces that would stay bus-off for ever."""
    links = [each for each in links_in_use(machine, config) if each.has_controller]
    for link in links:
        if link.controller.restart_ms:
            yield ok(f"{link.ifname} restarts {link.controller.restart_ms} ms after a bus-off")
        else:
            yield wrong(
                f"{link.ifname} does not restart after a bus-off (restart-ms 0)",
                "one short circuit or wrong plug, and it is silent until somebody comes",
                f"sudo ip link set {link.ifname} down &&"
                f" sudo ip link set {link.ifname} up type can restart-ms 100"
                "  # for good: RestartSec=100ms under [CAN] in its .network file",
            )
    if not links:
        yield does_not_apply("no CAN interface with a controller to look at")


def check_queue(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find interfaces with room for too few frames that wait to be sent."""
    links = [each for each in links_in_use(machine, config) if each.has_controller]
    for link in links:
        if link.txqlen >= LEAST_QUEUE:
            yield ok(f"{link.ifname} has room for {link.txqlen} frames to be sent")
        else:
            yield wrong(
                f"{link.ifname} has room for {link.txqlen} frames to be sent",
                "whoever sends a few frames at once gets 'No buffer space available'",
                f"sudo ip link set {link.ifname} txqueuelen 128"
                "  # for good: the rules that `make install` puts into place",
            )
    if not links:
        yield does_not_apply(NO_LINK)


def _source_of(link: CanLink, config: Config | None) -> BusConfig | None:
    sources = can_sources(config)
    return next((source for source in sources if link.is_called(source.channel)), None)
