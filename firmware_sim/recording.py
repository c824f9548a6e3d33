"""A scenario in simulated time, as fast as it goes, with everything sent written to files.

``can.log`` has the frames of all buses as ``candump -L`` writes them, a bus a channel, with nine
digits after the point. A port that speaks text has ``PORT.nmea``, a line a sentence with its time
before it in seconds since 1970; any other has ``PORT.bin``, its bytes. Nobody takes part but the
scenario's devices and the recorder, which acknowledges as any node does.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from firmware_sim import candump
from firmware_sim.assembly import Assembly
from firmware_sim.devices.base import Device
from firmware_sim.devices.gps import START
from firmware_sim.errors import SimError
from firmware_sim.faults.faults import Faults
from firmware_sim.outlets import BusLine, Port
from firmware_sim.rig import Rig
from firmware_sim.scenario import Scenario
from firmware_sim.schedule import Place, Schedule
from firmware_sim.serial_sections import ProcessSection

CAN_LOG = "can.log"

_CHUNK_NS = 1_000_000_000
_PRINTABLE = frozenset(b"\t\r\n") | frozenset(range(0x20, 0x7F))


class Totals(NamedTuple):
    """What was recorded."""

    frames: int
    bytes: int


class Recording:
    """One recorded run of a scenario; it implements `Wiring`.

    Args:
        scenario: What there is.
        folder: Where the files go; made if it is not there.
        start: The time of day at the scenario's start.
    """

    def __init__(self, scenario: Scenario, folder: Path, start: datetime = START) -> None:
        self._folder = folder
        self._schedule = Schedule()
        self._schedule.start_ns = round(start.timestamp() * 1e9)
        self._rig = Rig(self._schedule)
        self._faults = Faults(self._rig, scenario.scenario.seed)
        self._assembly = Assembly(scenario, self._rig, self)
        self._files = ExitStack()
        self._ports: list[FilePort] = []
        self._records: list[tuple[str, bytes]] = []

    def run(self, seconds: float) -> Totals:
        """Let *seconds* of the scenario pass; return what was recorded.

        Raises:
            RequestError: The scenario asks for what there is not.
            SimError: The files cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._files as files:
                log = files.enter_context((self._folder / CAN_LOG).open("wb"))
                return self._run(round(seconds * 1e9), log)
        except OSError as error:
            raise SimError(f"{self._folder}: {error.strerror or error}") from None

    def open(self, _device: str, name: str, /, *, flow_control: bool = False) -> FilePort:  # noqa: ARG002
        """See `Wiring`. A file needs no flow control."""
        port = FilePort(self._folder / name, self._schedule)
        self._ports.append(port)
        self._files.callback(port.close)
        return port

    def listen(self, port: Port, place: Place) -> None:
        """See `Wiring`. Nobody else has the port."""

    def adapt(self, name: str, line: BusLine, port: Port) -> None:
        """See `Wiring`. Nobody opens the adapter."""

    def start(self, section: ProcessSection, _bus: str, _port: Port | None) -> Device:
        """See `Wiring`.

        Raises:
            SimError: Always: a process keeps its own time.
        """
        raise SimError(f"{section.name}: a process cannot run faster than real time")

    def _run(self, until_ns: int, log: BinaryIO) -> Totals:
        self._assembly.buses()
        for name, line in self._rig.lines.items():
            line.keep("recorder", partial(self._keep, name))
        self._assembly.devices()
        self._assembly.timeline(self._faults)
        frames = 0
        for chunk_ns in range(_CHUNK_NS, until_ns + _CHUNK_NS, _CHUNK_NS):
            self._schedule.run_to(min(chunk_ns, until_ns))
            lines = [
                line
                for name, data in self._records
                for line in candump.lines(name, data, decimals=9)
            ]
            lines.sort(key=_stamp)  # of one bus they are; two may have been told out of turn
            self._records.clear()
            frames += len(lines)
            log.write("".join(f"{line}\n" for line in lines).encode())
        return Totals(frames, sum(port.written for port in self._ports))

    def _keep(self, channel: str, data: bytes) -> None:
        self._records.append((channel, data))


class FilePort:
    """A serial port whose other end is a file.

    Args:
        path: The file without its suffix, which depends on what comes.
        schedule: The time.

    Attributes:
        path: As given.
        written: Bytes that the device sent.
        dropped: Of those, what was sent while unplugged.
    """

    def __init__(self, path: Path, schedule: Schedule) -> None:
        self.path = path
        self.written = 0
        self.dropped = 0
        self._schedule = schedule
        self._plugged = True
        self._file: BinaryIO | None = None
        self._is_text = False
        self._partial = b""

    @property
    def held(self) -> bool:
        """A file takes everything."""
        return False

    @property
    def plugged(self) -> bool:
        """Whether it is there."""
        return self._plugged

    def plug(self) -> None:
        """Put it there."""
        self._plugged = True

    def unplug(self) -> None:
        """Take it away."""
        self._plugged = False

    def write(self, data: bytes) -> None:
        """Record *data* at the schedule's time."""
        self.written += len(data)
        if not self._plugged:
            self.dropped += len(data)
            return
        if self._file is None:
            self._is_text = _PRINTABLE.issuperset(data)
            suffix = "nmea" if self._is_text else "bin"
            self._file = self.path.with_name(f"{self.path.name}.{suffix}").open("wb")
        if not self._is_text:
            self._file.write(data)
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        seconds, rest = divmod(self._schedule.monotonic_ns(), 1_000_000_000)
        before = b"%d.%09d " % (seconds, rest)
        self._file.writelines(before + line.rstrip(b"\r") + b"\n" for line in lines)

    def close(self) -> None:
        """Close the file; what was not yet a line is written as it is."""
        if self._file is not None:
            self._file.write(self._partial)
            self._file.close()


def _stamp(line: str) -> str:
    return line[: line.index(")")]
