"""Can an instance be started, and found by `gateway status`?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.finding import Finding, ok, wrong
from gateway.doctor.machine import Machine
from gateway.supervisor.instance import runtime_folder


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:  # noqa: ARG001 - a Check
    """Find a folder for locks and sockets that cannot be written."""
    folder = runtime_folder(machine.environment, machine.user_id)
    exists = machine.exists(str(folder))
    if machine.succeeds("test", "-w", str(folder if exists else folder.parent)):
        yield ok(f"{folder} {'can be written' if exists else 'can be made'}")
    else:
        yield wrong(
            f"{folder} {'cannot be written' if exists else 'cannot be made'} by"
            f" {machine.user_name}",
            "a gateway keeps its lock there, and answers `gateway status`",
            f"sudo install -d -m 700 -o {machine.user_name} {folder}"
            "  # or run as a service, which gets one from systemd",
        )
