"""Buses, ports and devices together in one process and one loop, from start to end."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import selectors
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, assert_never

from firmware_sim import loop
from firmware_sim.bus import Bus
from firmware_sim.control import ControlServer
from firmware_sim.devices.f1_car import F1Car
from firmware_sim.devices.gps import Gps
from firmware_sim.errors import SimError
from firmware_sim.links import BusOutlet, PortOutlet, SlcanLink
from firmware_sim.ports import PtyPort
from firmware_sim.rig import Member, Rig
from firmware_sim.scenario import (
    AnyDevice,
    F1CarSection,
    GpsSection,
    LoadSection,
    Scenario,
    SlcanSection,
)
from firmware_sim.schedule import Schedule
from firmware_sim.server import BusServer

DRAIN_S = 1.0
"""How long, at the end, nodes have to take what is already on the bus."""

_PR_SET_PDEATHSIG = 1


class Simulation:
    """Everything that one ``firmware-sim`` process runs.

    Args:
        scenario: What there is.
        ports: Folder for the links to serial ports; made when the first is.
        namespace: Goes before the names of buses, with a dot, so that several may run at once.
        control: The name of the control socket; None takes the namespace, or the process's number.
        log_format: "text", or "json" for a JSON object a line.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        ports: Path | None = None,
        namespace: str = "",
        control: str | None = None,
        log_format: str = "text",
    ) -> None:
        self._scenario = scenario
        self._folder = ports or default_ports(namespace)
        self._log_format = log_format
        before = f"{namespace}." if namespace else ""
        self._control = control or namespace or str(os.getpid())
        self._schedule = Schedule()
        self._rig = Rig(lambda: self._schedule.now_ns)
        self._rig.buses = {
            bus.name: Bus(
                before + bus.name,
                queue_frames=bus.queue,
                patience_ns=round(bus.patience_s * 1e9),
            )
            for bus in scenario.bus
        }
        self._cars: dict[str, F1Car] = {}

    def run(
        self,
        *,
        seconds: float | None = None,
        ready_fd: int | None = None,
        die_with_parent: bool = False,
    ) -> None:
        """Start, run until SIGINT, SIGTERM or *seconds*, let the nodes drain, print the ledger.

        Args:
            seconds: How long to run, None for ever.
            ready_fd: Descriptor to which READY and a newline is written, and which is closed,
                once everything has started.
            die_with_parent: Whether to stop when the process that started this one ends.

        Raises:
            SimError: Something could not be started.
        """
        logging.basicConfig(format="firmware-sim: %(message)s", level=logging.INFO)
        if die_with_parent:
            stop_with_parent()
        with ExitStack() as stack:
            stopped = stack.enter_context(loop.StopSignals())
            selector = stack.enter_context(selectors.DefaultSelector())
            stop: list[int] = []
            selector.register(stopped.fd, selectors.EVENT_READ, stop.append)
            servers: list[BusServer] = []
            for name, bus in self._rig.buses.items():
                servers.append(stack.enter_context(BusServer(bus, selector)))
                self._say("bus", name=name, channel=bus.name, bit_rate=bus.bit_rate)
            schedule = self._schedule
            control = ControlServer(self._control, self._rig, selector, schedule.settle)
            stack.enter_context(control)
            self._say("control", name=control.name)
            links: list[SlcanLink] = []
            for device in self._scenario.device:
                links += self._place(device, schedule, selector, stack)
            self._say("READY")
            if ready_fd is not None:
                _announce(ready_fd)
            schedule.start()
            until_ns = None if seconds is None else time.monotonic_ns() + round(seconds * 1e9)
            # Whoever sends first, so that a round ends with what was sent on its way.
            settlers: list[loop.Settler] = [schedule, *links, *servers]
            loop.run(selector, settlers, stop=lambda: bool(stop), until_ns=until_ns)
            loop.run(
                selector,
                [*links, *servers],
                stop=lambda: not any(server.pending for server in servers),
                until_ns=time.monotonic_ns() + round(DRAIN_S * 1e9),
            )
        self._account()

    def _place(
        self,
        device: AnyDevice,
        schedule: Schedule,
        selector: selectors.BaseSelector,
        stack: ExitStack,
    ) -> list[SlcanLink]:
        """Make *device* and join it to its bus or port; return the links it needs in the loop."""
        seed = f"{self._scenario.scenario.seed}/{device.name}"
        member = Member(device.name, str(device.__struct_config__.tag))
        self._rig.members[device.name] = member
        match device:
            case F1CarSection():
                # Here, because cantools takes longer to import than an empty bus to start.
                from firmware_sim.devices.f1_ecus import f1_ecus  # noqa: PLC0415

                car = self._car(device.name)
                for ecu in f1_ecus(car, seed):
                    member.parts.append(ecu)
                    schedule.add(ecu, BusOutlet(self._rig.buses[device.bus], ecu.name), group=car)
            case GpsSection():
                car = self._car(device.car)
                gps = Gps(device.name, car, seed=seed, start=device.start)
                member.parts.append(gps)
                port = self._open(device.name, device.port, stack)
                schedule.add(gps, PortOutlet(port, selector), group=car)
            case LoadSection():
                outlet = BusOutlet(self._rig.buses[device.bus], device.name)
                load = device.make(seed)
                member.parts.append(load)
                schedule.add(load, outlet)
            case SlcanSection():
                port = self._open(device.name, device.port, stack, flow_control=True)
                return [SlcanLink(device.name, self._rig.buses[device.bus], port, selector)]
            case _:
                assert_never(device)
        return []

    def _car(self, name: str) -> F1Car:
        if name not in self._cars:
            self._cars[name] = F1Car(f"{self._scenario.scenario.seed}/{name}")
        return self._cars[name]

    def _open(
        self, device: str, name: str, stack: ExitStack, *, flow_control: bool = False
    ) -> PtyPort:
        port = PtyPort(self._folder / name, flow_control=flow_control)
        stack.enter_context(port)
        self._rig.ports[device] = port
        self._say("port", device=device, path=str(port.path))
        return port

    def _account(self) -> None:
        for name, bus in self._rig.buses.items():
            self._say("carried", bus=name, frames=bus.frames)
            for report in bus.report():
                self._say("node", bus=name, **asdict(report))
        for device, port in self._rig.ports.items():
            self._say("sent", device=device, bytes=port.written, dropped=port.dropped)

    def _say(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - whatever JSON can carry
        if self._log_format == "json":
            line = json.dumps({"event": event, **facts})
        else:
            line = " ".join([event, *(f"{key}={value}" for key, value in facts.items())])
        print(line, flush=True)


def default_ports(namespace: str) -> Path:
    """Return the folder where links to serial ports go unless one is named."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = (
        Path(runtime, "firmware-sim")
        if runtime
        else Path(tempfile.gettempdir(), f"firmware-sim-{os.getuid()}")
    )
    return folder / namespace


def stop_with_parent() -> None:
    """Have the kernel send this process SIGTERM when its parent ends.

    Raises:
        SimError: The parent has ended already, or the kernel cannot.
    """
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise SimError(f"cannot watch the parent process: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        raise SimError("the parent process ended while this one started")


def _announce(fd: int) -> None:
    try:
        os.write(fd, b"READY\n")
        os.close(fd)
    except OSError as error:
        print(f"firmware-sim: descriptor {fd}: {error.strerror}", file=sys.stderr)
