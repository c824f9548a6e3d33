"""What a bench found out: true or false in an ``assert``, and what was seen instead."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.signals import Signal


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the bench saw what a test expects.

    Attributes:
        ok: Whether it did.
        what: What was expected, in a few words.
        seen: What was seen: shown when the assertion fails.
        details: More of it, a line each.
        since_ns: The stretch of time that was looked at, CLOCK_MONOTONIC, from here
        until_ns: to here.
        event_ns: The moment that decided; None where none did.
        signals: What to draw.
        thresholds: Lines to draw, by the position of a signal.
    """

    ok: bool
    what: str
    seen: str
    details: tuple[str, ...] = ()
    since_ns: int = 0
    until_ns: int = 0
    event_ns: int | None = None
    signals: tuple[Signal, ...] = ()
    thresholds: tuple[tuple[int, float], ...] = ()

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"<{self.what}: {self.seen}>"

    @property
    def after_s(self) -> float:
        """Seconds from the beginning of the stretch to the moment that decided; NaN for none."""
        if self.event_ns is None:
            return float("nan")
        return (self.event_ns - self.since_ns) / NS_PER_S


class Latency(float):
    """Seconds from a stimulus to its response; NaN, which no comparison accepts, for none."""

    outcome: Outcome

    def __new__(cls, seconds: float, outcome: Outcome) -> Latency:
        """Return *seconds*, with what was seen."""
        self = super().__new__(cls, seconds)
        self.outcome = outcome
        return self

    def __repr__(self) -> str:
        return repr(self.outcome) if self != self else f"{self * 1e3:.3f} ms"


class Rate(float):
    """Frames a second.

    Attributes:
        count: Frames that were seen.
        shortest_s: The shortest time between two of them, in seconds; NaN for fewer than two.
        longest_s: The longest, likewise.
    """

    count: int
    shortest_s: float
    longest_s: float

    def __new__(cls, hz: float, count: int, shortest_s: float, longest_s: float) -> Rate:
        """Return *hz*, with what it was found from."""
        self = super().__new__(cls, hz)
        self.count, self.shortest_s, self.longest_s = count, shortest_s, longest_s
        return self

    def __repr__(self) -> str:
        between = f", {self.shortest_s * 1e3:.3f} to {self.longest_s * 1e3:.3f} ms apart"
        frames = plural(self.count, "frame")
        return f"{float(self):.3f} Hz ({frames}{between if self.count > 1 else ''})"


def span(ns: int) -> str:
    """Return *ns* for people: "500 ms", "2 s"."""
    if abs(ns) < NS_PER_S:
        return f"{ns / NS_PER_MS:.4g} ms"
    return f"{ns / NS_PER_S:.4g} s"


def plural(count: int, noun: str, ending: str = "s") -> str:
    """Return ``1 frame``, ``2 frames``."""
    return f"{count:,} {noun}{'' if count == 1 else ending}"
