"""Buses, ports and devices together in one process and one loop, from start to end."""

from __future__ import annotations

import json
import logging
import os
import selectors
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from firmware_sim import loop
from firmware_sim.assembly import Assembly
from firmware_sim.control import ControlServer
from firmware_sim.devices.base import Device
from firmware_sim.faults.faults import Faults
from firmware_sim.links import NullModem, SlcanLink
from firmware_sim.outlets import BusLine, Port
from firmware_sim.parent import announce, stop_with_parent
from firmware_sim.ports import PtyPort
from firmware_sim.process import FirmwareProcess
from firmware_sim.rig import Rig
from firmware_sim.scenario import Scenario
from firmware_sim.schedule import Place, Schedule
from firmware_sim.serial_sections import ProcessSection
from firmware_sim.server import BusServer

DRAIN_S = 1.0
"""How long, at the end, nodes have to take what is already on the bus."""


class Simulation:
    """Everything that one ``firmware-sim`` process runs.

    Args:
        scenario: What there is.
        ports: Folder for the links to serial ports; made when the first is.
        namespace: Goes before the names of buses, with a dot, so that several may run at once.
        control: The name of the control socket; None takes the namespace, or the process's number.
        base: The folder that programs are relative to, and run in.
        log_format: "text", or "json" for a JSON object a line.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        ports: Path | None = None,
        namespace: str = "",
        control: str | None = None,
        base: Path = Path(),
        log_format: str = "text",
    ) -> None:
        self._base = base
        self._folder = ports or default_ports(namespace)
        self._log_format = log_format
        self._control = control or namespace or str(os.getpid())
        self._schedule = Schedule(gather_ns=round(scenario.scenario.gather_ms * 1e6))
        self._rig = Rig(self._schedule)
        self._faults = Faults(self._rig, scenario.scenario.seed)
        self._assembly = Assembly(scenario, self._rig, self, namespace)
        self._ports: dict[str, PtyPort] = {}
        self._links: list[SlcanLink | NullModem] = []
        self._stack = ExitStack()
        self._selector: selectors.BaseSelector

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
            RequestError: The scenario asks for what there is not.
            SimError: Something could not be started.
        """
        logging.basicConfig(format="firmware-sim: %(message)s")
        logging.getLogger("firmware_sim").setLevel(logging.INFO)  # not what libraries have to say
        if die_with_parent:
            stop_with_parent()
        with self._stack as stack:
            stopped = stack.enter_context(loop.StopSignals())
            selector = self._selector = stack.enter_context(selectors.DefaultSelector())
            stop: list[int] = []
            selector.register(stopped.fd, selectors.EVENT_READ, stop.append)
            schedule = self._schedule
            self._assembly.buses()
            servers: list[BusServer] = []
            for name, line in self._rig.lines.items():
                bus = line.bus
                servers.append(stack.enter_context(BusServer(bus, selector, schedule.monotonic_ns)))
                self._say("bus", name=name, channel=bus.name, bit_rate=bus.bit_rate)
            control = ControlServer(self._control, self._rig, self._faults, selector)
            stack.enter_context(control)
            self._say("control", name=control.name)
            self._assembly.devices()
            self._assembly.timeline(self._faults)
            self._say("READY")
            if ready_fd is not None:
                announce(ready_fd, die_with_parent=die_with_parent)
            schedule.start()
            until_ns = None if seconds is None else time.monotonic_ns() + round(seconds * 1e9)
            # Whoever sends first, so that a round ends with what was sent on its way.
            settlers: list[loop.Settler] = [schedule, *self._links, *servers]
            loop.run(
                selector,
                settlers,
                before=schedule.settle,
                stop=lambda: bool(stop),
                until_ns=until_ns,
            )
            schedule.stop()
            loop.run(
                selector,
                settlers,
                before=schedule.settle,
                stop=lambda: not any(server.pending for server in servers),
                until_ns=time.monotonic_ns() + round(DRAIN_S * 1e9),
            )
        self._account()

    def open(self, device: str, name: str, /, *, flow_control: bool = False) -> PtyPort:
        """See `Wiring`."""
        port = PtyPort(self._folder / name, flow_control=flow_control)
        self._stack.enter_context(port)
        self._ports[device] = port
        self._say("port", device=device, path=str(port.path))
        return port

    def listen(self, port: Port, place: Place) -> None:
        """See `Wiring`."""
        assert isinstance(port, PtyPort)  # noqa: S101 - `open` gave it
        port.watch(self._selector, lambda _: self._schedule.hear(place, port.read()))

    def adapt(self, name: str, line: BusLine, port: Port) -> None:
        """See `Wiring`."""
        assert isinstance(port, PtyPort)  # noqa: S101 - `open` gave it
        self._links.append(SlcanLink(name, line.bus, port, self._selector))

    def start(self, section: ProcessSection, bus: str, port: Port | None) -> Device:
        """See `Wiring`. The firmware's end of its port is another one, beside it."""
        words = {"bus": bus}
        if port is not None:
            assert isinstance(port, PtyPort)  # noqa: S101 - `open` gave it
            uart = PtyPort(self._folder / f"{section.port}.uart", flow_control=True)
            self._stack.enter_context(uart)
            self._links.append(NullModem(uart, port, self._selector))
            words["uart"] = str(uart.path)
        process = FirmwareProcess(
            section.name,
            [_filled(each, words) for each in section.command],
            self._base,
            {name: _filled(each, words) for name, each in section.environment.items()},
            self._selector,
        )
        return self._stack.enter_context(process)

    def _account(self) -> None:
        for name, line in self._rig.lines.items():
            bus = line.bus
            self._say("carried", bus=name, frames=bus.frames)
            for report in bus.report():
                self._say("node", bus=name, **asdict(report))
        for device, port in self._ports.items():
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


def _filled(text: str, words: Mapping[str, str]) -> str:
    """Return *text* with each ``{word}`` replaced by what it stands for."""
    for word, meaning in words.items():
        text = text.replace(f"{{{word}}}", meaning)
    return text
