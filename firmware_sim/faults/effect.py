"""What a running fault is made of."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from firmware_sim.bus import Node
from firmware_sim.faults.kinds import AnyFault
from firmware_sim.outlets import BusLine
from firmware_sim.rig import Member, Rig
from firmware_sim.schedule import Place


@dataclass(frozen=True, slots=True)
class Target:
    """What a fault is on, found by its name.

    Attributes:
        column: ``input``, ``device``, ``port`` or ``bus``: what it is, in `support.SUPPORT`.
        name: What the fault called it.
        members: Each device that it is, or that is on the bus, with those parts that are meant.
        input: The input's name, for one.
        line: The bus that it is, or is on.
        nodes: Which nodes of the bus it is.
    """

    column: str
    name: str
    members: Sequence[tuple[Member, Sequence[Place]]] = ()
    input: str = ""
    line: BusLine | None = None
    nodes: Sequence[Node] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What an effect needs to take place.

    Attributes:
        spec: What was asked for.
        target: What it is on.
        rig: What there is.
        random: Its own source of what is random.
    """

    spec: AnyFault
    target: Target
    rig: Rig
    random: random.Random

    def chance(self, rate: float) -> bool:
        """Return whether it happens, with the probability *rate*."""
        return rate >= 1.0 or self.random.random() < rate


class Effect(Protocol):
    """A fault that acts."""

    @property
    def count(self) -> int:
        """How often it took effect."""
        ...

    def start(self, now_ns: int) -> None:
        """Begin, at *now_ns* since the simulation's start."""
        ...

    def stop(self, now_ns: int) -> None:
        """End, and leave all as it would be without."""
        ...
