"""May this user open the serial ports?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine
from gateway.doctor.wanted import NO_PORT, serial_ports


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find ports whose group the user is not in."""
    present = [port for port in serial_ports(config) if machine.exists(port)]
    if machine.user_id == 0:
        yield does_not_apply(
            "root may open every port; as the service's user: sudo -u gateway gateway doctor ..."
        )
        return
    for port in present:
        yield _access(machine, port)
    if not present:
        yield does_not_apply(f"{NO_PORT}, or none is there")


def _access(machine: Machine, port: str) -> Finding:
    said = (machine.run("stat", "--dereference", "--format=%G %A", port) or "").split()
    if len(said) != 2:
        return does_not_apply(f"{port}: its group cannot be told")
    group, mode = said
    user = machine.user_name
    if mode[7:9] == "rw" or (mode[4:6] == "rw" and group in machine.groups):
        return ok(f"{user} may open {port}, of the group {group}")
    if group in ("root", "tty") or mode[4:6] != "rw":
        return wrong(
            f"{port} belongs to {group} ({mode}), which is nobody's",
            "only root may open it",
            "sudo cp udev/70-gateway-serial.rules /etc/udev/rules.d/ &&"
            " sudo udevadm control --reload && sudo udevadm trigger",
        )
    return wrong(
        f"{port} belongs to {group}, and {user} is not in it",
        "the port cannot be opened: permission denied",
        f"sudo adduser {user} {group}  # then log out and in again",
    )
