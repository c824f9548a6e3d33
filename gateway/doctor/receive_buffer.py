"""How much may the kernel keep for a reader that is busy?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.can_link import links_in_use
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine
from gateway.doctor.wanted import can_sources

PATH = "/proc/sys/net/core/rmem_max"
LEAST = 4 << 20
WANTED = 8 << 20

FRAME_SIZE = 767
"""What a classic CAN frame takes of a socket's buffer, bytes: measured, 425,984 hold 555."""

FULL_BUS_HZ = 9_000
"""Frames of 8 bytes a second that 1 Mbit/s can carry."""


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find a limit on receive buffers below half a second of a full bus."""
    text = machine.read(PATH)
    if not can_sources(config) and not links_in_use(machine, config):
        yield does_not_apply("no CAN interface of the kernel is read")
    elif text is None:
        yield does_not_apply(f"{PATH} cannot be read")
    else:
        # The kernel grants twice what is asked for, and what is asked for is limited.
        frames = 2 * int(text) // FRAME_SIZE
        ms = 1000 * frames // FULL_BUS_HZ
        found = f"net.core.rmem_max is {int(text):,}: {frames:,} CAN frames, {ms} ms of a full bus"
        if int(text) >= LEAST:
            yield ok(found)
        else:
            yield wrong(
                found,
                "what comes while a reader waits for the processor or the disk longer than that is"
                " lost",
                f"echo net.core.rmem_max={WANTED} | sudo tee /etc/sysctl.d/70-gateway.conf &&"
                " sudo sysctl --system",
            )
