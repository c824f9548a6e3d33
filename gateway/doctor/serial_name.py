"""Are the serial ports called by names that stay?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine
from gateway.doctor.wanted import NO_PORT, serial_ports

FOLDERS = ("/dev/serial/by-id", "/dev/gateway", "/dev/serial/by-path")
"""Where stable names are, best first."""

_NUMBERED = re.compile(r"/dev/tty(USB|ACM)\d+")


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find ports that are missing, or called by a number that may be another's tomorrow."""
    names = [name for folder in FOLDERS for name in machine.find(f"{folder}/*")]
    ports = serial_ports(config)
    for port in ports:
        device = machine.resolve(port)
        if device is None:
            yield _missing(port, names)
        elif _NUMBERED.fullmatch(port):
            yield _numbered(port, [name for name in names if machine.resolve(name) == device])
        else:
            yield ok(f"{port} is {device}" if device != port else f"{port} is there")
    if not ports:
        yield does_not_apply(NO_PORT)


def _missing(port: str, names: list[str]) -> Finding:
    if names:
        mend = f'port = "{names[0]}"'
        if len(names) > 1:
            mend += f"  # or one of {', '.join(names[1:])}"
    else:
        mend = "plug it in; then ls -l /dev/serial/by-id shows its name"
    return wrong(
        f"{port} is not there", "the source waits for it, and delivers nothing until then", mend
    )


def _numbered(port: str, names: list[str]) -> Finding:
    if names:
        mend = f'port = "{names[0]}"'
    else:
        mend = "write a rule that gives it one: the template in udev/70-gateway-serial.rules"
    return wrong(
        f"{port} is called by its number",
        "numbers are given out in the order of plugging in: after a reboot it may be another's",
        mend,
    )
