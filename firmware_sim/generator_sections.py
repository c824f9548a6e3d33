"""Tables of a scenario file that say what a signal does over time."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Annotated

from msgspec import Meta, field

from firmware_sim.devices import generators
from firmware_sim.devices.generators import Generator
from firmware_sim.errors import RequestError
from firmware_sim.section import LARGEST, Duration, Finite, Section, duration_ns

Points = list[tuple[float, float]]


class RampSection(Section, frozen=True, kw_only=True):
    """``ramp``: from one value to another, and again.

    Attributes:
        from_: The first value.
        to: The last value.
        period: The time from the one to the other.
        repeat: Whether it begins again; else it stays at the last value.
    """

    from_: Finite = field(name="from")
    to: Finite
    period: Duration
    repeat: bool = True


class SineSection(Section, frozen=True, kw_only=True):
    """``sine``: a wave.

    Attributes:
        low: Its lowest value.
        high: Its highest value.
        period: The time of one wave.
        phase_deg: Where it begins, in degrees; 0 is the middle, going up.
    """

    low: Finite
    high: Finite
    period: Duration
    phase_deg: Finite = 0.0


class NoiseSection(Section, frozen=True, kw_only=True):
    """``noise``: normally distributed, another value each frame.

    Attributes:
        mean: About which value.
        deviation: Its standard deviation.
    """

    mean: Finite
    deviation: Annotated[float, Meta(ge=0, le=LARGEST)]


class TableSection(Section, frozen=True, kw_only=True):
    """``table``: straight lines from point to point.

    Attributes:
        points: Seconds and value of each.
        repeat: Whether it begins again at the last one's time; else it stays at its value.
    """

    points: Annotated[list[tuple[Finite, Finite]], Meta(min_length=1)]
    repeat: bool = False


class RecordingSection(Section, frozen=True, kw_only=True):
    """``recording``: what it was once.

    Attributes:
        file: A CSV file, or a log of frames; relative to the scenario file.
        column: The column of a CSV file that has it; None for one with the signal's name.
        repeat: Whether it begins again at the end; else it stays at the last value.
    """

    file: str
    column: str | None = None
    repeat: bool = True


GENERATORS: dict[str, type[Section]] = {
    "ramp": RampSection,
    "sine": SineSection,
    "noise": NoiseSection,
    "table": TableSection,
    "recording": RecordingSection,
}


class GeneratorSection(Section, frozen=True, kw_only=True):
    """What a signal does: exactly one of these."""

    constant: Finite | None = None
    ramp: RampSection | None = None
    sine: SineSection | None = None
    noise: NoiseSection | None = None
    table: TableSection | None = None
    recording: RecordingSection | None = None

    def make(self, random: Random, load: Callable[[RecordingSection], Points]) -> Generator:
        """Return the generator.

        Args:
            random: For noise.
            load: Reads a recording.

        Raises:
            RequestError: It is not exactly one, or that one is wrong.
        """
        given = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        if len(given) != 1:
            known = ", ".join(map(repr, self.__struct_fields__))
            got = " and ".join(map(repr, given)) or "nothing"
            raise RequestError("", got, f"exactly one of {known}")
        try:
            return self._made(random, load)
        except ValueError as error:
            got, _, expected = str(error).removeprefix("got ").rpartition(", expected ")
            raise RequestError(given[0], got, expected) from None

    def _made(self, random: Random, load: Callable[[RecordingSection], Points]) -> Generator:
        if self.ramp:
            ramp = self.ramp
            return generators.ramp(ramp.from_, ramp.to, _s(ramp.period), repeat=ramp.repeat)
        if self.sine:
            sine = self.sine
            return generators.sine(sine.low, sine.high, _s(sine.period), sine.phase_deg)
        if self.noise:
            return generators.noise(self.noise.mean, self.noise.deviation, random)
        if self.table:
            return generators.table(self.table.points, repeat=self.table.repeat)
        if self.recording:
            return generators.recording(load(self.recording), repeat=self.recording.repeat)
        return generators.constant(self.constant or 0.0)


def _s(period: str) -> float:
    seconds = duration_ns(period) / generators.NS_PER_S
    if not seconds:
        raise ValueError(f"got a period of {period!r}, expected a longer one")
    return seconds
