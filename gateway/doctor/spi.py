"""Is there something on SPI where config.txt says that a CAN controller is?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.boot_config import boot_config
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine

DEVICES = "/sys/bus/spi/devices"


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:  # noqa: ARG001 - a Check
    """Find SPI that is off, and controllers that have not answered."""
    boot = boot_config(machine) if machine.is_pi else None
    overlays = [] if boot is None else boot.can_overlays
    if boot is None or not overlays:
        yield does_not_apply("no CAN controller on SPI is configured")
        return
    present = [path.rpartition("/")[2] for path in machine.find(f"{DEVICES}/spi*")]
    if not present:
        mend = "sudo reboot" if boot.spi else f"echo dtparam=spi=on | sudo tee -a {boot.path}"
        yield wrong(
            f"there is no device on SPI; {boot.path} {'has' if boot.spi else 'lacks'}"
            " dtparam=spi=on",
            "the controller is connected by SPI",
            mend if boot.spi else f"{mend} && sudo reboot",
        )
        return
    expected = [device for overlay in overlays if (device := overlay.spi_device)]
    for device in expected or present:
        yield _device(machine, device, present)


def _device(machine: Machine, device: str, present: list[str]) -> Finding:
    if device not in present:
        return wrong(
            f"{device} is not there; on SPI: {', '.join(present)}",
            "the overlay has not been loaded: not rebooted since, or refused by the firmware",
            "sudo reboot  # then, if it is still missing: sudo vclog --msg | grep -i dtoverlay",
        )
    chip = (machine.read(f"{DEVICES}/{device}/modalias") or "").removeprefix("spi:")
    driver = machine.link(f"{DEVICES}/{device}/driver")
    if driver is None:
        return wrong(
            f"{device} ({chip}) has no driver",
            "the driver has asked the chip for its registers and got no sensible answer: wiring,"
            " a chip select that is another board's, or another chip than the overlay says",
            f"sudo dmesg | grep {device}",
        )
    return ok(f"{device} ({chip}) is driven by {driver.rpartition('/')[2]}")
