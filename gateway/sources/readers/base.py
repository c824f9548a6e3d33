"""What every reader of a CAN bus promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gateway.record import Frames
from gateway.sources.link import LinkState
from gateway.sources.readers.filters import FrameFilters


class FrameReader(Protocol):
    """Reads frames off one bus in batches. Used by one process, from one thread.

    Life cycle: constructed (owns nothing) -> `open` -> `close` (owns nothing, may be opened
    again). It is constructed with the source's `Counters`: what it knows to be lost, it counts
    there as received and lost; the frames it delivers are left to the caller to count.

    Attributes:
        tier: How the frames are got, as `gateway status` calls it; "" before it was opened.
    """

    tier: str

    def filter(self, filters: FrameFilters) -> bool:
        """Have only these frames come from the next opening on, as far as that saves work.

        Returns:
            Whether indeed no others will come.
        """
        ...

    def open(self) -> None:
        """Join the bus.

        Raises:
            LinkError: The interface is absent, busy, or refuses the settings.
        """
        ...

    def close(self) -> None:
        """Leave the bus. Does nothing when it is not open."""
        ...

    def fileno(self) -> int | None:
        """The descriptor that becomes readable when frames are there; None where none does."""
        ...

    def read_into(self, frames: Frames, timeout_ns: int) -> int:
        """Write the frames that have come into *frames*, in their order, all fields of them.

        Args:
            frames: Room for at least one. Times are CLOCK_MONOTONIC; the channel is 0.
            timeout_ns: How long to wait for the first, in nanoseconds; 0 does not wait.

        Returns:
            How many came; 0 if none did in time. What found no room comes next time.

        Raises:
            LinkLostError: The bus or the interface went away.
        """
        ...

    def link_states(self) -> Mapping[LinkState, str]:
        """Return what is the matter with the open bus, see `gateway.sources.base.Source`."""
        ...
