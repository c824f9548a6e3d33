"""The Formula 1 car's electronics: what its ECUs measure of it, watch for, and act on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from operator import attrgetter

import cantools.database
from cantools.database.can import Database

from firmware_sim.devices.cyclic import Sensors
from firmware_sim.devices.dtc import Monitor
from firmware_sim.devices.ecu import Ecu, EcuSpec
from firmware_sim.devices.f1_car import CarState, F1Car
from firmware_sim.devices.inputs import Inputs
from firmware_sim.devices.obd import Pid, scaled

VIN = "F1SGATEWAY0000044"

_BRAKING_G = -0.3
_LITRES_PER_KG = 1 / 0.75
_AMBIENT_C = 25

_CORNERS = ("FL", "FR", "RL", "RR")
_PRESSURES = tuple(f"TYRE_PRESSURE_{corner}" for corner in _CORNERS)

_Reader = Callable[[CarState], float]


def _of_wheel(wheel: int, of_state: Callable[[CarState], tuple[float, ...]]) -> _Reader:
    return lambda state: of_state(state)[wheel]


READERS: Mapping[str, _Reader] = {
    "ENGINE_TEMP": attrgetter("engine_temp"),
    "GEAR": attrgetter("gear"),
    "RPM": attrgetter("rpm"),
    "THROTTLE": lambda state: state.throttle * 100.0,
    "OIL_PRESSURE": lambda state: 2.0 + 4.5 * state.rpm / 12_400.0,
    "SPEED": lambda state: state.speed_ms * 3.6,
    "G_LATERAL": attrgetter("g_lat"),
    "G_LONGITUDINAL": attrgetter("g_long"),
    "BRAKE": lambda state: state.g_long < _BRAKING_G,
    **{n: _of_wheel(i, attrgetter("tyre_pressures")) for i, n in enumerate(_PRESSURES)},
    **{f"TYRE_TEMP_{c}": _of_wheel(i, attrgetter("tyre_temps")) for i, c in enumerate(_CORNERS)},
    "FUEL_LEVEL": attrgetter("fuel_level"),
    "FUEL_FLOW": attrgetter("fuel_flow_kg_h"),
    "LAP": lambda state: state.lap % 256,
    "IN_PIT": attrgetter("in_pit"),
    "LAP_DISTANCE": attrgetter("distance_m"),
}
"""What each sensor measures of the car."""

DERIVED: Mapping[str, Callable[[Mapping[str, float]], float]] = {
    "G_FORCE": lambda seen: math.hypot(seen["G_LATERAL"], seen["G_LONGITUDINAL"]),
    "TYRE_PRESSURE": lambda seen: min(seen[name] for name in _PRESSURES),
}
"""What the ECUs work out of that."""

NOISE = {
    "ENGINE_TEMP": 0.08,
    "RPM": 4.0,
    "OIL_PRESSURE": 0.03,
    "SPEED": 0.06,
    "G_LATERAL": 0.01,
    "G_LONGITUDINAL": 0.01,
    **dict.fromkeys(_PRESSURES, 0.002),
    "FUEL_LEVEL": 0.03,
}
"""Standard deviations of the sensors' noise, in the signals' units."""

_TYRE_CODES = ("C0750", "C0755", "C0760", "C0765")
_FUEL_PIDS: Mapping[int, Pid] = {
    0x2F: scaled("FUEL_LEVEL", scale=100 / 255),
    0x5E: scaled("FUEL_FLOW", 2, scale=0.05 / _LITRES_PER_KG),
}
_SPEED_PIDS: Mapping[int, Pid] = {0x0D: scaled("SPEED")}

ECUS = (
    EcuSpec(
        name="EngineEcu",
        number=0,
        vin=VIN,
        limits_rpm=True,
        monitors=(
            Monitor(code="P0217", signal="ENGINE_TEMP", above=120.0),
            Monitor(code="P0117", signal="ENGINE_TEMP", below=-35.0),
            Monitor(code="P0524", signal="OIL_PRESSURE", below=1.0, hold_ms=200),
            Monitor(code="P0219", signal="RPM", above=13_500.0, limp=False),
        ),
        pids={
            0x04: scaled("THROTTLE", scale=100 / 255),
            0x05: scaled("ENGINE_TEMP", offset=-40.0),
            0x0C: scaled("RPM", 2, scale=0.25),
            **_SPEED_PIDS,
            0x11: scaled("THROTTLE", scale=100 / 255),
            **_FUEL_PIDS,
            0x46: lambda _values: bytes((_AMBIENT_C + 40,)),
        },
    ),
    EcuSpec(
        name="ChassisEcu",
        number=1,
        monitors=(
            Monitor(code="C0035", signal="SPEED", above=390.0),
            Monitor(code="C0061", signal="G_LATERAL", above=7.5),
            Monitor(code="C0061", signal="G_LATERAL", below=-7.5),
        ),
        pids=_SPEED_PIDS,
    ),
    EcuSpec(
        name="TyreEcu",
        number=2,
        monitors=tuple(
            Monitor(code=code, signal=name, below=0.5, hold_ms=500)
            for code, name in zip(_TYRE_CODES, _PRESSURES, strict=True)
        ),
    ),
    EcuSpec(
        name="FuelEcu",
        number=3,
        monitors=(Monitor(code="P0462", signal="FUEL_LEVEL", below=0.5, hold_ms=500),),
        pids=_FUEL_PIDS,
    ),
)


@cache
def f1_database() -> Database:
    """Return the signal database that the package ships, ``firmware_sim/data/f1.dbc``."""
    text = files("firmware_sim").joinpath("data/f1.dbc").read_text()
    database = cantools.database.load_string(text, "dbc")
    assert isinstance(database, Database)  # noqa: S101 - a DBC is one
    return database


def f1_ecus(car: F1Car, seed: int | str) -> list[Ecu[CarState]]:
    """Return the ECUs of *car*, one for each of `ECUS`; they share their inputs."""
    database = f1_database()
    signals = {s.name: s.unit or "" for message in database.messages for s in message.signals}
    inputs = Inputs({name: signals[name] for name in (*READERS, *DERIVED)})
    sensors = Sensors(at=car.at, readers=READERS, derived=DERIVED, noise=NOISE)
    return [
        Ecu(
            spec,
            database,
            sensors,
            inputs,
            seed=seed,
            actuate=car.limit if spec.limits_rpm else None,
        )
        for spec in ECUS
    ]
