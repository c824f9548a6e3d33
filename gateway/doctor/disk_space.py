"""Is there room for the journal?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.config.model import Config
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine

LEAST_BYTES = 512 << 20
"""Alarms are few; a full system disk is what stops a Pi."""

MIB = 1 << 20


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find a journal whose disk is nearly full."""
    journal = None if config is None else config.alarms.journal
    if config is None or journal is None:
        yield does_not_apply("no journal is configured")
        return
    folder: Path = config.resolve(journal).parent.absolute()
    said = machine.run("df", "--output=avail,size,target", "--block-size=1", str(folder))
    if said is None:
        yield does_not_apply(f"the disk of {folder} cannot be told")
        return
    available, size, target = said.splitlines()[-1].split(maxsplit=2)
    found = f"{target} has {int(available) // MIB:,} MiB left of {int(size) // MIB:,} for {journal}"
    if int(available) >= LEAST_BYTES:
        yield ok(found)
    else:
        yield wrong(
            found,
            "when the disk is full, alarms wait in memory and the gateway with them",
            "sudo journalctl --vacuum-size=100M && sudo apt clean"
            f"  # then: sudo du -xh {target} | sort -h | tail",
        )
