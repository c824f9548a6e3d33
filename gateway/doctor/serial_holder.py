"""Is a serial port in the hands of another program, or of the kernel?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine
from gateway.doctor.wanted import NO_PORT, serial_ports

_IGNORED = "ID_MM_DEVICE_IGNORE=1"


def check_holder(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find programs that have a port open; without root only the user's own can be seen."""
    ports = _devices(machine, config)
    holders: dict[str, str] = {}
    if ports:
        for path in machine.find("/proc/[0-9]*/fd/*"):
            device = machine.link(path)
            if device is not None and device in ports.values():
                holders[device] = path.split("/")[2]
    for port, device in ports.items():
        pid = holders.get(device)
        name = pid and (machine.read(f"/proc/{pid}/comm") or "?")
        if not pid or not name:
            seen = "" if machine.user_id == 0 else " of this user (sudo sees those of all)"
            yield ok(f"{port} is held by no program{seen}")
        elif name.startswith("gw:"):
            yield ok(f"{port} is held by the gateway itself, process {pid}")
        else:
            yield wrong(
                f"{port} is held by {name}, process {pid}",
                "two programs that read one port get half of the bytes each",
                f"sudo kill {pid}  # or stop its service: systemctl status {pid} tells which",
            )
    if not ports:
        yield does_not_apply(f"{NO_PORT}, or none is there")


def check_modem_manager(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find ports that ModemManager would take for a modem."""
    ports = {
        port: device
        for port, device in _devices(machine, config).items()
        if re.match(r"/dev/tty(USB|ACM)", device)
    }
    if not ports:
        yield does_not_apply("no serial port on USB is configured, or none is there")
    elif not machine.succeeds("systemctl", "--quiet", "is-active", "ModemManager"):
        yield ok("ModemManager does not run")
    else:
        for port, device in ports.items():
            said = machine.run("udevadm", "info", "--query=property", device) or ""
            if _IGNORED in said.split():
                yield ok(f"ModemManager leaves {port} alone")
            else:
                yield wrong(
                    f"ModemManager runs, and is not told to leave {port} alone",
                    "it may open a new port first and greet it as a modem: half a minute in which"
                    " it is busy, and words that the device does not understand",
                    "sudo systemctl disable --now ModemManager"
                    "  # or, with a modem, ENV{ID_MM_DEVICE_IGNORE}: udev/70-gateway-serial.rules",
                )


def check_console(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find ports on which the kernel prints its messages and offers a login."""
    ports = _devices(machine, config)
    said = re.findall(r"(?:^|\s)console=(tty\w+)", machine.read("/proc/cmdline") or "")
    consoles = {f"/dev/{name}" for name in said}
    for port, device in ports.items():
        if device in consoles:
            yield wrong(
                f"{port} is the kernel's console ({device})",
                "it prints its messages there, and a login prompt answers the device",
                "sudo raspi-config nonint do_serial_cons 1 && sudo reboot",
            )
        else:
            yield ok(f"{port} is not the kernel's console")
    if not ports:
        yield does_not_apply(f"{NO_PORT}, or none is there")


def _devices(machine: Machine, config: Config | None) -> dict[str, str]:
    """Return the configured ports that are there, and the devices that they lead to."""
    found = ((port, machine.resolve(port)) for port in serial_ports(config))
    return {port: device for port, device in found if device is not None}
