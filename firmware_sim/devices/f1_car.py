"""A Formula 1 car as physics: what the sensors measure, at any moment of a stint.

It drives `Circuit` as fast as grip, power and drag allow; everything else follows from that: the
engine heats under load and cools when the driver lifts, tyres warm with the work they do and their
pressure with their temperature, fuel goes where the power comes from. A stint starts at the pit box
on cold tyres with little fuel left, a tyre begins to leak in its first lap, and the car comes in
for tyres and fuel at the lap's end. Time is compressed where a race would bore: fuel burns about
ten times, tyres warm about five times as fast as they do.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cache
from random import Random
from typing import NamedTuple

from firmware_sim.devices.circuit import Circuit

STEP_NS = 10_000_000
"""The grid of time on which the physics is worked out."""

_DT = STEP_NS / 1e9
_G = 9.81

# The car. Downforce gives grip that grows with the square of the speed.
_MASS_KG = 800.0
_POWER_W = 760_000.0
_DRAG = 0.60  # newton per (m/s)**2: half the air's density times drag area, wing open
_GRIP = 1.9
_DOWNFORCE = 0.0030  # m/s**2 per (m/s)**2
_MOST_G = 5.75  # beyond it a driver lifts, whatever the tyres could
_BRAKE_SHARE = 0.85  # of the grip that a driver dares to use for braking
_TRACTION = 12.0  # m/s**2: what the rear tyres put down from standstill
_LIMITER_MS = 347.0 / 3.6
_PIT_LIMIT_MS = 80.0 / 3.6
_PIT_LANE_M = 60.0
_STOP_S = 3.0
_BOX_BRAKING = 12.0  # m/s**2, into the box
_ROLLING_OUT = 5.0  # m/s per metre that is left
_AT_THE_BOX_M = 0.02

# Engine temperature, degC: where it would settle without and under full load, and how fast.
_ENGINE_START, _ENGINE_IDLE, _ENGINE_LOAD, _ENGINE_TAU_S = 93.0, 85.0, 33.0, 7.0

# Tyres: cold, degC; the gauge pressure then, bar; heating, degC a second, per m/s of rolling and
# per m/s**2 of sliding; cooling.
_TYRE_COLD, _TYRE_COLD_BAR, _AMBIENT = 58.0, 1.84, 25.0
_TYRE_ROLLING, _TYRE_SLIDING, _TYRE_TAU_S = 0.075, 0.055, 15.0
_ATMOSPHERE_BAR = 1.013

# A leak at the rim: it seals again once the pressure no longer lifts the tyre's bead.
_LEAK_FLOOR_BAR, _LEAK_TAU_S = 1.83, 3.0
_LEAK_FROM_S, _LEAK_SPREAD_S = 15.0, 3.0
_LATER_LEAK_FROM_S, _LATER_LEAK_SPREAD_S = 90.0, 120.0

_FUEL_START, _FUEL_FULL, _FUEL_LOW = 17.0, 95.0, 13.0  # per cent
_FUEL_BURN, _FUEL_IDLE = 0.26, 0.02  # per cent a second, at full load and always
_FUEL_KG_PER_PERCENT = 1.1

_GEAR_TOP_MS = (0.0, 25.0, 37.0, 48.0, 59.0, 70.0, 81.0, 91.0, 99.0)
_IDLE_RPM, _TOP_RPM = 4_500.0, 12_400.0
_ENGINE_BRAKING = 3.0  # m/s**2, while it turns faster than it may
_LIMP_HOME_TORQUE, _LIMP_HOME_RPM = 0.3, 6_000.0


class CarState(NamedTuple):
    """The car at one moment. Gauge pressures in bar, temperatures in degC, G in multiples of g."""

    t_ns: int
    speed_ms: float
    distance_m: float
    lap: int
    in_pit: bool
    throttle: float
    gear: int
    rpm: float
    g_lat: float
    g_long: float
    engine_temp: float
    tyre_temps: tuple[float, ...]
    tyre_pressures: tuple[float, ...]
    fuel_level: float
    fuel_flow_kg_h: float

    @property
    def speed_kmh(self) -> float:
        """Speed in km/h."""
        return self.speed_ms * 3.6

    @property
    def g_force(self) -> float:
        """Lateral and longitudinal acceleration together."""
        return math.hypot(self.g_lat, self.g_long)


class F1Car:
    """The car in motion; several devices may look at one.

    Args:
        seed: Which tyre leaks and when. Equal seeds drive equal stints.

    Attributes:
        circuit: Where it drives.
        state: How it is at the latest moment asked for.
    """

    def __init__(self, seed: int | str) -> None:
        self.circuit, self._limit = _lap()
        self._random = Random(f"{seed}/f1-car")  # noqa: S311 - a simulation, not a secret
        self._speed = self._distance = 0.0
        self._lap = 1
        self._in_pit = True
        self._stop_left_s = 0.0
        self._engine = _ENGINE_START
        self._fuel = _FUEL_START
        self._stint_s = 0.0
        self.limit(limp_home=False, rpm=None)
        self._fit_tyres(_LEAK_FROM_S, _LEAK_SPREAD_S)
        self.state = self._snapshot(0, 0.0, 0.0, 0.0)

    def at(self, t_ns: int) -> CarState:
        """Drive on to *t_ns* since the start, at `STEP_NS` resolution; return `state`.

        Args:
            t_ns: Not before an earlier call's: the car does not reverse.
        """
        while self.state.t_ns + STEP_NS <= t_ns:
            self._drive()
        return self.state

    def limit(self, limp_home: bool, rpm: float | None) -> None:
        """Limit the engine from now on, as its ECU does.

        Args:
            limp_home: To 30 % of its torque, and 6000 1/min.
            rpm: To so many revolutions a minute, if they are less; None for no such limit.
        """
        self._torque = _LIMP_HOME_TORQUE if limp_home else 1.0
        most = min(_TOP_RPM, rpm or _TOP_RPM, _LIMP_HOME_RPM if limp_home else _TOP_RPM)
        self._gear_tops = tuple(top * most / _TOP_RPM for top in _GEAR_TOP_MS)

    def _fit_tyres(self, leak_from_s: float, spread_s: float) -> None:
        self._tyre_temps = [_TYRE_COLD] * 4
        self._tyre_gas = [1.0] * 4
        self._stint_s = 0.0
        self._leaking = self._random.randrange(4)
        self._leak_s = leak_from_s + spread_s * self._random.random()

    def _drive(self) -> None:
        before = self._speed
        if self._stop_left_s > 0:
            self._wait_in_the_box()
        else:
            self._roll()
        accel = (self._speed - before) / _DT
        lateral = self._speed**2 * self._here(self.circuit.curvature)
        throttle = min(max((accel + _drag(before)) / _pull(before), 0.0), 1.0)
        self._warm(throttle, math.hypot(lateral, accel))
        self.state = self._snapshot(self.state.t_ns + STEP_NS, throttle, lateral, accel)

    def _roll(self) -> None:
        speed = self._speed
        lateral = speed**2 * abs(self._here(self.circuit.curvature))
        spare = math.sqrt(max(_grip(speed) ** 2 - lateral**2, 0.0))
        drag = _drag(speed)
        wanted = speed + (min(_pull(speed) * self._torque, spare) - drag) * _DT
        wanted = min(wanted, max(self._gear_tops[-1], speed - (drag + _ENGINE_BRAKING) * _DT))
        wanted = min(wanted, _PIT_LIMIT_MS if self._in_pit else _LIMITER_MS)
        wanted = min(wanted, self._here(self._limit))
        left_m = self.circuit.length_m - self._distance
        if self._is_due_in():
            wanted = min(wanted, math.sqrt(2 * _BOX_BRAKING * left_m), _ROLLING_OUT * left_m)
        self._speed = wanted
        self._distance += wanted * _DT
        if self._in_pit and self._distance > _PIT_LANE_M:
            self._in_pit = False
        if self._is_due_in() and left_m < _AT_THE_BOX_M:
            self._speed, self._stop_left_s, self._in_pit = 0.0, _STOP_S, True
        elif self._distance >= self.circuit.length_m:
            self._distance -= self.circuit.length_m
            self._lap += 1

    def _is_due_in(self) -> bool:
        return not self._in_pit and (self._fuel < _FUEL_LOW or self._stint_s > self._leak_s)

    def _wait_in_the_box(self) -> None:
        self._stop_left_s -= _DT
        if self._stop_left_s <= 0:
            self._distance = 0.0
            self._lap += 1
            self._fuel = _FUEL_FULL
            self._fit_tyres(_LATER_LEAK_FROM_S, _LATER_LEAK_SPREAD_S)

    def _here(self, values: list[float]) -> float:
        """Return one of the lap's properties where the car is, between grid points."""
        grid = self._distance / self.circuit.step_m
        index = min(int(grid), len(values) - 1)
        following = values[(index + 1) % len(values)]
        return values[index] + (grid - index) * (following - values[index])

    def _warm(self, throttle: float, accel: float) -> None:
        settles = _ENGINE_IDLE + _ENGINE_LOAD * throttle
        self._engine += (settles - self._engine) * _DT / _ENGINE_TAU_S
        heat = _TYRE_ROLLING * self._speed + _TYRE_SLIDING * accel
        for wheel, temp in enumerate(self._tyre_temps):
            self._tyre_temps[wheel] = temp + (heat - (temp - _AMBIENT) / _TYRE_TAU_S) * _DT
        self._stint_s += _DT
        if self._stint_s > self._leak_s:
            pressure = self._pressure(self._leaking)
            lost = max(pressure - _LEAK_FLOOR_BAR, 0.0) * _DT / _LEAK_TAU_S
            self._tyre_gas[self._leaking] *= 1 - lost / (pressure + _ATMOSPHERE_BAR)
        self._fuel = max(self._fuel - (_FUEL_IDLE + _FUEL_BURN * throttle) * _DT, 0.0)

    def _pressure(self, wheel: int) -> float:
        # Gay-Lussac: at constant volume the absolute pressure follows the absolute temperature.
        kelvin = (self._tyre_temps[wheel] + 273.15) / (_TYRE_COLD + 273.15)
        cold = _TYRE_COLD_BAR + _ATMOSPHERE_BAR
        return cold * kelvin * self._tyre_gas[wheel] - _ATMOSPHERE_BAR

    def _snapshot(self, t_ns: int, throttle: float, lateral: float, accel: float) -> CarState:
        gear = bisect_left(self._gear_tops, self._speed, hi=len(_GEAR_TOP_MS) - 1)
        rpm = _TOP_RPM * self._speed / _GEAR_TOP_MS[gear] if gear else 0.0
        burn = _FUEL_IDLE + _FUEL_BURN * throttle
        return CarState(
            t_ns=t_ns,
            speed_ms=self._speed,
            distance_m=self._distance,
            lap=self._lap,
            in_pit=self._in_pit,
            throttle=throttle,
            gear=gear,
            rpm=max(rpm, _IDLE_RPM),
            g_lat=lateral / _G,
            g_long=accel / _G,
            engine_temp=self._engine,
            tyre_temps=tuple(self._tyre_temps),
            tyre_pressures=tuple(map(self._pressure, range(4))),
            fuel_level=self._fuel,
            fuel_flow_kg_h=burn * _FUEL_KG_PER_PERCENT * 3600 / 10,
        )


