"""What every way to send promises."""

from __future__ import annotations

from typing import Protocol

from gateway.record import Frames


class FrameWriter(Protocol):
    """A node of its own on a bus, for sending. Used by one process, from one thread.

    Life cycle: constructed (owns nothing) -> `open` -> `close` (owns nothing, may be opened
    again).

    Attributes:
        confirms: Whether `poll` tells of frames that are on the bus; else nothing more is known
            of them than that the adapter has taken them.
    """

    confirms: bool

    def open(self) -> None:
        """Join the bus.

        Raises:
            LinkError: The interface is absent, down, or refuses the settings.
        """
        ...

    def close(self) -> None:
        """Leave the bus. Does nothing when it is not open."""
        ...

    def fileno(self) -> int | None:
        """The descriptor that becomes readable when `poll` has something to do, None for none."""
        ...

    def write(self, frame: Frames) -> bool:
        """Hand over one frame, without waiting.

        Returns:
            Whether it was taken; False while there is no room: try again a little later.

        Raises:
            LinkLostError: The bus or the interface went away; the frame was not sent.
        """
        ...

    def poll(self) -> int:
        """Take what has come, and return how many of our own frames the bus has carried.

        Raises:
            LinkLostError: The bus or the interface went away.
        """
        ...
