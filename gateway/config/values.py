"""What single values of the configuration may be, in types that say so in words."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from gateway.clock import NS_PER_S, parse_duration

_FINITE = 1.7e308

Name = Annotated[
    str,
    Meta(
        # Not $: it also matches before a newline at the end.
        pattern=r"^[A-Za-z0-9_-]{1,32}\Z",
        description="1 to 32 letters, digits, '_' or '-'",
    ),
]
Text = Annotated[str, Meta(min_length=1, description="text that is not empty")]
Finite = Annotated[float, Meta(ge=-_FINITE, le=_FINITE, description="a finite number")]
NotNegative = Annotated[float, Meta(ge=0, le=_FINITE, description="a finite number >= 0")]
Pace = Annotated[float, Meta(ge=0.001, le=1e6, description="a number from 0.001 to 1000000")]
BitRate = Annotated[int, Meta(ge=1, le=100_000_000)]
Separator = Annotated[
    str,
    Meta(pattern=r"^[^0-9.+eE\r\n-]\Z", description="one character that no number contains"),
]
Interval = Annotated[
    tuple[Finite, Finite], Meta(description="[low, high], two finite numbers, the lower first")
]
SignalValue = int | Finite | Text
"""What a signal is sent as: a number in its unit, or one of the words its database has for it."""
FrameFilter = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Fa-f]{1,8}[:~][0-9A-Fa-f]{1,8}\Z",
        description="a filter as candump takes it, such as '123:7FF' or '200~700'",
    ),
]
FilePath = Annotated[str, Meta(min_length=1, description="the path of a file")]

LONGEST_NS = 365 * 24 * 3600 * NS_PER_S


class FieldError(ValueError):
    """A value that its struct refuses.

    Attributes:
        key: The field that is wrong; "" for the struct as a whole.
        got: What was found, as it should be shown.
        expected: What would be right.
    """

    def __init__(self, key: str, got: str, expected: str) -> None:
        self.key = key
        self.got = got
        self.expected = expected
        place = f"{key}: " if key else ""
        super().__init__(f"{place}got {got}, expected {expected}")


class Duration(int):
    """A span of time in integer nanoseconds, at most a year, written "500ms", "2s", "1.5m"."""

    EXPECTED: ClassVar[str] = "a duration such as '500ms', '2s' or '1.5m', at most '8760h'"

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Return the span that *text* gives, see `gateway.clock.parse_duration`.

        Raises:
            ValueError: *text* is not of that form, or longer than a year (so that a time plus
                several durations always fits 64 bits).
        """
        ns = parse_duration(text)
        if ns > LONGEST_NS:
            raise ValueError(f"got {text!r}, expected {cls.EXPECTED}")
        return cls(ns)
