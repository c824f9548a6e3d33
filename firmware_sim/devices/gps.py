"""A GPS receiver that speaks NMEA 0183: where the car is, ten times a second."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor
from random import Random

from firmware_sim.devices.circuit import METRES_PER_DEGREE
from firmware_sim.devices.f1_car import F1Car

PERIOD_NS = 100_000_000
ORIGIN = (52.0690, -1.0220)
"""Latitude and longitude of the start line, degrees: an airfield in England."""
START = datetime(2026, 7, 5, 14, 0, tzinfo=UTC)
"""The race's start: a simulation has no clock, so that it is the same each time."""

_ALTITUDE_M, _GEOID_M = 153.0, 47.0
_SATELLITES, _HDOP = 12, 0.8
_JITTER_M = 0.15
_KNOTS_PER_MS = 3600.0 / 1852.0


class Gps:
    """Sends GGA, RMC and VTG, each with its checksum, every 100 ms.

    Args:
        name: Its name.
        car: The car that it is mounted in.
        seed: Of the receiver's noise.
        start: The time at the simulation's start; UTC unless it says otherwise.
    """

    def __init__(self, name: str, car: F1Car, *, seed: int | str, start: datetime = START) -> None:
        self.name = name
        self.due_ns = 0
        self._car = car
        self._start = start.astimezone(UTC) if start.tzinfo else start
        self._random = Random(f"{seed}/gps/{name}")  # noqa: S311 - a simulation, not a secret

    def step(self, now_ns: int) -> bytes:
        """See `Device`."""
        self.due_ns += PERIOD_NS
        state = self._car.at(now_ns)
        east, north = self._car.circuit.position(state.distance_m)
        north += self._random.gauss(0.0, _JITTER_M)
        east += self._random.gauss(0.0, _JITTER_M)
        latitude = ORIGIN[0] + north / METRES_PER_DEGREE
        longitude = ORIGIN[1] + east / (METRES_PER_DEGREE * math.cos(math.radians(ORIGIN[0])))
        when = self._start + timedelta(microseconds=now_ns // 1000)
        clock = f"{when:%H%M%S}.{when.microsecond // 10_000:02d}"
        place = f"{_angle(latitude, 2, 'NS')},{_angle(longitude, 3, 'EW')}"
        course = f"{self._car.circuit.course_deg(state.distance_m):.1f}"
        knots = f"{state.speed_ms * _KNOTS_PER_MS:.2f}"
        altitude = f"{_ALTITUDE_M:.1f},M,{_GEOID_M:.1f},M"
        return b"".join(
            map(
                sentence,
                (
                    f"GPGGA,{clock},{place},1,{_SATELLITES:02d},{_HDOP:.1f},{altitude},,",
                    f"GPRMC,{clock},A,{place},{knots},{course},{when:%d%m%y},,,A",
                    f"GPVTG,{course},T,,M,{knots},N,{state.speed_kmh:.2f},K,A",
                ),
            )
        )


def sentence(body: str) -> bytes:
    """Return *body* as an NMEA 0183 sentence: ``$``, ``*`` and its checksum, CR LF."""
    return f"${body}*{reduce(xor, body.encode('ascii')):02X}\r\n".encode("ascii")


def _angle(degrees: float, digits: int, sides: str) -> str:
    """Return ``ddmm.mmmmm,N``: whole degrees in *digits* digits, then minutes, then the side."""
    # Rounded once, as a whole, so that the minutes never come out as 60.00000.
    units = round(abs(degrees) * 60 * 100_000)
    whole, rest = divmod(units, 60 * 100_000)
    minutes, fraction = divmod(rest, 100_000)
    return f"{whole:0{digits}d}{minutes:02d}.{fraction:05d},{sides[degrees < 0]}"
