"""Does the processor run as fast as it can?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine

POLICIES = "/sys/devices/system/cpu/cpufreq/policy*"
_GOVERNORS = "/sys/devices/system/cpu/cpufreq/policy*/scaling_governor"

_SCALES_ITSELF = ("intel_pstate", "amd-pstate")
"""With these drivers "powersave" is the name of a governor that goes as fast as is asked for."""


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:  # noqa: ARG001 - a Check
    """Find processors that are kept slow."""
    policies = machine.find(POLICIES)
    for policy in policies:
        yield _policy(machine, policy)
    if not policies:
        yield does_not_apply("the processor's speed is not this system's to choose")


def _policy(machine: Machine, policy: str) -> Finding:
    def number(name: str) -> int:
        return int(machine.read(f"{policy}/{name}") or 0)

    governor = machine.read(f"{policy}/scaling_governor") or ""
    driver = machine.read(f"{policy}/scaling_driver") or ""
    allowed, possible = number("scaling_max_freq"), number("cpuinfo_max_freq")
    name = policy.rpartition("/")[2]
    if governor == "powersave" and not driver.startswith(_SCALES_ITSELF):
        slowest = number("scaling_min_freq") // 1000
        return wrong(
            f"{name}: the governor is powersave: always {slowest:,} MHz",
            "a CAN controller on SPI has room for two frames, and is emptied by this processor",
            f"echo ondemand | sudo tee {_GOVERNORS}",
        )
    if 0 < allowed < possible:
        return wrong(
            f"{name}: limited to {allowed // 1000:,} of {possible // 1000:,} MHz",
            "a CAN controller on SPI has room for two frames, and is emptied by this processor",
            f"echo {possible} | sudo tee {policy}/scaling_max_freq",
        )
    return ok(f"{name}: the governor is {governor}, up to {allowed // 1000:,} MHz")
