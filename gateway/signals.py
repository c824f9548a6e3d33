"""The signals a gateway knows, by number and by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signal:
    """One quantity that a source can deliver.

    Attributes:
        index: Its number in the `SignalTable`, 0, 1, 2, ...: what a sample carries.
        source: The source's name; for a replayed CAN channel, the channel's.
        message: The message it travels in: a DBC message, an NMEA sentence, a frame's name.
        name: Its own name within the message.
        unit: As its database writes it, "" where it has none.
        minimum: The least value its database declares, None where it declares no range.
        maximum: The greatest, likewise.
    """

    index: int
    source: str
    message: str
    name: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None

    @property
    def full_name(self) -> str:
        """``source.message.signal``, unique in its table."""
        return f"{self.source}.{self.message}.{self.name}"


class SignalTable:
    """All signals of one configuration, in the order in which they were added."""

    def __init__(self) -> None:
        self._signals: list[Signal] = []
        self._by_name: dict[str, list[Signal]] = {}

    def add(
        self,
        source: str,
        message: str,
        name: str,
        unit: str = "",
        minimum: float | None = None,
        maximum: float | None = None,
    ) -> Signal:
        """Append a signal and return it with its number; one already there is returned as it is."""
        signal = Signal(len(self._signals), source, message, name, unit, minimum, maximum)
        known = self._by_name.get(signal.full_name)
        if known:
            return known[0]
        self._signals.append(signal)
        for key in (signal.full_name, f"{message}.{name}", name):
            self._by_name.setdefault(key, []).append(signal)
        return signal

    def resolve(self, name: str) -> Signal:
        """Return the one signal called *name*: ``signal``, ``message.signal`` or the full name.

        Raises:
            LookupError: No signal has that name, or several have; the text says what would do.
        """
        found = self._by_name.get(name, [])
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(signal.full_name for signal in found[:4])
            more = f" and {len(found) - 4} more" if len(found) > 4 else ""
            raise LookupError(f"one of {names}{more} (the name is ambiguous)")
        close = difflib.get_close_matches(name, self._by_name, n=3)
        hint = f"; close: {', '.join(close)}" if close else ""
        raise LookupError(f"the name of a known signal{hint}")

    def __len__(self) -> int:
        return len(self._signals)

    def __iter__(self) -> Iterator[Signal]:
        return iter(self._signals)

    def __getitem__(self, index: int) -> Signal:
        return self._signals[index]
