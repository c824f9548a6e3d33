"""Tables of devices on a serial port, and of firmware that is a process of its own."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from firmware_sim.devices.framed_sensor import FramedSensor
from firmware_sim.devices.modbus_slave import ModbusSlave
from firmware_sim.devices.wind import Wind
from firmware_sim.errors import RequestError
from firmware_sim.section import DeviceSection, Name, OnPort


class WindSection(OnPort, frozen=True, kw_only=True, tag="wind", tag_field="type"):
    """``[[device]]`` with ``type = "wind"``: a boat's wind instrument, NMEA 0183."""

    def make(self, seed: str) -> Wind:
        """Return the device."""
        return Wind(self.name, seed=seed)


class FramedSensorSection(OnPort, frozen=True, kw_only=True, tag="framed-sensor", tag_field="type"):
    """``[[device]]`` with ``type = "framed-sensor"``: a microcontroller's binary protocol."""

    def make(self, seed: str) -> FramedSensor:
        """Return the device."""
        return FramedSensor(self.name, seed=seed)


class ModbusSlaveSection(OnPort, frozen=True, kw_only=True, tag="modbus-slave", tag_field="type"):
    """``[[device]]`` with ``type = "modbus-slave"``: an engine's sensors on a Modbus RTU line.

    Attributes:
        address: Its address on the line.
    """

    address: Annotated[int, Meta(ge=1, le=247)] = 1

    def make(self, _seed: str) -> ModbusSlave:
        """Return the device."""
        return ModbusSlave(self.name, self.address)


class ProcessSection(DeviceSection, frozen=True, kw_only=True, tag="process", tag_field="type"):
    """``[[device]]`` with ``type = "process"``: firmware that is a program for this machine.

    Attributes:
        command: The program and its arguments; relative to the file's folder if it has a ``/``.
            ``{bus}`` in an argument is the name of *bus* as nodes join it, ``{uart}`` the path of
            the firmware's end of *port*.
        bus: The bus that it joins by itself, if any.
        port: The name of its serial port, a link in the folder of ports, if it has one.
        environment: What it gets besides the simulator's own, with the same words in braces.
    """

    command: Annotated[tuple[str, ...], Meta(min_length=1)]
    bus: str | None = None
    port: Name | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """See `DeviceSection`."""
        text = " ".join([*self.command, *self.environment.values()])
        for key, word in (("bus", "{bus}"), ("port", "{uart}")):
            if word in text and getattr(self, key) is None:
                raise RequestError(key, "nothing", f"a name, since {word} stands for it")
