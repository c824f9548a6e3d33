"""A GPS receiver that speaks NMEA 0183: where the car is, ten times a second."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor
from random import Random

from firmware_sim.devices.circuit import METRES_PER_DEGREE
from firmware_sim.devices.f1_car import F1Car
from firmware_sim.devices.inputs import Inputs, nearest

PERIOD_NS = 100_000_000
ORIGIN = (52.0690, -1.0220)
"""Latitude and longitude of the start line, degrees: an airfield in England."""
START = datetime(2026, 7, 5, 14, 0, tzinfo=UTC)
"""The race's start: a simulation has no clock, so that it is the same each time."""

_ALTITUDE_M, _GEOID_M = 153.0, 47.0
_SATELLITES, _HDOP = 12, 0.8
_JITTER_M = 0.15
_KMH_PER_KNOT = 1.852
_METRES_PER_DEGREE_EAST = METRES_PER_DEGREE * math.cos(math.radians(ORIGIN[0]))
_HALF = 0.5


INPUTS = {
    "fix": "",
    "latitude": "deg",
    "longitude": "deg",
    "altitude": "m",
    "speed": "km/h",
    "course": "deg",
    "satellites": "",
}
"""What it measures; *fix* is 1 with one, 0 without: then it tells the time, but no place."""


class Gps:
    """Sends GGA, RMC and VTG, each with its checksum, every 100 ms.

    Args:
        name: Its name.
        car: The car that it is mounted in.
        seed: Of the receiver's noise.
        start: The time at the simulation's start; UTC unless it says otherwise.

    Attributes:
        inputs: What it measures.
    """

    def __init__(self, name: str, car: F1Car, *, seed: int | str, start: datetime = START) -> None:
        self.name = name
        self.inputs = Inputs(INPUTS)
        self._car = car
        self._start = start.astimezone(UTC) if start.tzinfo else start
        self._seed = f"{seed}/gps/{name}"
        self.reset(0)

    def reset(self, now_ns: int) -> None:
        """See `Resettable`."""
        self._random = Random(self._seed)  # noqa: S311 - a simulation, not a secret
        self.due_ns = now_ns

    def step(self, now_ns: int) -> bytes:
        """See `Device`."""
        self.due_ns += PERIOD_NS
        state = self._car.at(now_ns)
        east, north = self._car.circuit.position(state.distance_m)
        north += self._random.gauss(0.0, _JITTER_M)
        east += self._random.gauss(0.0, _JITTER_M)

        def seen(name: str, true: float) -> float:
            return self.inputs.seen(name, true, now_ns)

        latitude = seen("latitude", ORIGIN[0] + north / METRES_PER_DEGREE)
        longitude = seen("longitude", ORIGIN[1] + east / _METRES_PER_DEGREE_EAST)
        altitude = f"{seen('altitude', _ALTITUDE_M):.1f},M,{_GEOID_M:.1f},M"
        kmh = max(seen("speed", state.speed_kmh), 0.0)
        course = f"{seen('course', self._car.circuit.course_deg(state.distance_m)) % 360.0:.1f}"
        satellites = nearest(seen("satellites", _SATELLITES), 0, 99)
        when = self._start + timedelta(microseconds=now_ns // 1000)
        clock, date = f"{when:%H%M%S}.{when.microsecond // 10_000:02d}", f"{when:%d%m%y}"
        if seen("fix", 1.0) < _HALF:
            return _sentences(
                f"GPGGA,{clock},,,,,0,{satellites:02d},,,M,,M,,",
                f"GPRMC,{clock},V,,,,,,,{date},,,N",
                "GPVTG,,T,,M,,N,,K,N",
            )
        latitude = min(max(latitude, -90.0), 90.0)
        longitude = (longitude + 180.0) % 360.0 - 180.0
        place = f"{_angle(latitude, 2, 'NS')},{_angle(longitude, 3, 'EW')}"
        knots = f"{kmh / _KMH_PER_KNOT:.2f}"
        return _sentences(
            f"GPGGA,{clock},{place},1,{satellites:02d},{_HDOP:.1f},{altitude},,",
            f"GPRMC,{clock},A,{place},{knots},{course},{date},,,A",
            f"GPVTG,{course},T,,M,{knots},N,{kmh:.2f},K,A",
        )


def _sentences(*bodies: str) -> bytes:
    return b"".join(map(sentence, bodies))


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
