"""Can there be virtual CAN buses?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine
from gateway.doctor.wanted import can_sources


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find a kernel without vcan where a source reads a virtual bus."""
    built_in = machine.exists("/sys/module/vcan")
    available = built_in or machine.succeeds("modinfo", "vcan")
    wanted = [each.channel for each in can_sources(config) if each.channel.startswith("vcan")]
    if available:
        yield ok("this kernel has virtual buses")
    elif wanted:
        yield wrong(
            f"this kernel has no virtual buses, and {wanted[0]} is configured",
            "containers, WSL and most test services have kernels without CAN",
            'interface = "firmware_sim"  # a bus of our own, which needs nothing of the kernel; on'
            " Debian: sudo apt install linux-image-amd64",
        )
    else:
        yield does_not_apply("this kernel has no virtual buses, and none is configured")
