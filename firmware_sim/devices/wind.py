"""A wind instrument on a boat that speaks NMEA 0183: apparent wind, depth and heading.

MWV (relative), DPT and HDM once a second each, the wind five times, from talkers ``WI``, ``SD`` and
``HC``. Field layouts: NMEA 0183 as described by IEC 61162-1.
"""

from __future__ import annotations

import math
from random import Random

from firmware_sim.devices.gps import sentence
from firmware_sim.devices.inputs import Inputs

PERIOD_NS = 200_000_000
SLOW_EVERY = 5
"""Depth and heading come with every so many winds."""

INPUTS = {
    "wind_speed": "m/s",
    "wind_angle": "deg",
    "depth": "m",
    "heading": "deg",
}

_SPEED, _GUST = 8.0, 1.5
_ANGLE, _YAW = 42.0, 6.0
_DEPTH, _SWELL = 14.0, 2.5
_HEADING = 118.0


class Wind:
    """See the module.

    Args:
        name: Its name.
        seed: Of the gusts.

    Attributes:
        inputs: What it measures.
    """

    def __init__(self, name: str, *, seed: int | str = 0) -> None:
        self.name = name
        self.inputs = Inputs(INPUTS)
        self._seed = f"{seed}/wind/{name}"
        self.reset(0)

    def reset(self, now_ns: int) -> None:
        """See `Resettable`."""
        self._random = Random(self._seed)  # noqa: S311 - a simulation, not a secret
        self.due_ns = now_ns
        self._sent = 0

    def step(self, now_ns: int) -> bytes:
        """See `Device`."""
        self.due_ns += PERIOD_NS
        sentences = [self._wind(now_ns)]
        if self._sent % SLOW_EVERY == 0:
            sentences += [self._depth(now_ns), self._heading(now_ns)]
        self._sent += 1
        return b"".join(sentences)

    def _wind(self, now_ns: int) -> bytes:
        seen, turn = self.inputs.seen, math.tau * now_ns / 1e9
        gust = _GUST * math.sin(turn / 9.0) + self._random.gauss(0.0, 0.2)
        angle = _ANGLE + _YAW * math.sin(turn / 4.0) + self._random.gauss(0.0, 0.5)
        speed = max(seen("wind_speed", _SPEED + gust, now_ns), 0.0)
        bow = seen("wind_angle", angle, now_ns) % 360.0
        return sentence(f"WIMWV,{bow:.1f},R,{speed:.1f},M,A")

    def _depth(self, now_ns: int) -> bytes:
        swell = _SWELL * math.sin(math.tau * now_ns / 1e9 / 70.0)
        return sentence(
            f"SDDPT,{max(self.inputs.seen('depth', _DEPTH + swell, now_ns), 0.0):.1f},0.0"
        )

    def _heading(self, now_ns: int) -> bytes:
        yaw = _YAW * math.sin(math.tau * now_ns / 1e9 / 13.0)
        return sentence(
            f"HCHDM,{self.inputs.seen('heading', _HEADING + yaw, now_ns) % 360.0:.1f},M"
        )
