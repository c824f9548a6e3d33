"""A drive that happens while the wall clock is being set, on a bus that belongs to the test.

The bus gives its frames times that the test chose, to the nanosecond, and sends each when its time
has come. So the gateway's events have exact times, whenever its processes find the time to work.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

S, MS = 1_000_000_000, 1_000_000

DBC = """VERSION ""
BU_: Ecu
BO_ 256 Engine: 8 Ecu
 SG_ TEMP : 0|16@1+ (0.1,0) [0|200] "degC" Ecu
 SG_ LOAD : 16|16@1+ (0.1,0) [0|1000] "%" Ecu
BO_ 512 Tyre: 8 Ecu
 SG_ PRESSURE : 0|16@1+ (0.001,0) [0|10] "bar" Ecu
"""

CONFIG = """
[analyzers]
count = 2

[alarms]
journal = "journal.jsonl"

[[source]]
name = "can0"
type = "can"
interface = "firmware_sim"
channel = "{channel}"
dbc = ["car.dbc"]

[[rule]]
name = "hot"
signal = "TEMP"
above = 100.0
on_delay = "400ms"
off_delay = "400ms"

[[rule]]
name = "climbing"
signal = "LOAD"
rate_above = 100.0

[[rule]]
name = "silent"
signal = "PRESSURE"
stale_after = "800ms"
"""

ROUND_MS = 2_400
FRAME_MS = 20
STEPS_AT_MS = (700, 1_100, 1_700, 2_200)
"""While `hot` is pending and LOAD rises; while it is active and the tyre silent; while it is
clearing and `silent` is active; and while nothing is the matter."""

EVENTS = [
    ("raised", "climbing", 600 * MS),
    ("cleared", "climbing", 800 * MS),
    ("raised", "hot", 900 * MS),  # 500 ms and the on-delay
    ("raised", "silent", 1_360 * MS),  # 800 ms after the last sample
    ("cleared", "hot", 1_900 * MS),  # 1500 ms and the off-delay
    ("cleared", "silent", 2_000 * MS),
]
"""What the rules have to say in each round, and when."""


def frames_at(ms):
    """Return what is on the bus *ms* after a round began: ids and data."""
    temp = 1100 if 500 <= ms < 1_500 else 900
    # Rises by 200 a second from 580 to 780 ms, else not at all.
    load = 4 * (min(max(ms, 580), 780) - 580) // 2
    yield 256, struct.pack("<HH4x", temp, load)
    if ms < 580 or ms >= 2_000:
        yield 512, struct.pack("<H6x", 2_200)


class Bus:
    """The virtual bus of docs/virtual-bus.md, with one node: the gateway's."""

    def __init__(self):
        self.channel = uuid.uuid4().hex[:12]
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(f"\0firmware-sim/{self.channel}")
        self._listener.listen()
        self._listener.settimeout(30)
        self._node = None

    def welcome_gateway(self):
        self._node, _ = self._listener.accept()
        magic, version, _, _ = struct.unpack("=8sII48s", self._node.recv(64, socket.MSG_WAITALL))
        assert (magic, version) == (b"FWSIMBUS", 1)
        self._node.sendall(struct.pack("=8sII48s", magic, version, 0, b"bus"))

    def wait_until(self, t_ns):
        while (left_ns := t_ns - time.monotonic_ns()) > 0:
            gone = select.select([self._node], [], [], left_ns / S)[0]
            assert not gone, "the gateway sent something, or left"

    def send(self, t_ns, can_id, data):
        self._node.sendall(struct.pack("=qIBBH64s", t_ns, can_id, len(data), 0, 0, data))

    def close(self):
        for each in (self._node, self._listener):
            if each is not None:
                each.close()


def _faketime_library():
    return next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


class Drive:
    """A gateway in a folder of its own, the bus that it is on, and the clock on the wall."""

    def __init__(self, folder, bus):
        self.folder = folder
        self.bus = bus
        self._offset = folder / "offset"
        self.set_clock(0)
        (folder / "car.dbc").write_text(DBC)
        (folder / "car.toml").write_text(CONFIG.format(channel=bus.channel))
        self._environment = {**os.environ, "RUNTIME_DIRECTORY": str(folder / "run")}

    def set_clock(self, seconds):
        """Set the wall clock of the gateway so many seconds off, at once."""
        new = self._offset.with_suffix(".new")
        new.write_text(f"{seconds:+}")
        new.rename(self._offset)

    @contextlib.contextmanager
    def gateway(self, whose_clock):
        """Run the gateway; *whose_clock* is stepped: the machine's, as it seems, or its own."""
        command = ["-m", "gateway", "run", "car.toml"]
        environment = dict(self._environment)
        if whose_clock == "its own":
            command = [str(Path(__file__).with_name("stepped_gateway.py")), "car.toml", "offset"]
        else:
            library = _faketime_library()
            if library is None:
                pytest.skip("needs libfaketime to step the clock (Debian: apt install faketime)")
            environment |= {
                "LD_PRELOAD": str(library),
                "FAKETIME_TIMESTAMP_FILE": str(self._offset),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
            }
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self.bus.welcome_gateway()
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            process.stderr.close()
            for left in Path("/dev/shm").glob(f"*faketime_s[eh]m_{process.pid}"):
                left.unlink()

    def play(self, steps):
        """Play a round for each of *steps*, the clock being set by so many seconds in it, and back.

        Returns:
            When the rounds began, in nanoseconds of CLOCK_MONOTONIC, and how the clock was set:
            pairs of the monotonic time and the seconds that it was off from then on.
        """
        begins = []
        settings = [(0, 0)]
        begin_ns = time.monotonic_ns() + 100 * MS
        for step in steps:
            begins.append(begin_ns)
            for ms in range(0, ROUND_MS, FRAME_MS):
                t_ns = begin_ns + ms * MS
                self.bus.wait_until(t_ns)
                for can_id, data in frames_at(ms):
                    self.bus.send(t_ns, can_id, data)
                if ms in STEPS_AT_MS and step:
                    settings.append((time.monotonic_ns(), step - settings[-1][1]))
                    self.set_clock(settings[-1][1])
            begin_ns += ROUND_MS * MS
        self.bus.wait_until(begin_ns)
        return begins, settings

    @contextlib.contextmanager
    def idling(self):
        """Go on sending what is on the bus at the end of a round while the block lasts."""
        over = threading.Event()

        def idle():
            with contextlib.suppress(OSError):  # the gateway has left
                while not over.wait(FRAME_MS / 1_000):
                    for can_id, data in frames_at(ROUND_MS - FRAME_MS):
                        self.bus.send(time.monotonic_ns(), can_id, data)

        thread = threading.Thread(target=idle)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def status(self):
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "status", "car.toml", "--json"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def journal(self):
        lines = (self.folder / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def drive(tmp_path):
    bus = Bus()
    yield Drive(tmp_path, bus)
    bus.close()


@pytest.fixture(scope="session")
def expected_events():
    return EVENTS
