"""What every source promises."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Protocol, Self

from gateway.counters import Counters
from gateway.record import Samples
from gateway.signals import Signal
from gateway.sources.link import LinkState


class Source(Protocol):
    """A link that delivers samples. Used by one process, from one thread.

    Life cycle: constructed (reads the files it names, registers its signals, owns no device) ->
    `select` -> ``with`` (owns the device) -> exited (owns nothing, may be entered again, and
    counts on). Constructors must not touch hardware, so that a configuration can be checked on a
    machine that has none.

    Attributes:
        name: The source's name in the configuration.
        signals: All that it could deliver, as registered in the `SignalTable`.
        counters: What came in so far.
        unit: What the counters count, in the plural: "frames", "sentences", "lines".
        live: True when its samples' times are CLOCK_MONOTONIC; False for a recording's own time.
    """

    name: str
    signals: tuple[Signal, ...]
    counters: Counters
    unit: str
    live: bool

    def select(self, wanted: Collection[int]) -> None:
        """Decode only the signals with these indices from now on; others are passed over."""
        ...

    def __enter__(self) -> Self:
        """Open the link.

        Raises:
            LinkError: The device is absent, busy, or refuses the settings.
        """
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def fileno(self) -> int | None:
        """The descriptor that becomes readable when `read` has something, None where none does.

        A worker waits for it together with its stop request, then calls ``read(0)``.
        """
        ...

    def read(self, timeout_ns: int) -> Samples | None:
        """Return what has arrived as samples in the order of arrival.

        Args:
            timeout_ns: How long to wait for the first, in nanoseconds; 0 does not wait.

        Returns:
            Zero or more samples. Empty means that nothing that was asked for came in time. None
            means that there will never be more: a recording's end.

        Raises:
            LinkClosedError: Called outside the ``with`` block.
            LinkLostError: The device went away; the source must be closed and opened again.
        """
        ...

    def link_states(self) -> Mapping[LinkState, str]:
        """Return what is the matter with the open link, each with a line that says more.

        Asked about four times a second; a state that came and went in between should be told
        once all the same. Empty while all is well.
        """
        ...
