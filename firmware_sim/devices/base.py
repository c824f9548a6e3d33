"""What every simulated device promises."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from firmware_sim.devices.inputs import Inputs


class Device(Protocol):
    """Something that sends. It does no I/O and reads no clock: the same steps give the same bytes.

    Attributes:
        name: Its name on its bus, and in the ledger.
    """

    name: str

    @property
    def due_ns(self) -> int | None:
        """The moment of its next step, in nanoseconds since the simulation's start.

        None when it will not send by itself.
        """
        ...

    def step(self, now_ns: int) -> bytes:
        """Return what it sends at *now_ns*, and move `due_ns` on.

        Args:
            now_ns: Its `due_ns`, however late the machine may be.

        Returns:
            For a device on a bus, any number of whole records (`firmware_sim.wire`); for one on a
            serial port, bytes.
        """
        ...


@runtime_checkable
class Listener(Protocol):
    """A device that also hears. What it answers, it sends at its next step."""

    def hear(self, data: bytes, now_ns: int) -> None:
        """Take what others sent; `due_ns` may come nearer by it, but not before *now_ns*.

        Args:
            data: From a bus, whole records (`firmware_sim.wire`), none of them its own; from a
                serial port, bytes as they came, in any pieces.
            now_ns: Nanoseconds since the simulation's start.
        """
        ...


@runtime_checkable
class Selective(Protocol):
    """A listener on a bus whose controller has an acceptance filter.

    Attributes:
        accepts: The ids that it hears, with `wire.EXTENDED` and the like where they apply.
    """

    accepts: frozenset[int]


@runtime_checkable
class Adjustable(Protocol):
    """A device whose inputs a scenario, a test or a fault may set."""

    @property
    def inputs(self) -> Inputs:
        """What it measures, or is told, by name."""
        ...


@runtime_checkable
class Resettable(Protocol):
    """A device that can be reset, as by its watchdog or its supply."""

    def reset(self, now_ns: int) -> None:
        """Begin again from its boot at *now_ns*, nanoseconds since the simulation's start."""
        ...
