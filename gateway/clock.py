"""Time in integer nanoseconds: monotonic inside, wall-clock only where a person reads it."""

from __future__ import annotations

import ctypes
import re
import time
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

_EPOCH = datetime(1970, 1, 1)

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "ms": NS_PER_MS,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "min": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
}
_DURATION = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([a-z]+)\s*")


class Clock(Protocol):
    """Where "now" comes from. Everything that waits or stamps takes one, so tests own the time."""

    def monotonic_ns(self) -> int:
        """Nanoseconds on a time line that never steps (CLOCK_MONOTONIC)."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC; may step when the clock is set."""
        ...

    def is_synchronised(self) -> bool:
        """Tell whether the wall clock is known to follow a better one, as NTP or a GPS gives it."""
        ...


_libc = ctypes.CDLL(None)
_TIME_ERROR = 5  # <sys/timex.h>
_TIMEX_SIZE = 512  # struct timex takes 208 bytes at most


class SystemClock:
    """The machine's own clocks."""

    def monotonic_ns(self) -> int:
        """See `Clock`."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """See `Clock`."""
        return time.time_ns()

    def is_synchronised(self) -> bool:
        """See `Clock`. What the kernel was told last by whoever disciplines the clock.

        That may be timesyncd, chronyd, ntpd or ptp4l; the kernel forgets it by itself when it has
        not been told for too long. False where a sandbox refuses the question.
        """
        # Zeros: `modes` is the first field, and 0 only asks.
        state: int = _libc.adjtimex(ctypes.create_string_buffer(_TIMEX_SIZE))
        return 0 <= state != _TIME_ERROR


class FakeClock:
    """A clock that moves only when told to.

    Args:
        monotonic_ns: Where the monotonic time line starts.
        wall_ns: The wall-clock time at that moment.

    Attributes:
        synchronised: What `is_synchronised` says.
    """

    def __init__(self, monotonic_ns: int = 0, wall_ns: int = 0) -> None:
        self.synchronised = False
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns

    def advance(self, ns: int) -> None:
        """Let *ns* nanoseconds pass on both clocks."""
        if ns < 0:
            raise ValueError(f"got {ns} ns, expected a step forward")
        self._monotonic_ns += ns
        self._wall_ns += ns

    def step_wall(self, ns: int) -> None:
        """Set the wall clock forward or back by *ns*, as NTP does; monotonic time stays."""
        self._wall_ns += ns

    def monotonic_ns(self) -> int:
        """See `Clock`."""
        return self._monotonic_ns

    def wall_ns(self) -> int:
        """See `Clock`."""
        return self._wall_ns

    def is_synchronised(self) -> bool:
        """See `Clock`."""
        return self.synchronised


SYSTEM_CLOCK = SystemClock()


def parse_duration(text: str) -> int:
    """Return the nanoseconds in *text*: a number and a unit, ns, us, ms, s, m (or min), h.

    Exact, and rounded to the nearest nanosecond.

    Raises:
        ValueError: *text* is not of that form.
    """
    match = _DURATION.fullmatch(text)
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"got {text!r}, expected a duration such as '500ms', '2s' or '1.5m'")
    return round(Fraction(match[1]) * _UNITS[match[2]])


def format_utc(wall_ns: int) -> str:
    """Return *wall_ns* (nanoseconds since 1970 UTC) as RFC 3339 with nine decimals.

    A time outside the years 1..9999 is shown at the nearest end of that span.
    """
    seconds, ns = divmod(wall_ns, NS_PER_S)
    seconds = min(max(seconds, -62_135_596_800), 253_402_300_799)
    return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()}.{ns:09d}Z"
