"""Entry points of the simulator and the bench: scenarios, requests to one that runs, benches."""

from __future__ import annotations

import json
import selectors
from pathlib import Path

from entries import Entry, File
from good import BENCH, COMMANDS, DBC, REQUESTS, SCENARIO

from firmware_sim.assembly import Assembly
from firmware_sim.control import ControlServer
from firmware_sim.errors import RequestError, ScenarioError
from firmware_sim.faults.faults import Faults
from firmware_sim.recording import Recording
from firmware_sim.rig import Rig
from firmware_sim.scenario import load_scenario
from firmware_sim.schedule import Schedule
from firmware_sim.slcan import SlcanAdapter
from gateway.bench.bench_file import load_bench_file


class ScenarioFile(File):
    """A scenario of simulated devices, and all of them on their buses and ports."""

    name, share, suffix = "scenarios", 30_000, ".toml"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._path = folder / "scenario.toml"
        (folder / "car.dbc").write_bytes(DBC)
        self.good = [SCENARIO]

    def read(self, path: Path) -> None:
        scenario = load_scenario(path)
        try:
            Recording(scenario, path.parent / "out").run(0.0)
        except RequestError as error:  # as the command line tells of it
            raise ScenarioError(path, error.where, error.got, error.expected) from None


class SimulatorRequests(Entry):
    """Requests to a running simulator."""

    name, share = "simulator requests", 20_000

    def __init__(self, folder: Path) -> None:
        (folder / "car.dbc").write_bytes(DBC)
        (folder / "running.toml").write_bytes(SCENARIO)
        scenario = load_scenario(folder / "running.toml")
        rig = Rig(Schedule())
        self._faults = Faults(rig, 1)
        assembly = Assembly(scenario, rig, Recording(scenario, folder / "out"))
        assembly.buses()
        assembly.devices()
        self._server = ControlServer("bad-input", rig, self._faults, selectors.DefaultSelector())
        self.good = REQUESTS

    def __call__(self, data: bytes) -> bool:
        answer = json.loads(json.dumps(self._server.obey(data)))
        self._faults.clear()
        assert answer["ok"] or "\n" not in answer["error"], answer
        return bool(answer["ok"])


class AdapterCommands(Entry):
    """What is written to a simulated CAN adapter."""

    name, share = "slcan commands", 20_000

    def __init__(self, folder: Path) -> None:  # noqa: ARG002
        self._sent = 0
        self._adapter = SlcanAdapter(self._take)
        self.good = [*COMMANDS, b"".join(COMMANDS)]

    def _take(self, record: bytes) -> None:
        self._sent += 1
        self._adapter.hear(record)

    def __call__(self, data: bytes) -> bool:
        answers = self._adapter.feed(data)
        assert len(answers) <= 9 * data.count(b"\r"), answers
        return b"\a" not in answers

    def still_works(self) -> None:
        self._adapter.feed(b"\rC\r")
        before = self._sent
        assert self._adapter.feed(b"".join(COMMANDS[:3])) == b"\r\rz\r"
        assert self._sent == before + 1


class BenchDescription(File):
    """A bench file, with the configuration that it comes to."""

    name, share, suffix = "bench files", 20_000, ".toml"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "scenario.toml").write_bytes(b"")
        self.good = [BENCH]

    def read(self, path: Path) -> None:
        load_bench_file(path).configuration()


SIMULATED = (ScenarioFile, SimulatorRequests, AdapterCommands, BenchDescription)
