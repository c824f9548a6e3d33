"""Has the Raspberry Pi enough power, and is it cool?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine

# Bits of `vcgencmd get_throttled`: as it is now; 16 higher: since the start.
_UNDER_VOLTAGE = 1 << 0
_HOT = (1 << 1) | (1 << 2) | (1 << 3)
_SINCE_START = 16

_SUPPLY = (
    "the processor is slowed down, USB adapters drop off and SD cards are damaged",
    "take the supply that is made for this Pi, and a short, thick cable; in a car or on a boat, a"
    " converter of 5.1 V and 3 A (Pi 5: 5 A)",
)
_HEAT = (
    "the processor is slowed down, and CAN controllers are not emptied in time",
    "vcgencmd measure_temp  # then a heat sink or a fan, and less sun",
)


def check(machine: Machine, config: Config | None) -> Iterator[Finding]:  # noqa: ARG001 - a Check
    """Find under-voltage and throttling, now or since the start."""
    if not machine.is_pi:
        yield does_not_apply("this is not a Raspberry Pi")
    elif (said := machine.run("vcgencmd", "get_throttled")) is not None:
        bits = int(said.strip().partition("=")[2], 16)
        yield from _judge(bits, "now")
        yield from _judge(bits >> _SINCE_START & ~bits, "since the start")
        if not bits:
            yield ok("enough power and never too hot since the start")
    else:
        yield from _voltage_sensor(machine)


def _judge(bits: int, when: str) -> Iterator[Finding]:
    if bits & _UNDER_VOLTAGE:
        yield wrong(f"under-voltage {when}", *_SUPPLY)
    if bits & _HOT:
        yield wrong(f"throttled {when}", *_HEAT)


def _voltage_sensor(machine: Machine) -> Iterator[Finding]:
    """Ask the kernel's driver, where the firmware's own tool is not installed."""
    for path in machine.find("/sys/class/hwmon/hwmon*/name"):
        if machine.read(path) == "rpi_volt":
            alarm = machine.read(path.replace("/name", "/in0_lcrit_alarm"))
            yield wrong("under-voltage now", *_SUPPLY) if alarm == "1" else ok("enough power")
            return
    yield does_not_apply("neither vcgencmd nor the kernel tells")
