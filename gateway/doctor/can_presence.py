"""Are the CAN interfaces there, and up?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.can_link import CanLink, can_links
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine
from gateway.doctor.wanted import BusConfig, asks_for_fd, can_sources


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find the interfaces that are missing or down."""
    links = can_links(machine)
    if config is None:
        for link in links:
            yield _up(link, None)
        if not links:
            yield does_not_apply("there is no CAN interface, and no configuration that names one")
        return
    sources = can_sources(config)
    for source in sources:
        present = [link for link in links if link.is_called(source.channel)]
        yield _up(present[0], source) if present else _absent(machine, source.channel, links)
    if not sources:
        yield does_not_apply("no source reads a CAN interface of the kernel")


def _absent(machine: Machine, channel: str, links: list[CanLink]) -> Finding:
    others = ", ".join(link.ifname for link in links) or "none"
    found = f"{channel} is not there; CAN interfaces: {others}"
    if channel.startswith("vcan"):
        mend = f"sudo ip link add dev {channel} type vcan && sudo ip link set {channel} mtu 72 up"
        return wrong(found, "a virtual bus lasts until the next boot", mend)
    if machine.is_pi:
        return wrong(
            found,
            "the driver has not found the controller: the overlay in config.txt is missing or"
            " wrong, the chip is not answering on SPI, or the adapter is unplugged",
            "sudo dmesg | grep -i -E 'mcp25|spi|can'",
        )
    return wrong(
        found,
        "the source waits for it, and delivers nothing until then",
        "plug the adapter in, or name another channel; for simulated devices set"
        ' interface = "firmware_sim", which needs nothing of the kernel',
    )


def _up(link: CanLink, source: BusConfig | None) -> Finding:
    if link.is_up:
        kind = link.linkinfo.info_kind or "can"
        names = f" (also {', '.join(link.altnames)})" if link.altnames else ""
        return ok(f"{link.ifname}{names} is up, of kind {kind}")
    return wrong(f"{link.ifname} is down", "nothing is received from it", set_up(link, source))


def set_up(link: CanLink, source: BusConfig | None) -> str:
    """Return the line that sets an interface up, at the rate that is wanted or set, or 500k."""
    name = link.ifname
    if not link.has_controller:
        return f"sudo ip link set {name} up"
    controller = link.controller
    rate = (source and source.bitrate) or controller.bittiming.bitrate or 500_000
    settings = f"bitrate {rate} restart-ms {controller.restart_ms or 100}"
    if asks_for_fd(source):
        settings += f" dbitrate {controller.data_bittiming.bitrate or 2_000_000} fd on"
    down = f"sudo ip link set {name} down && " if link.is_up else ""
    return f"{down}sudo ip link set {name} up type can {settings}"
