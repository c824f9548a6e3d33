"""The messages that an ECU sends by itself: sampled, packed, counted, each at its cycle time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from cantools.database.can import Database, Message

from firmware_sim.devices.encoder import Encoder
from firmware_sim.devices.inputs import Inputs

COUNTER = "COUNTER"
"""A signal of this name counts the message's frames, round and round."""

_BATCH = 1024

State = TypeVar("State")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors(Generic[State]):
    """What there is to measure.

    Attributes:
        at: The state of what is measured, given nanoseconds since the start.
        readers: By signal, from that state to its physical value.
        derived: By signal, worked out by the ECU from what it sees of the others.
        noise: By signal, the standard deviation of its sensor's noise, in the signal's unit.
    """

    at: Callable[[int], State]
    readers: Mapping[str, Callable[[State], float]]
    derived: Mapping[str, Callable[[Mapping[str, float]], float]] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)


class Cyclic(Generic[State]):
    """One message."""

    def __init__(self, message: Message, sensors: Sensors[State]) -> None:
        names = [signal.name for signal in message.signals]
        self.cycle_ns: int = (message.cycle_time or 0) * 1_000_000
        self.measured = [
            (name, sensors.readers[name], sensors.noise.get(name, 0.0))
            for name in names
            if name in sensors.readers
        ]
        self.derived = [(name, sensors.derived[name]) for name in names if name in sensors.derived]
        sampled = [name for name, _, _ in self.measured] + [name for name, _ in self.derived]
        self.told = [name for name in names if name not in sampled and name != COUNTER]
        self.rounds = next((1 << s.length for s in message.signals if s.name == COUNTER), None)
        self.sent = 0
        counter = [COUNTER] if self.rounds else []
        self.encoder = Encoder(message, sampled + self.told + counter)


Sample = tuple[Cyclic[State], list[float]]
"""A message that is due, and the values of its sensors' signals."""


class CyclicMessages(Generic[State]):
    """All messages of one node that have a cycle time.

    Args:
        node: The node's name in *database*.
        database: Which messages, how they are encoded, and how often (``GenMsgCycleTime``).
        sensors: What is measured.
        inputs: Between the sensors and what is sent.
        seed: Of the noise.

    Raises:
        ValueError: There is none.
    """

    def __init__(
        self,
        node: str,
        database: Database,
        sensors: Sensors[State],
        inputs: Inputs,
        seed: int | str,
    ) -> None:
        self._messages = [
            Cyclic(message, sensors)
            for message in database.messages
            if node in message.senders and message.cycle_time
        ]
        if not self._messages:
            raise ValueError(f"got node {node!r}, expected one that sends cyclic messages")
        self._sensors = sensors
        self._inputs = inputs
        self._normals = _normals(f"{seed}/{node}")
        self._due: list[tuple[int, int]] = []

    @property
    def due_ns(self) -> int | None:
        """When the next message goes out; None while they are stopped."""
        return self._due[0][0] if self._due else None

    def start(self, now_ns: int) -> None:
        """Send from *now_ns* on, all of them first, counted from 0."""
        self._due = [(now_ns, index) for index in range(len(self._messages))]
        for message in self._messages:
            message.sent = 0

    def stop(self) -> None:
        """Send nothing, until `start`."""
        self._due = []

    def sample(self, now_ns: int) -> list[Sample[State]]:
        """Return what is due at *now_ns*, measured; its next time is a cycle later."""
        due, sampled = self._due, []
        if due and due[0][0] <= now_ns:
            state = self._sensors.at(now_ns)
            while due[0][0] <= now_ns:
                due_ns, index = due[0]
                message = self._messages[index]
                heapq.heapreplace(due, (due_ns + message.cycle_ns, index))
                sampled.append((message, self._measure(message, state, now_ns)))
        return sampled

    def _measure(self, message: Cyclic[State], state: State, now_ns: int) -> list[float]:
        seen, normals = self._inputs.seen, self._normals
        values = []
        for name, read, deviation in message.measured:
            value = read(state)
            if deviation:
                value += deviation * next(normals)
            values.append(seen(name, value, now_ns))
        for name, derive in message.derived:
            values.append(seen(name, derive(self._inputs.last), now_ns))
        return values


def _normals(seed: str) -> Iterator[float]:
    """Yield normally distributed numbers, of mean 0 and deviation 1; many are cheaper than one."""
    random = np.random.default_rng(list(seed.encode()))
    while True:
        yield from random.standard_normal(_BATCH).tolist()


def records(sampled: list[Sample[State]], told: Mapping[str, float]) -> list[bytes]:
    """Return the records (`firmware_sim.wire`) to send.

    Args:
        sampled: From `CyclicMessages.sample`.
        told: The values of signals that nothing measures, but the ECU knows.
    """
    packed = []
    for message, values in sampled:
        values += [told[name] for name in message.told]
        if message.rounds:
            values.append(message.sent % message.rounds)
            message.sent += 1
        packed.append(message.encoder.record(message.encoder.encode(values)))
    return packed
