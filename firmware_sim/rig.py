"""The devices, buses and ports of a running scenario, by name: what a request acts on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_sim.bus import Bus
from firmware_sim.devices.base import Adjustable, Device, Resettable
from firmware_sim.devices.inputs import Inputs
from firmware_sim.errors import RequestError
from firmware_sim.explain import listed
from firmware_sim.ports import PtyPort


@dataclass(slots=True)
class Member:
    """A ``[[device]]`` of the scenario.

    Attributes:
        name: Its name.
        type: Its type.
        parts: The devices that it consists of: the ECUs of a car; none for an adapter.
    """

    name: str
    type: str
    parts: list[Device] = field(default_factory=list)

    def inputs(self) -> Iterable[Inputs]:
        """Yield the inputs of its parts, those that several share once."""
        found: list[Inputs] = []
        for part in self.parts:
            if isinstance(part, Adjustable) and part.inputs not in found:
                found.append(part.inputs)
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
        states = {part.name: str(part.state) for part in self.parts if hasattr(part, "state")}
        if len(self.parts) == 1:
            return next(iter(states.values()), None)
        return states or None


class Rig:
    """Everything that a request, a time line or a fault can name.

    Args:
        now_ns: Nanoseconds since the simulation's start.

    Attributes:
        members: The devices, by name, in the scenario's order.
        buses: The buses, by the scenario's names.
        ports: The serial ports, by their device's name.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self.members: dict[str, Member] = {}
        self.buses: dict[str, Bus] = {}
        self.ports: dict[str, PtyPort] = {}

    def state(self) -> dict[str, Any]:
        """Return what is there and how it is, as JSON can carry it."""
        return {
            "t_ns": self._now_ns(),
            "buses": {name: _bus_state(bus) for name, bus in self.buses.items()},
            "ports": {
                device: {
                    "path": str(port.path),
                    "plugged": port.plugged,
                    "written": port.written,
                    "dropped": port.dropped,
                }
                for device, port in self.ports.items()
            },
            "devices": {name: _device_state(member) for name, member in self.members.items()},
            "faults": [],
        }

    def set(self, device: str, values: Mapping[str, float]) -> None:
        """Hold inputs of *device* at *values*, until `release`; all of them or, if wrong, none.

        Raises:
            RequestError: There is no such device or input, or a value is not finite.
        """
        found = [(self._inputs(device, name, "values"), name) for name in values]
        for name, value in values.items():
            if not math.isfinite(value):
                raise RequestError(f"values.{name}", value, "a finite number")
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
        parts = [part for part in self.member(device).parts if isinstance(part, Resettable)]
        if not parts:
            raise RequestError("device", repr(device), "a device that can be reset")
        for part in parts:
            part.reset(self._now_ns())

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
        {"name": row.name, "sent": row.sent, "delivered": row.delivered, "lost": row.lost}
        for row in bus.report()
    ]
    return {"channel": bus.name, "bit_rate": bus.bit_rate, "frames": bus.frames, "nodes": nodes}


def _device_state(member: Member) -> dict[str, Any]:
    found: dict[str, Any] = {"type": member.type, "inputs": {}, "units": member.units()}
    for inputs in member.inputs():
        found["inputs"] |= {name: inputs.last.get(name) for name in inputs.units}
    if (state := member.state()) is not None:
        found["state"] = state
    return found
