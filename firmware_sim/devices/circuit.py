"""The race track: where the car is, which way it points, how sharply the road bends."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

METRES_PER_DEGREE = 111_320.0
"""Of latitude; of longitude times the cosine of the latitude."""

_EASING_M = 15
"""Over how many metres a bend sets in: a road has no corner in its curvature."""


class Segment(NamedTuple):
    """A piece of road: *length_m* metres, turning right by *turn_deg* degrees in all."""

    length_m: float
    turn_deg: float = 0.0


def _bend(radius_m: float, turn_deg: float) -> Segment:
    return Segment(radius_m * math.radians(abs(turn_deg)), turn_deg)


_MAIN_M, _SHORT_M, _BACK_M = 900.0, 60.0, 400.0
_FAST_R, _SLOW_R, _CLUB_R, _LAST_R, _CHICANE_R = 118.0, 30.0, 35.0, 45.0, 40.0
_CHICANE_DEG = 40.0
# What closes the lap, east-west and north-south.
_SECOND_BACK_M = (
    _MAIN_M + _FAST_R - _SLOW_R - _CLUB_R + _LAST_R
    - _BACK_M - 4 * _CHICANE_R * math.sin(math.radians(_CHICANE_DEG))
)  # fmt: skip
_RETURN_M = _SHORT_M + _FAST_R + _SLOW_R - _CLUB_R - _LAST_R

SEGMENTS = (
    Segment(_MAIN_M),
    _bend(_FAST_R, 90),  # flat out but for a touch of the brake: the most G of the lap
    Segment(_SHORT_M),
    _bend(_SLOW_R, 90),
    Segment(_BACK_M),
    _bend(_CHICANE_R, _CHICANE_DEG),
    _bend(_CHICANE_R, -2 * _CHICANE_DEG),
    _bend(_CHICANE_R, _CHICANE_DEG),
    Segment(_SECOND_BACK_M),
    _bend(_CLUB_R, 90),
    Segment(_RETURN_M),
    _bend(_LAST_R, 90),
)
"""A lap of about 2.4 km, driven clockwise, from the start of the main straight, heading east."""


class Circuit:
    """The lap on a grid of about a metre.

    Attributes:
        length_m: Of one lap.
        step_m: Of the grid.
        curvature: At each grid point, 1 / metre, positive to the right.
    """

    def __init__(self) -> None:
        exact = sum(segment.length_m for segment in SEGMENTS)
        points = round(exact)
        self.length_m = exact
        self.step_m = exact / points
        ends = np.cumsum([segment.length_m for segment in SEGMENTS])
        bends = [math.radians(segment.turn_deg) / segment.length_m for segment in SEGMENTS]
        middle = (np.arange(points) + 0.5) * self.step_m
        sharp = np.array(bends)[np.searchsorted(ends, middle)]
        wrapped = np.concatenate((sharp[-_EASING_M:], sharp, sharp[:_EASING_M]))
        eased = np.convolve(wrapped, np.ones(_EASING_M) / _EASING_M, "same")[_EASING_M:-_EASING_M]
        eased *= math.tau / (eased.sum() * self.step_m)
        heading = np.concatenate(([0.0], np.cumsum(eased) * self.step_m))
        east = np.concatenate(([0.0], np.cumsum(np.cos(heading[:-1])) * self.step_m))
        south = np.concatenate(([0.0], np.cumsum(np.sin(heading[:-1])) * self.step_m))
        # Easing the bends and the grid leave the lap open by a metre or so; spread it out.
        share = np.linspace(0.0, 1.0, points + 1)
        self.curvature: list[float] = eased.tolist()
        self._heading: list[float] = heading.tolist()
        self._east: list[float] = (east - share * east[-1]).tolist()
        self._north: list[float] = (share * south[-1] - south).tolist()

    def position(self, distance_m: float) -> tuple[float, float]:
        """Return metres east and north of the start line after *distance_m* of a lap."""
        index, part = self._locate(distance_m)
        east, north = self._east, self._north
        return (
            east[index] + part * (east[index + 1] - east[index]),
            north[index] + part * (north[index + 1] - north[index]),
        )

    def course_deg(self, distance_m: float) -> float:
        """Return the direction of travel there, degrees clockwise from north, below 360."""
        index, _ = self._locate(distance_m)
        return (90.0 + math.degrees(self._heading[index])) % 360.0

    def _locate(self, distance_m: float) -> tuple[int, float]:
        grid = distance_m % self.length_m / self.step_m
        index = min(int(grid), len(self.curvature) - 1)
        return index, grid - index
