"""The rest of a bus: messages of nodes that are not there, sent as the database says."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cantools.database.can import Message, Signal

from firmware_sim.devices.encoder import Encoder
from firmware_sim.devices.generators import Generator, constant
from firmware_sim.devices.inputs import Inputs
from firmware_sim.devices.protection import Protection, Protector


class Page(NamedTuple):
    """One form of a message: what its multiplexers select, and the signals that it then has."""

    selected: Mapping[str, int]
    signals: tuple[str, ...]


def pages(message: Message) -> list[Page]:
    """Return all forms of *message*, in the order of what selects them; one if it has no more."""
    return [Page(dict(selected), tuple(names)) for selected, names in _pages(message.signal_tree)]


def _pages(tree: Iterable[Any]) -> list[tuple[dict[str, int], list[str]]]:
    found: list[tuple[dict[str, int], list[str]]] = [({}, [])]
    for branch in tree:
        if isinstance(branch, str):
            for _, names in found:
                names.append(branch)
            continue
        [(multiplexer, choices)] = branch.items()
        forms = [
            ({multiplexer: number, **selected}, [multiplexer, *names])
            for number, subtree in sorted(choices.items())
            for selected, names in _pages(subtree)
        ]
        found = [
            ({**selected, **more}, [*names, *others])
            for selected, names in found
            for more, others in forms
        ]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one message is sent.

    Attributes:
        message: From the database.
        cycle_ns: Nanoseconds from frame to frame.
        generators: By signal; one that has none stays at its start value, or at 0, or as near to
            that as it can be.
        selected: Of multiplexers, the number that stays; the others go round.
        protection: Its counter and checksum.
    """

    message: Message
    cycle_ns: int
    generators: Mapping[str, Generator] = field(default_factory=dict)
    selected: Mapping[str, int] = field(default_factory=dict)
    protection: Protection = field(default_factory=Protection)


class _Sent:
    """A message on its way through time."""

    def __init__(self, plan: Plan) -> None:
        message = plan.message
        self.cycle_ns = plan.cycle_ns
        self.protector = Protector(message, plan.protection)
        generators = {
            signal.name: plan.generators.get(signal.name) or constant(_start(signal))
            for signal in message.signals
        }
        forms = [
            page
            for page in pages(message)
            if all(page.selected.get(name, n) == n for name, n in plan.selected.items())
        ]
        self.inputs = {
            signal.name: f"{message.name}.{signal.name}"
            for signal in message.signals
            if not signal.is_multiplexer and signal.name not in self.protector.signals
        }
        self.forms = itertools.cycle(
            [
                (
                    Encoder(message, page.signals),
                    [
                        (self.inputs.get(name, ""), generators[name], page.selected.get(name, 0))
                        for name in page.signals
                    ],
                )
                for page in forms
            ]
        )

    def record(self, inputs: Inputs, now_ns: int) -> bytes:
        encoder, signals = next(self.forms)
        data = encoder.encode(
            [
                inputs.seen(name, generator(now_ns), now_ns) if name else number
                for name, generator, number in signals
            ]
        )
        return encoder.record(self.protector.protect(data))


class RestBus:
    """Sends each message of its plans at its cycle time.

    Its inputs are the signals, ``Message.Signal``, but for multiplexers, counters and checksums,
    which it looks after itself.

    Args:
        name: Its name.
        plans: What it sends; of messages due at one moment, the first here is first.

    Raises:
        ValueError: There are no plans, or a counter or checksum cannot be one.
    """

    def __init__(self, name: str, plans: Sequence[Plan]) -> None:
        if not plans:
            raise ValueError("got no message to send, expected one with a cycle time")
        self.name = name
        self._messages = [_Sent(plan) for plan in plans]
        self._due = [(0, index) for index in range(len(plans))]
        units = {
            f"{plan.message.name}.{signal.name}": signal.unit or ""
            for plan in plans
            for signal in plan.message.signals
        }
        self.inputs = Inputs(
            {name: units[name] for message in self._messages for name in message.inputs.values()}
        )

    @property
    def due_ns(self) -> int:
        """See `Device`."""
        return self._due[0][0]

    def step(self, now_ns: int) -> bytes:
        """See `Device`."""
        records = []
        while self._due[0][0] <= now_ns:
            due_ns, index = self._due[0]
            message = self._messages[index]
            heapq.heapreplace(self._due, (due_ns + message.cycle_ns, index))
            records.append(message.record(self.inputs, now_ns))
        return b"".join(records)


def _start(signal: Signal) -> float:
    raw = signal.raw_initial
    start = 0.0 if raw is None else float(raw * signal.scale + signal.offset)
    low = signal.minimum if signal.minimum is not None else start
    high = signal.maximum if signal.maximum is not None else start
    return float(min(max(start, low), high))
