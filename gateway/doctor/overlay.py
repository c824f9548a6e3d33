"""Does config.txt describe the CAN controllers, and their crystals?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.boot_config import LONGEST_LINE, BootConfig, Overlay, boot_config
from gateway.doctor.can_link import CanLink, can_links
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine
from gateway.doctor.wanted import can_sources

MCP2515_HZ = (8_000_000, 12_000_000, 16_000_000, 20_000_000)
MCP251XFD_HZ = (4_000_000, 20_000_000, 40_000_000)
"""The crystals that are sold with these chips."""

_WHY_OSCILLATOR = (
    "the bit rate is derived from it: with a wrong value the bus runs at another rate, and no frame"
    " gets through"
)


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find what is missing or doubtful in the boot configuration."""
    boot = boot_config(machine)
    if not machine.is_pi:
        yield does_not_apply("this is not a Raspberry Pi")
        return
    if boot is None:
        yield does_not_apply("config.txt is not to be found; is /boot/firmware mounted?")
        return
    for number in boot.long_lines:
        yield wrong(
            f"{boot.path}: line {number} is longer than {LONGEST_LINE} characters",
            "the firmware ignores the rest of it",
            "put parameters of an overlay on lines of their own below it, each as dtparam=...",
        )
    links = can_links(machine)
    for overlay in boot.can_overlays:
        yield _oscillator(boot, overlay, links)
    if not boot.can_overlays:
        yield _none(boot, links, config)


def _none(boot: BootConfig, links: list[CanLink], config: Config | None) -> Finding:
    wanted = [each.channel for each in can_sources(config) if not each.channel.startswith("vcan")]
    missing = [name for name in wanted if not any(link.is_called(name) for link in links)]
    if not missing:
        return does_not_apply(f"{boot.path} has no overlay of a CAN controller, and none is missed")
    return wrong(
        f"{boot.path} has no overlay of a CAN controller, and {missing[0]} is not there",
        "without it the kernel does not know that there is a controller on SPI",
        f"echo 'dtoverlay=mcp2515-can0,oscillator=16000000,interrupt=25' | sudo tee -a {boot.path}"
        " && sudo reboot  # the crystal's frequency, and the pin, as the board's maker says",
    )


def _oscillator(boot: BootConfig, overlay: Overlay, links: list[CanLink]) -> Finding:
    hz, usual = overlay.oscillator_hz, MCP2515_HZ if overlay.has_mcp2515 else MCP251XFD_HZ
    if overlay.name.startswith(("seeed-can", "2xMCP251")):
        return ok(f"{overlay} brings its oscillator with it")
    if hz is None:
        assumed = 16 if overlay.has_mcp2515 else 40
        return wrong(
            f"{overlay} does not say the oscillator; {assumed} MHz is assumed",
            f"boards with other crystals look the same. {_WHY_OSCILLATOR}",
            f"read the number on the crystal's can (8.000, 12.000, 16.000, 40.000) and write"
            f" {overlay},oscillator={assumed}000000 into {boot.path}; then sudo reboot",
        )
    if hz not in usual:
        expected = ", ".join(str(each) for each in usual)
        return wrong(
            f"{overlay}: an oscillator of {hz:,} Hz",
            _WHY_OSCILLATOR,
            f"in hertz, as it stands on the crystal's can, in {boot.path}: one of {expected}",
        )
    link = next((each for each in links if each.parentdev == overlay.spi_device), None)
    if link is not None and link.controller.clock not in (0, _clock_hz(overlay, hz)):
        return wrong(
            f"{overlay}, but {link.ifname} runs from a clock of {link.controller.clock:,} Hz,"
            f" not {_clock_hz(overlay, hz):,}",
            "the machine was started with another configuration than the file has now",
            "sudo reboot",
        )
    return ok(f"{overlay}")


def _clock_hz(overlay: Overlay, oscillator_hz: int) -> int:
    """Return the controller's clock, as drivers/net/can/spi of the kernel makes it."""
    if overlay.has_mcp2515:
        return oscillator_hz // 2
    return oscillator_hz * 10 if oscillator_hz == MCP251XFD_HZ[0] else oscillator_hz
