"""The faults of a running scenario: armed, running, over."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec

from firmware_sim.errors import RequestError
from firmware_sim.explain import listed
from firmware_sim.faults import support
from firmware_sim.faults.effect import Context, Effect, Target
from firmware_sim.faults.kinds import AnyFault
from firmware_sim.outlets import BusLine, BusOutlet
from firmware_sim.rig import Member, Rig
from firmware_sim.schedule import Place
from firmware_sim.section import duration_ns
from firmware_sim.timeline import watch


class Faults:
    """Puts faults on what there is, and takes them back.

    Args:
        rig: What there is.
        seed: The scenario's.
    """

    def __init__(self, rig: Rig, seed: int | str) -> None:
        self._rig = rig
        self._seed = seed
        self._next = 1
        self._running: dict[int, _Running] = {}

    def inject(self, spec: AnyFault) -> int:
        """Put a fault on something, now or when it says; return its number.

        Raises:
            RequestError: There is no such thing, or the fault makes no sense there.
        """
        spec.check()
        target = self._target(spec.on)
        seed = self._seed if spec.seed is None else spec.seed
        rng = random.Random(f"{seed}/{spec.kind}/{spec.on}")  # noqa: S311 - not a secret
        effect = support.make(Context(spec, target, self._rig, rng))
        running = _Running(spec, effect, self._rig)
        if spec.when is not None:
            running.unwatch = watch(self._rig, spec.when, running.start)
        elif spec.at is not None:
            self._rig.schedule.at(duration_ns(spec.at), running.start)
        else:
            running.start(self._rig.schedule.now_ns)
        number, self._next = self._next, self._next + 1
        self._running[number] = running
        return number

    def clear(self, number: int | None = None) -> int:
        """Take a fault back, or all; return how often they took effect.

        Raises:
            RequestError: There is no fault of that number.
        """
        if number is not None and number not in self._running:
            known = ", ".join(map(str, self._running)) or "none, for there is no fault"
            raise RequestError("id", number, f"one of {known}" if self._running else known)
        numbers = list(self._running) if number is None else [number]
        effects = 0
        # The latest first: each leaves things as they were when it came.
        for each in sorted(numbers, reverse=True):
            running = self._running.pop(each)
            running.withdraw(self._rig.schedule.now_ns)
            effects += running.effect.count
        return effects

    def state(self) -> list[dict[str, Any]]:
        """Return each fault as JSON can carry it."""
        return [
            {
                "id": number,
                **_told(each.spec),
                "state": each.state,
                "effects": each.effect.count,
            }
            for number, each in self._running.items()
        ]

    def _target(self, name: str) -> Target:
        first, dot, rest = name.partition(".")
        if first in self._rig.members:
            return self._on_device(name, self._rig.members[first], rest if dot else None)
        if first in self._rig.lines:
            return self._on_bus(name, self._rig.lines[first], rest if dot else None)
        known = listed([*self._rig.members, *self._rig.lines])
        expected = f"one of {known}" if known else "none, for there is no device"
        raise RequestError("on", repr(name), expected)

    def _on_device(self, name: str, member: Member, rest: str | None) -> Target:
        places = member.places
        if rest is not None and rest in member.units():
            return Target("input", name, [(member, places)], input=rest)
        if rest is not None:
            places = [place for place in member.places if place.device.name == rest]
            if not places:
                parts = [place.device.name for place in member.places]
                known = listed([*member.units(), *(parts if len(parts) > 1 else ())])
                expected = f"one of {known}" if known else "its name alone"
                raise RequestError("on", repr(name), f"{expected}, after '{member.name}.'")
        if member.port is not None:
            on_bus = member.line.bus.nodes if member.line else ()
            nodes = [node for node in on_bus if node.name == member.name]
            return Target("port", name, [(member, places)], line=member.line, nodes=nodes)
        outlets = [outlet for place in places if (outlet := _bus_outlet(place))]
        lines = [place.carrier for place in places if isinstance(place.carrier, BusLine)]
        if not lines:
            raise RequestError("on", repr(name), "a device with a bus or a port of its own")
        nodes = [outlet.node for outlet in outlets]
        return Target("device", name, [(member, places)], line=lines[0], nodes=nodes)

    def _on_bus(self, name: str, line: BusLine, rest: str | None) -> Target:
        if rest is not None:
            nodes = [node for node in line.bus.nodes if node.name == rest]
            if not nodes:
                known = listed(node.name for node in line.bus.nodes)
                raise RequestError("on", repr(name), f"one of {known}, after the bus's name")
            return Target("bus", name, line=line, nodes=nodes)
        members = [
            (member, places)
            for member in self._rig.members.values()
            if (places := [place for place in member.places if place.carrier is line])
        ]
        return Target("bus", name, members, line=line)


class _Running:
    """A fault and its effect."""

    def __init__(self, spec: AnyFault, effect: Effect, rig: Rig) -> None:
        self.spec = spec
        self.effect = effect
        self.state = "armed"
        self.unwatch: Callable[[], None] = lambda: None
        self._rig = rig
        self._turn = 0

    def start(self, now_ns: int) -> None:
        if self.state in ("running", "cleared"):
            return
        self.state = "running"
        self.effect.start(now_ns)
        self._turn += 1
        if self.spec.for_ is not None:
            turn = self._turn
            ends_ns = now_ns + duration_ns(self.spec.for_)
            self._rig.schedule.at(ends_ns, lambda at_ns: self._expire(at_ns, turn))

    def withdraw(self, now_ns: int) -> None:
        self.unwatch()
        if self.state == "running":
            self.effect.stop(now_ns)
        self.state = "cleared"

    def _expire(self, now_ns: int, turn: int) -> None:
        if self.state == "running" and turn == self._turn:
            self.effect.stop(now_ns)
            self.state = "over"


def _bus_outlet(place: Place) -> BusOutlet | None:
    outlet: object = place.outlet
    while outlet is not None and not isinstance(outlet, BusOutlet):
        outlet = getattr(outlet, "outlet", None)  # behind a tap
    return outlet


def _told(spec: AnyFault) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(spec)
    return {key: value for key, value in told.items() if value is not None}
