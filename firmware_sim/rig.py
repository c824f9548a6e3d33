"""The devices, buses and ports of a running scenario, by name: what a request acts on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_sim.bus import Bus, NodeReport
from firmware_sim.devices.base import Adjustable, Resettable
from firmware_sim.devices.inputs import Inputs
from firmware_sim.errors import RequestError
from firmware_sim.explain import listed
from firmware_sim.outlets import BusLine, Port
from firmware_sim.schedule import Outlet, Place, Schedule


@dataclass(slots=True)
class Member:
    """A ``[[device]]`` of the scenario.

    Attributes:
        name: Its name.
        type: Its type.
        places: The devices that it consists of: the ECUs of a car; none for an adapter.
        port: Its serial port, if it has one.
        line: The bus that it joins to its port, for an adapter.
        tap: What a fault has put before the port of one that is driven from outside.
        pulls: How many faults have pulled the port's connector.
    """

    name: str
    type: str
    places: list[Place] = field(default_factory=list)
    port: Port | None = None
    line: BusLine | None = None
    tap: Outlet | None = None
    pulls: int = 0

    @property
    def driven_from_outside(self) -> bool:
        """Whether what its port sends comes from no device of this process: an adapter, a cable."""
        return self.type in ("slcan", "process")

    def inputs(self) -> Iterable[Inputs]:
        """Yield the inputs of its parts, those that several share once."""
        found: list[Inputs] = []
        for place in self.places:
            device = place.device
            if isinstance(device, Adjustable) and device.inputs not in found:
                found.append(device.inputs)
        return found

    def units(self) -> dict[str, str]:
        """Return the unit of each input by its name."""
        return {name: unit for inputs in self.inputs() for name, unit in inputs.units.items()}

    def holding(self, name: str) -> Inputs:
        """Return the inputs that have *name*.

        Raises:
            KeyError: None has it.
        """
        for inputs in self.inputs():
            if name in inputs.units:
                return inputs
        raise KeyError(name)

    def state(self) -> str | dict[str, str] | None:
        """Return what its part says it is in, by part if there are several; None for nothing."""
        states = {
            place.device.name: str(place.device.state)
            for place in self.places
            if hasattr(place.device, "state")
        }
        if len(self.places) == 1:
            return next(iter(states.values()), None)
        return states or None


class Rig:
    """Everything that a request, a time line or a fault can name.

    Args:
        schedule: Its time.

    Attributes:
        schedule: Its time.
        members: The devices, by name, in the scenario's order.
        lines: The buses, by the scenario's names.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.members: dict[str, Member] = {}
        self.lines: dict[str, BusLine] = {}

    def state(self) -> dict[str, Any]:
        """Return what is there and how it is, as JSON can carry it."""
        return {
            "t_ns": self.schedule.now_ns,
            "start_ns": self.schedule.start_ns,
            "buses": {name: _bus_state(line.bus) for name, line in self.lines.items()},
            "ports": {
                name: _port_state(member.port)
                for name, member in self.members.items()
                if member.port is not None
            },
            "devices": {name: _device_state(member) for name, member in self.members.items()},
        }

    def clear_ns(self, now_ns: int) -> int:
        """Return when what is on any bus at *now_ns* (CLOCK_MONOTONIC) has ended."""
        wires = [each.bus.line for each in self.lines.values()]
        return max([now_ns, *(wire.clear_ns(now_ns) for wire in wires if wire)])

    def set(self, device: str, values: Mapping[str, float], *, where: str = "values") -> None:
        """Hold inputs of *device* at *values*, until `release`; all of them or, if wrong, none.

        Raises:
            RequestError: There is no such device or input.
        """
        found = [(self._inputs(device, name, where), name) for name in values]
        for inputs, name in found:
            inputs.set(name, values[name])

    def release(self, device: str, names: Iterable[str] | None = None) -> None:
        """Let inputs of *device* follow the simulation again; None for all of them.

        Raises:
            RequestError: There is no such device or input.
        """
        names = self.member(device).units() if names is None else list(names)
        found = [(self._inputs(device, name, "inputs"), name) for name in names]
        for inputs, name in found:
            inputs.release(name)

    def reset(self, device: str) -> None:
        """Have *device* begin again from its boot.

        Raises:
            RequestError: There is no such device, or nothing of it can be reset.
        """
        for place in self.check_reset(device, "device"):
            if isinstance(place.device, Resettable):
                place.device.reset(self.schedule.now_ns)
                self.schedule.changed(place)

    def check_reset(self, device: str, where: str) -> list[Place]:
        """Return the parts of *device*, of which one at least can be reset.

        Raises:
            RequestError: None can be, or there is no such device.
        """
        places = self.member(device, where).places
        if not any(isinstance(place.device, Resettable) for place in places):
            raise RequestError(where, repr(device), "a device that can be reset")
        return places

    def member(self, name: str, where: str = "device") -> Member:
        """Return the device called *name*, which a request has at *where*.

        Raises:
            RequestError: There is none.
        """
        if name not in self.members:
            raise RequestError(where, repr(name), _one_of(self.members, "device"))
        return self.members[name]

    def _inputs(self, device: str, name: str, where: str) -> Inputs:
        member = self.member(device)
        try:
            return member.holding(name)
        except KeyError:
            expected = _one_of(member.units(), "input")
            raise RequestError(f"{where}.{name}", "an unknown input", expected) from None


def _one_of(names: Iterable[str], kind: str) -> str:
    known = listed(names)
    return f"one of {known}" if known else f"none, for there is no {kind}"


def _bus_state(bus: Bus) -> dict[str, Any]:
    nodes = [
        {
            "name": node.name,
            "state": node.state.value,
            "tec": node.tec,
            "rec": node.rec,
            **{key: getattr(NodeReport.of(node), key) for key in ("sent", "delivered", "lost")},
        }
        for node in bus.nodes
    ]
    return {
        "channel": bus.name,
        "bit_rate": bus.bit_rate,
        "frames": bus.frames,
        "errors": bus.errors,
        "load": bus.load,
        "nodes": nodes,
    }


def _port_state(port: Port) -> dict[str, Any]:
    return {
        "path": str(port.path),
        "plugged": port.plugged,
        "written": port.written,
        "dropped": port.dropped,
    }


def _device_state(member: Member) -> dict[str, Any]:
    found: dict[str, Any] = {"type": member.type, "inputs": {}, "units": member.units()}
    for inputs in member.inputs():
        found["inputs"] |= {name: inputs.last.get(name) for name in inputs.units}
    if (state := member.state()) is not None:
        found["state"] = state
    return found
