"""What every simulated device promises."""

from __future__ import annotations

from typing import Protocol


class Device(Protocol):
    """Something that sends. It does no I/O and reads no clock: the same steps give the same bytes.

    Attributes:
        name: Its name on its bus, and in the ledger.
    """

    name: str

    @property
    def due_ns(self) -> int | None:
        """The moment of its next step, in nanoseconds since the simulation's start.

        None when it will never send again.
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
