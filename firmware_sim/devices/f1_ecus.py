"""The Formula 1 car's electronics: its physics, as its ECUs put it on the bus."""

from __future__ import annotations

from importlib.resources import files

import cantools.database
from cantools.database.can import Database

from firmware_sim.devices.ecu import Ecu
from firmware_sim.devices.f1_car import F1Car

ECUS = ("EngineEcu", "ChassisEcu", "TyreEcu", "FuelEcu")

NOISE = {
    "ENGINE_TEMP": 0.08,
    "RPM": 4.0,
    "OIL_PRESSURE": 0.03,
    "SPEED": 0.06,
    "G_FORCE": 0.012,
    "G_LATERAL": 0.01,
    "G_LONGITUDINAL": 0.01,
    "TYRE_PRESSURE": 0.002,
    "TYRE_PRESSURE_FL": 0.002,
    "TYRE_PRESSURE_FR": 0.002,
    "TYRE_PRESSURE_RL": 0.002,
    "TYRE_PRESSURE_RR": 0.002,
    "FUEL_LEVEL": 0.03,
}
"""Standard deviations of the sensors' noise, in the signals' units."""

_BRAKING_G = -0.3


def f1_database() -> Database:
    """Return the signal database that the package ships, ``firmware_sim/data/f1.dbc``."""
    text = files("firmware_sim").joinpath("data/f1.dbc").read_text()
    database = cantools.database.load_string(text, "dbc")
    assert isinstance(database, Database)  # noqa: S101 - a DBC is one
    return database


def f1_ecus(car: F1Car, seed: int | str) -> list[Ecu]:
    """Return the ECUs of *car*, one a node of the database."""
    database = f1_database()

    def sensors(now_ns: int) -> dict[str, float]:
        return _signals(car, now_ns)

    return [Ecu(name, database, sensors, noise=NOISE, seed=seed) for name in ECUS]


def _signals(car: F1Car, now_ns: int) -> dict[str, float]:
    state = car.at(now_ns)
    corners = ("FL", "FR", "RL", "RR")
    return {
        "ENGINE_TEMP": state.engine_temp,
        "GEAR": state.gear,
        "RPM": state.rpm,
        "THROTTLE": state.throttle * 100.0,
        "OIL_PRESSURE": 2.0 + 4.5 * state.rpm / 12_400.0,
        "SPEED": state.speed_kmh,
        "G_FORCE": state.g_force,
        "G_LATERAL": state.g_lat,
        "G_LONGITUDINAL": state.g_long,
        "BRAKE": state.g_long < _BRAKING_G,
        "TYRE_PRESSURE": min(state.tyre_pressures),
        **{f"TYRE_PRESSURE_{c}": p for c, p in zip(corners, state.tyre_pressures, strict=True)},
        **{f"TYRE_TEMP_{c}": t for c, t in zip(corners, state.tyre_temps, strict=True)},
        "FUEL_LEVEL": state.fuel_level,
        "FUEL_FLOW": state.fuel_flow_kg_h,
        "LAP": state.lap % 256,
        "IN_PIT": state.in_pit,
        "LAP_DISTANCE": state.distance_m,
    }
