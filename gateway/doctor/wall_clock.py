"""Is the wall clock right?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine

_WHY = (
    "a Raspberry Pi before the 5 has no battery for its clock: until it is set, events carry the"
    " time of the last shutdown (rules are not concerned: they see the frames' own time)"
)


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:  # noqa: ARG001 - a Check
    """Find a clock that nothing keeps right."""
    if (said := machine.run("timedatectl", "show")) is not None:
        facts = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        synchronised, enabled = facts.get("NTPSynchronized") == "yes", facts.get("NTP") == "yes"
    elif (said := machine.run("chronyc", "-c", "tracking")) is not None:
        synchronised, enabled = said.strip().rpartition(",")[2] != "Not synchronised", True
    else:
        yield does_not_apply("nobody here can tell: neither timedatectl nor chronyc answers")
        return
    if synchronised:
        yield ok("the clock is synchronised")
    elif enabled:
        yield wrong(
            "the clock is not synchronised: no time server answers",
            _WHY,
            "timedatectl timesync-status  # offline: sudo apt install chrony gpsd, and take the"
            " time from the GPS",
        )
    else:
        yield wrong(
            "the clock is not synchronised: nothing is to do it",
            _WHY,
            "sudo timedatectl set-ntp true",
        )
