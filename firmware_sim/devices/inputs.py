"""What a device measures: the physical value, unless somebody holds another against the sensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Distortion = Callable[[float, int], float]
"""What a fault does to a sensor: given the true value and nanoseconds since the simulation's start,
what the device sees. Called in the order of time."""


class Inputs:
    """The named inputs of one device.

    A device asks `seen` for each value that it is about to send or act on. A scenario or a test
    `set`s a value in place of the simulated one; a fault `distort`s whatever there is.

    Args:
        units: The unit of each input by its name, "" for none.
        initial: Values to begin with, as by `set`.

    Raises:
        KeyError: *initial* has a name that *units* has not.
    """

    def __init__(
        self, units: Mapping[str, str], initial: Mapping[str, float] | None = None
    ) -> None:
        self.units = dict(units)
        self._held: dict[str, float] = {}
        self._distortions: dict[str, list[Distortion]] = {}
        self._last: dict[str, float] = {}
        for name, value in (initial or {}).items():
            self.set(name, value)

    def set(self, name: str, value: float) -> None:
        """Hold *name* at *value*, in its unit, until `release`.

        Raises:
            KeyError: There is no such input.
        """
        self._check(name)
        self._held[name] = value

    def release(self, name: str) -> None:
        """Let *name* follow the simulation again.

        Raises:
            KeyError: There is no such input.
        """
        self._check(name)
        self._held.pop(name, None)

    def distort(self, name: str, distortion: Distortion) -> Callable[[], None]:
        """Put *distortion* between *name* and the device; return what takes it out again.

        Raises:
            KeyError: There is no such input.
        """
        self._check(name)
        chain = self._distortions.setdefault(name, [])
        chain.append(distortion)
        return lambda: chain.remove(distortion)

    def seen(self, name: str, true: float, now_ns: int) -> float:
        """Return what the device sees of *name*, whose simulated value is *true*."""
        value = self._held.get(name, true) if self._held else true
        for distortion in self._distortions.get(name, ()) if self._distortions else ():
            value = distortion(value, now_ns)
        self._last[name] = value
        return value

    @property
    def last(self) -> Mapping[str, float]:
        """The values seen last, by name."""
        return self._last

    def _check(self, name: str) -> None:
        if name not in self.units:
            raise KeyError(name)


def nearest(value: float, low: int, high: int) -> int:
    """Return the whole number from *low* to *high* that is nearest to *value*; *low* for NaN."""
    # Bounded first: what is infinite, or NaN, has no whole number. max(NaN, low) would be NaN.
    return round(min(max(low, value), high))
