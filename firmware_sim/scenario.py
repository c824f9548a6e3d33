"""A scenario file: which buses and devices there are, as typed, frozen structs."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from firmware_sim import wire
from firmware_sim.bus import PATIENCE_NS, QUEUE_FRAMES
from firmware_sim.devices.gps import START
from firmware_sim.devices.load import Load
from firmware_sim.errors import ScenarioError
from firmware_sim.explain import explained, listed, value_at
from firmware_sim.section import DeviceSection, Name, Positive, Section


class ScenarioSection(Section, frozen=True, kw_only=True):
    """``[scenario]``.

    Attributes:
        seed: Of everything random. The same seed sends the same bytes.
        ports: Folder for the links to serial ports, relative to the file; None leaves it to the
            command line.
    """

    seed: int = 0
    ports: str | None = None


class BusSection(Section, frozen=True, kw_only=True):
    """``[[bus]]``.

    Attributes:
        name: Its name; nodes join it by this.
        queue: Frames that may wait for one node before the bus waits for it.
        patience_s: Seconds that a node whose queue is full may have taken nothing before the bus
            goes on without it.
    """

    name: Name
    queue: Annotated[int, Meta(ge=1, le=1 << 24)] = QUEUE_FRAMES
    patience_s: Annotated[float, Meta(ge=0, le=3600)] = PATIENCE_NS / 1e9


class F1CarSection(DeviceSection, frozen=True, kw_only=True, tag="f1-car", tag_field="type"):
    """``[[device]]`` with ``type = "f1-car"``: the Formula 1 car's ECUs. A GPS names it.

    Attributes:
        bus: The bus that its ECUs are on.
    """

    bus: str


class GpsSection(DeviceSection, frozen=True, kw_only=True, tag="gps", tag_field="type"):
    """``[[device]]`` with ``type = "gps"``: an NMEA 0183 receiver in a car.

    Attributes:
        car: The device that carries it.
        port: The name of its serial port, a link in the folder of ports.
        start: The time at the simulation's start, 1980 to 2079; UTC unless it says otherwise.
    """

    car: str
    port: Name
    start: datetime.datetime = START


class SlcanSection(DeviceSection, frozen=True, kw_only=True, tag="slcan", tag_field="type"):
    """``[[device]]`` with ``type = "slcan"``: a serial-line CAN adapter.

    Attributes:
        bus: The bus that it is on.
        port: The name of its serial port, a link in the folder of ports.
    """

    bus: str
    port: Name


class LoadSection(DeviceSection, frozen=True, kw_only=True, tag="load", tag_field="type"):
    """``[[device]]`` with ``type = "load"``: numbered frames at a steady rate.

    Attributes:
        bus: The bus that it loads.
        rate: Frames a second.
        first_id: The lowest id; above 0x7FF they are extended ones.
        ids: How many ids.
        length: Bytes in a frame; more than 8 are CAN FD.
        count: How many frames in all; None never ends.
        period_ms: Milliseconds from batch to batch.
    """

    bus: str
    rate: Annotated[int, Meta(gt=0, le=1_000_000)]
    first_id: Annotated[int, Meta(ge=0, le=0x1FFFFFFF)] = 0x100
    ids: Annotated[int, Meta(gt=0, le=2048)] = 1
    length: Annotated[int, Meta(ge=0, le=64)] = 8
    count: Positive | None = None
    period_ms: Annotated[int, Meta(gt=0, le=1000)] = 5

    def make(self, seed: str) -> Load:
        """Return the device.

        Raises:
            ValueError: There are no such frames.
        """
        return Load(
            self.name,
            rate=self.rate,
            seed=seed,
            first_id=self.first_id,
            ids=self.ids,
            length=self.length,
            count=self.count,
            period_ns=self.period_ms * 1_000_000,
        )


AnyDevice = F1CarSection | GpsSection | SlcanSection | LoadSection


class Scenario(Section, frozen=True, kw_only=True):
    """A whole scenario file."""

    scenario: ScenarioSection = ScenarioSection()
    bus: tuple[BusSection, ...] = ()
    device: tuple[AnyDevice, ...] = ()


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
    try:
        scenario = msgspec.convert(document, Scenario)
    except msgspec.ValidationError as error:
        fault = explained(document, str(error), lambda path: _keys(document, path), _tags)
        raise ScenarioError(file, *fault) from None
    _check(file, scenario)
    return scenario


def _check(file: Path, scenario: Scenario) -> None:
    buses = [bus.name for bus in scenario.bus]
    cars = [device.name for device in scenario.device if isinstance(device, F1CarSection)]
    ports = [
        device.port for device in scenario.device if isinstance(device, GpsSection | SlcanSection)
    ]
    for section, names in (
        ("bus", buses),
        ("device", [device.name for device in scenario.device]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                raise ScenarioError(
                    file,
                    f"{section}[{index}].name",
                    repr(name),
                    f"a name that no other {section} has",
                )
    for index, device in enumerate(scenario.device):
        where = f"device[{index}]"
        match device:
            case GpsSection():
                _one_of(file, f"{where}.car", device.car, cars)
            case F1CarSection() | SlcanSection() | LoadSection():
                _one_of(file, f"{where}.bus", device.bus, buses)
        if isinstance(device, GpsSection | SlcanSection) and ports.count(device.port) > 1:
            raise ScenarioError(
                file, f"{where}.port", repr(device.port), "a port that no other device has"
            )
        if isinstance(device, LoadSection):
            _check_load(file, where, device)
        # A receiver's two digits of the year mean these.
        if isinstance(device, GpsSection) and not 1980 <= device.start.year <= 2079:
            raise ScenarioError(
                file, f"{where}.start", device.start, "a date and time from 1980 to 2079"
            )


def _check_load(file: Path, where: str, load: LoadSection) -> None:
    if load.length not in wire.FD_LENGTHS:
        lengths = ", ".join(map(str, wire.FD_LENGTHS))
        raise ScenarioError(file, f"{where}.length", load.length, f"one of {lengths}")
    last = load.first_id + load.ids - 1
    if load.first_id <= 0x7FF < last or last > 0x1FFFFFFF:
        limit = 0x7FF if load.first_id <= 0x7FF else 0x1FFFFFFF
        raise ScenarioError(
            file,
            f"{where}.ids",
            load.ids,
            f"at most {limit - load.first_id + 1}, so that all ids are of one kind",
        )


def _one_of(file: Path, where: str, got: str, names: Iterable[str]) -> None:
    if got not in names:
        known = listed(names)
        expected = f"one of {known}" if known else "one that the scenario has, and it has none"
        raise ScenarioError(file, where, repr(got), expected)


_TYPES = {
    section.__struct_config__.tag: section.__struct_fields__ for section in get_args(AnyDevice)
}


def _keys(document: dict[str, Any], path: str) -> tuple[str, ...]:
    if path.startswith("device"):
        return ("type", *_TYPES[value_at(document, path)["type"]])
    if path.startswith("bus"):
        return BusSection.__struct_fields__
    return ScenarioSection.__struct_fields__ if path else Scenario.__struct_fields__


def _tags(path: str) -> str:
    return f"one of {listed(_TYPES)}" if path.endswith(".type") else ""