@cache
def _lap() -> tuple[Circuit, list[float]]:
    """Return the circuit and its speed limits, which are the same for all cars."""
    circuit = Circuit()
    return circuit, _speed_limits(circuit)


def _speed_limits(circuit: Circuit) -> list[float]:
    """Return, a grid point each, the speed from which the car can still make what comes."""
    limits = [_cornering(abs(curvature)) for curvature in circuit.curvature]
    count = len(limits)
    for index in range(2 * count - 1, -1, -1):  # twice round: braking may begin before the line
        here, after = index % count, (index + 1) % count
        speed = limits[after]
        grip = _grip(speed)
        lateral = min(speed**2 * abs(circuit.curvature[here]), grip)
        braking = _BRAKE_SHARE * math.sqrt(grip**2 - lateral**2)
        limits[here] = min(limits[here], math.sqrt(speed**2 + 2 * braking * circuit.step_m))
    return limits


def _pull(speed: float) -> float:
    """Return what engine and rear tyres can do at full throttle, in m/s**2."""
    return min(_TRACTION, _POWER_W / (_MASS_KG * max(speed, 1.0)))


def _drag(speed: float) -> float:
    return _DRAG * speed**2 / _MASS_KG


def _grip(speed: float) -> float:
    return min(_GRIP * (_G + _DOWNFORCE * speed**2), _MOST_G * _G)


def _cornering(curvature: float) -> float:
    """Return the highest speed at which the grip holds a bend of *curvature*, in m/s."""
    if curvature * _LIMITER_MS**2 <= _grip(_LIMITER_MS):
        return _LIMITER_MS
    sharper = curvature - _GRIP * _DOWNFORCE
    if sharper > 0:
        held = math.sqrt(_GRIP * _G / sharper)
        if held**2 * curvature <= _MOST_G * _G:
            return held
    return math.sqrt(_MOST_G * _G / curvature)
