"""From a scenario's tables to a rig: each device made, and put on its bus or port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from msgspec.structs import replace

from firmware_sim.bus import Bus
from firmware_sim.device_sections import F1CarSection, GpsSection, SlcanSection
from firmware_sim.devices.base import Device, Listener, Selective
from firmware_sim.devices.f1_car import F1Car
from firmware_sim.devices.gps import Gps
from firmware_sim.errors import RequestError
from firmware_sim.faults.faults import Faults
from firmware_sim.outlets import BusLine, BusOutlet, NoOutlet, Port, PortOutlet
from firmware_sim.rig import Member, Rig
from firmware_sim.scenario import AnyDevice, BusSection, Scenario
from firmware_sim.schedule import Place
from firmware_sim.section import OnBus, OnPort
from firmware_sim.serial_sections import ProcessSection
from firmware_sim.timeline import arm


class Wiring(Protocol):
    """What devices are joined to outside of the simulation."""

    def open(self, device: str, name: str, /, *, flow_control: bool = False) -> Port:
        """Return the serial port *name* of *device*."""
        ...

    def listen(self, port: Port, place: Place) -> None:
        """Have what others write to *port* reach the device in *place*."""
        ...

    def adapt(self, name: str, line: BusLine, port: Port) -> None:
        """Join a bus and a port by an slcan adapter."""
        ...

    def start(self, section: ProcessSection, bus: str, port: Port | None) -> Device:
        """Start firmware that is a process.

        Args:
            section: What it is.
            bus: The name of its bus, as nodes join it; "" for none.
            port: Its serial port, as others open it; None for none.

        Raises:
            SimError: It cannot be started, or cannot take part.
        """
        ...


@contextmanager
def within(where: str) -> Iterator[None]:
    """Put *where* before what a `RequestError` says is wrong."""
    try:
        yield
    except RequestError as error:
        raise RequestError(f"{where}.{error.where}", error.got, error.expected) from None


class Assembly:
    """Fills a rig with what a scenario says there is.

    Args:
        scenario: What there is.
        rig: What to fill.
        wiring: What its devices are joined to.
        namespace: Goes before the names of buses, with a dot, so that several may run at once.
    """

    def __init__(self, scenario: Scenario, rig: Rig, wiring: Wiring, namespace: str = "") -> None:
        self._scenario = scenario
        self._rig = rig
        self._wiring = wiring
        self._before = f"{namespace}." if namespace else ""
        self._cars: dict[str, F1Car] = {}

    def buses(self) -> None:
        """Make the buses."""
        for section in self._scenario.bus:
            line = BusLine(self._bus(section))
            self._rig.lines[section.name] = line
            self._rig.schedule.carry(line)

    def devices(self) -> None:
        """Make the devices, and put each where it belongs.

        Raises:
            RequestError: A device has no such input as it is to have at the start; the error says
                where in the scenario.
            SimError: A port cannot be made.
        """
        for index, section in enumerate(self._scenario.device):
            member = Member(section.name, section.type)
            self._rig.members[section.name] = member
            self._place(section, member)
            with within(f"device[{index}]"):
                self._rig.set(section.name, section.initial, where="initial")

    def timeline(self, faults: Faults) -> None:
        """Have what the scenario asks for happen in its time: its steps, and *faults*.

        Raises:
            RequestError: It names what there is not, or asks for what makes no sense; the error
                says where in the scenario.
        """
        for index, step in enumerate(self._scenario.step):
            with within(f"step[{index}]"):
                arm(self._rig, step)
        for index, fault in enumerate(self._scenario.fault):
            with within(f"fault[{index}]"):
                faults.inject(fault if fault.at or fault.when else replace(fault, at="0s"))

    def _bus(self, section: BusSection) -> Bus:
        return Bus(
            self._before + section.name,
            bit_rate=section.bit_rate,
            data_bit_rate=section.data_bit_rate,
            restart_ms=section.restart_ms,
            acknowledge=section.acknowledge,
            seed=f"{self._scenario.scenario.seed}/{section.name}",
            queue_frames=section.queue,
            patience_ns=round(section.patience_s * 1e9),
        )

    def _place(self, section: AnyDevice, member: Member) -> None:
        seed = f"{self._scenario.scenario.seed}/{section.name}"
        match section:
            case F1CarSection():
                # Here, because cantools takes longer to import than an empty bus to start.
                from firmware_sim.devices.f1_ecus import f1_ecus  # noqa: PLC0415

                car = self._car(section.name)
                for ecu in f1_ecus(car, seed):
                    self._on_bus(ecu, section.bus, member, group=car)
            case GpsSection():
                car = self._car(section.car)
                gps = Gps(section.name, car, seed=seed, start=section.start)
                self._on_port(gps, section.port, member, group=car)
            case SlcanSection():
                port = self._wiring.open(section.name, section.port, flow_control=True)
                member.port = port
                member.line = self._rig.lines[section.bus]
                self._wiring.adapt(section.name, member.line, port)
            case ProcessSection():
                bus = self._rig.lines[section.bus].bus.name if section.bus else ""
                if section.port is not None:
                    member.port = self._wiring.open(section.name, section.port)
                process = self._wiring.start(section, bus, member.port)
                member.places.append(self._rig.schedule.add(process, NoOutlet()))
            case OnBus():
                self._on_bus(section.make(seed), section.bus, member)
            case OnPort():
                self._on_port(section.make(seed), section.port, member)

    def _on_bus(self, device: Device, bus: str, member: Member, group: object = None) -> None:
        line = self._rig.lines[bus]
        outlet = BusOutlet(
            line.bus,
            device.name,
            listens=isinstance(device, Listener),
            accepts=device.accepts if isinstance(device, Selective) else None,
        )
        place = self._rig.schedule.add(device, outlet, carrier=line, group=group)
        line.attach(outlet, place)
        member.places.append(place)

    def _on_port(self, device: Device, port: str, member: Member, group: object = None) -> None:
        opened = self._wiring.open(member.name, port)
        place = self._rig.schedule.add(device, PortOutlet(opened), group=group)
        self._wiring.listen(opened, place)
        member.port = opened
        member.places.append(place)

    def _car(self, name: str) -> F1Car:
        if name not in self._cars:
            self._cars[name] = F1Car(f"{self._scenario.scenario.seed}/{name}")
        return self._cars[name]
