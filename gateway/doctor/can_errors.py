"""What the CAN interfaces have gone through: error states, and frames lost below the gateway."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.model import Config
from gateway.doctor.can_link import NO_LINK, CanLink, links_in_use
from gateway.doctor.finding import Finding, does_not_apply, ok, wrong
from gateway.doctor.machine import Machine

_ADVICE = {
    "BUS-OFF": (
        "the controller has cut itself off after too many errors of its own: another bit rate than"
        " the bus, a wrong oscillator= in config.txt, CAN_H and CAN_L swapped or shorted",
        "ip -details link show {name}  # compare the rate, then the wiring; to try again now:"
        " sudo ip link set {name} type can restart",
    ),
    "ERROR-PASSIVE": (
        "nearly every frame fails: a wrong bit rate or oscillator=, no termination, or nobody else"
        " on the bus who could acknowledge",
        "measure 60 ohms between CAN_H and CAN_L, power off: 120 means one terminator is missing",
    ),
    "ERROR-WARNING": (
        "many frames fail: a bad contact, a missing terminator, a rate that is slightly off",
        "measure 60 ohms between CAN_H and CAN_L, power off: 120 means one terminator is missing",
    ),
}


def check_state(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find controllers that are, or were, in trouble on their bus."""
    links = [each for each in links_in_use(machine, config) if each.has_controller and each.is_up]
    for link in links:
        yield _state(link)
    if not links:
        yield does_not_apply("no CAN interface with a controller is up")


def _state(link: CanLink) -> Finding:
    name, controller, events = link.ifname, link.controller, link.linkinfo.info_xstats
    errors = controller.berr_counter
    state = controller.state or "UNKNOWN"
    counters = f"error counters: {errors.rx} receiving, {errors.tx} sending"
    if state in _ADVICE:
        why, mend = _ADVICE[state]
        return wrong(f"{name} is {state}; {counters}", why, mend.format(name=name))
    if events.bus_off:
        return wrong(
            f"{name} is {state} now, and went bus-off {events.bus_off} times since it was made",
            "each time it was deaf until its restart, and frames were missed that nobody counts",
            f"journalctl -k | grep {name}  # when? then look at plugs and wiring",
        )
    return ok(f"{name} is {state}; {counters}")


def check_losses(machine: Machine, config: Config | None) -> Iterator[Finding]:
    """Find interfaces at which frames were lost before any program could read them."""
    links = [each for each in links_in_use(machine, config) if each.is_up]
    for link in links:
        received = link.stats64.rx
        lost = received.over_errors + received.dropped
        if lost:
            yield wrong(
                f"{link.ifname} has lost {lost:,} of {received.packets + lost:,} frames since it"
                f" was made ({received.over_errors:,} in the controller,"
                f" {received.dropped:,} in the kernel)",
                "the controller has room for two (MCP2515) to thirty frames, and was not emptied in"
                " time: the processor was too slow or too cold to answer its interrupt",
                "echo performance | sudo tee /sys/devices/system/cpu/cpufreq/policy*/"
                "scaling_governor  # and mcp251xfd in place of mcp2515 where the bus is busy",
            )
        else:
            yield ok(f"{link.ifname} has lost none of {received.packets:,} frames")
    if not links:
        yield does_not_apply(NO_LINK)
