"""A scenario file: which buses and devices there are, as typed, frozen structs."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from firmware_sim.bus import PATIENCE_NS, QUEUE_FRAMES, RESTART_MS
from firmware_sim.device_sections import F1CarSection, GpsSection, LoadSection, SlcanSection
from firmware_sim.errors import RequestError, ScenarioError
from firmware_sim.explain import explained, listed, value_at
from firmware_sim.faults.kinds import KINDS, AnyFault, fault_keys
from firmware_sim.rest_bus_section import RestBusSection
from firmware_sim.section import Name, OnBus, OnPort, Section, Seed
from firmware_sim.serial_sections import (
    FramedSensorSection,
    ModbusSlaveSection,
    ProcessSection,
    WindSection,
)
from firmware_sim.timeline import StepSection

MAX_BIT_RATE = 100_000_000


class ScenarioSection(Section, frozen=True, kw_only=True):
    """``[scenario]``.

    Attributes:
        seed: Of everything random. The same seed sends the same bytes.
        ports: Folder for the links to serial ports, relative to the file; None leaves it to the
            command line.
        gather_ms: How far apart the moments are at which devices do what has become due; 0: each
            at its own.
    """

    seed: Seed = 0
    ports: str | None = None
    gather_ms: Annotated[float, Meta(ge=0, le=1_000)] = 0


class BusSection(Section, frozen=True, kw_only=True):
    """``[[bus]]``.

    Attributes:
        name: Its name; nodes join it by this.
        bit_rate: Bits a second; 0 is unlimited: frames cross as they are sent.
        data_bit_rate: Of the data of CAN FD frames that switch; 0 is `bit_rate`.
        restart_ms: How long after bus-off a node begins to recover; 0 for never by itself.
        acknowledge: Whether a frame needs another node's acknowledgement; where there is a bit
            rate it does unless this is false.
        queue: Frames that may wait for one node before the bus waits for it.
        patience_s: Seconds that a node whose queue is full may have taken nothing before the bus
            goes on without it.
    """

    name: Name
    bit_rate: Annotated[int, Meta(ge=0, le=MAX_BIT_RATE)] = 0
    data_bit_rate: Annotated[int, Meta(ge=0, le=MAX_BIT_RATE)] = 0
    restart_ms: Annotated[float, Meta(ge=0, le=3_600_000)] = RESTART_MS
    acknowledge: bool | None = None
    queue: Annotated[int, Meta(ge=1, le=1 << 24)] = QUEUE_FRAMES
    patience_s: Annotated[float, Meta(ge=0, le=3600)] = PATIENCE_NS / 1e9


# A line for each type: a struct that is `OnBus` or `OnPort`.
AnyDevice = (
    F1CarSection
    | GpsSection
    | SlcanSection
    | LoadSection
    | FramedSensorSection
    | ModbusSlaveSection
    | ProcessSection
    | RestBusSection
    | WindSection
)  # fmt: skip


class Scenario(Section, frozen=True, kw_only=True):
    """A whole scenario file."""

    scenario: ScenarioSection = ScenarioSection()
    bus: tuple[BusSection, ...] = ()
    device: tuple[AnyDevice, ...] = ()
    step: tuple[StepSection, ...] = ()
    fault: tuple[AnyFault, ...] = ()


def load_scenario(file: Path) -> Scenario:
    """Read and check *file*.

    Raises:
        ScenarioError: It cannot be read, or is wrong; the first thing found.
    """
    try:
        document = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        got = (error.strerror or str(error)).lower()
        raise ScenarioError(file, "", got, "a scenario file") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(
            file, f"byte {error.start}", f"0x{error.object[error.start]:02x}", "UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        place = where.rstrip(")") if what else ""
        raise ScenarioError(file, place, (what or where).lower(), "TOML") from None
    except (ValueError, RecursionError):  # what tomllib itself trips over
        got = "a number of thousands of digits, or lists in lists in lists ..."
        raise ScenarioError(file, "", got, "TOML") from None
    try:
        scenario = msgspec.convert(document, Scenario)
    except msgspec.ValidationError as error:
        fault = explained(document, str(error), lambda path: _keys(document, path), _tags)
        raise ScenarioError(file, *fault) from None
    scenario = msgspec.structs.replace(
        scenario,
        device=tuple(
            device.in_folder(file.parent) if isinstance(device, RestBusSection) else device
            for device in scenario.device
        ),
    )
    _check(file, scenario)
    return scenario


def _check(file: Path, scenario: Scenario) -> None:
    buses = [bus.name for bus in scenario.bus]
    cars = [device.name for device in scenario.device if isinstance(device, F1CarSection)]
    names = [device.name for device in scenario.device]
    ports = [
        device.port if isinstance(device, OnPort | ProcessSection) else None
        for device in scenario.device
    ]
    _unique(file, "bus", "name", buses)
    _unique(file, "device", "name", names)
    _unique(file, "device", "port", ports)
    for index, bus in enumerate(scenario.bus):
        if not bus.bit_rate and (bus.data_bit_rate or bus.acknowledge):
            raise ScenarioError(
                file, f"bus[{index}].bit_rate", 0, "a bit rate, with its other keys"
            )
    for index, device in enumerate(scenario.device):
        where = f"device[{index}]"
        if isinstance(device, OnBus | SlcanSection | ProcessSection) and device.bus is not None:
            _one_of(file, f"{where}.bus", device.bus, buses)
        if isinstance(device, GpsSection):
            _one_of(file, f"{where}.car", device.car, cars)
        try:
            device.check()
        except RequestError as error:
            raise ScenarioError(file, f"{where}.{error.where}", error.got, error.expected) from None


def _unique(file: Path, section: str, key: str, values: Sequence[str | None]) -> None:
    for index, value in enumerate(values):
        if value is not None and value in values[:index]:
            expected = f"a {key} that no other {section} has"
            raise ScenarioError(file, f"{section}[{index}].{key}", repr(value), expected)


def _one_of(file: Path, where: str, got: str, names: Iterable[str]) -> None:
    if got not in names:
        known = listed(names)
        expected = f"one of {known}" if known else "one that the scenario has, and it has none"
        raise ScenarioError(file, where, repr(got), expected)


_TYPES = {
    section.__struct_config__.tag: section.__struct_fields__ for section in get_args(AnyDevice)
}


def _keys(document: dict[str, Any], path: str) -> tuple[str, ...]:
    table = path.partition("[")[0]
    match table:
        case "device":
            return ("type", *_TYPES[value_at(document, path)["type"]])
        case "fault":
            return fault_keys(value_at(document, path))
        case "step":
            return StepSection.__struct_fields__
        case "bus":
            return BusSection.__struct_fields__
    return ScenarioSection.__struct_fields__ if path else Scenario.__struct_fields__


def _tags(path: str) -> str:
    if path.startswith("device") and path.endswith(".type"):
        return f"one of {listed(_TYPES)}"
    if path.startswith("fault") and path.endswith(".kind"):
        return f"one of {listed(KINDS)}"
    return ""
