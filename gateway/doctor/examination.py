"""The whole examination: a table of checks."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor import (
    can_errors,
    can_presence,
    can_settings,
    disk_space,
    overlay,
    power,
    processor,
    receive_buffer,
    runtime_folder,
    serial_group,
    serial_holder,
    serial_name,
    spi,
    vcan,
    wall_clock,
)
from gateway.doctor.finding import Check, Finding, does_not_apply
from gateway.doctor.machine import Machine

CHECKS: dict[str, Check] = {
    "overlay": overlay.check,
    "spi": spi.check,
    "can interface": can_presence.check,
    "can bit rate": can_settings.check_bit_rate,
    "can fd": can_settings.check_fd,
    "can restart": can_settings.check_restart,
    "can transmit queue": can_settings.check_queue,
    "can state": can_errors.check_state,
    "can losses": can_errors.check_losses,
    "receive buffer": receive_buffer.check,
    "vcan": vcan.check,
    "serial name": serial_name.check,
    "serial group": serial_group.check,
    "serial holder": serial_holder.check_holder,
    "serial console": serial_holder.check_console,
    "modem manager": serial_holder.check_modem_manager,
    "clock": wall_clock.check,
    "disk space": disk_space.check,
    "processor": processor.check,
    "power": power.check,
    "runtime folder": runtime_folder.check,
}
"""By what people and programs call them, in the order in which they are shown."""


def examine(machine: Machine, config: Config | None) -> Iterator[tuple[str, Finding]]:
    """Yield what every check finds, with the check's name; at least one for each.

    A machine that answers as none has before ends one check, not the examination.

    Args:
        machine: What is examined.
        config: What it is to run; None examines whatever is there.
    """
    for name, check in CHECKS.items():
        try:
            for finding in check(machine, config):
                yield name, finding
        except Exception as error:  # noqa: BLE001 - a machine that nobody has thought of
            text = " ".join(str(error).split())
            yield name, does_not_apply(f"cannot be examined ({type(error).__name__}: {text})")
