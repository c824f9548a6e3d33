"""Links that the test can take away and give back."""

from __future__ import annotations

import os
import socket
import struct
import tty
import uuid

import pytest

from gateway.clock import SYSTEM_CLOCK
from gateway.config.model import CanConfig, Config, FieldConfig, SerialConfig
from gateway.signals import SignalTable
from gateway.sources.can_bus import CanSource
from gateway.sources.serial_port import SerialSource

LONG_S = 60
"""Never waited for in full but by a test that fails."""


class Adapter:
    """A serial adapter on a pty, with a stable name that leads to wherever it is plugged in."""

    def __init__(self, folder):
        self.by_id = folder / "usb-sensor-if00"
        self.device = ""
        self._taken = []
        self._fd = -1
        self.plug_in()

    def plug_in(self):
        """Appear, never under the device name of the last time, and move the stable name there."""
        while True:
            self._fd, port_fd = os.openpty()
            device = os.ttyname(port_fd)
            tty.setraw(port_fd)
            os.close(port_fd)
            if device != self.device:
                break
            self._taken.append(self._fd)  # as if another adapter had got the old name
        self.device = device
        self.by_id.symlink_to(device)

    def unplug(self):
        if self._fd >= 0:
            self.by_id.unlink()
            os.close(self._fd)
            self._fd = -1
        while self._taken:
            os.close(self._taken.pop())

    def send(self, data):
        while data:
            data = data[os.write(self._fd, data) :]


class Bus:
    """A simulated CAN bus that comes and goes."""

    def __init__(self):
        self.channel = uuid.uuid4().hex[:12]
        self._listener = self._node = None
        self.start()

    def start(self):
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(f"\0firmware-sim/{self.channel}")
        self._listener.listen()

    def welcome(self):
        self._listener.settimeout(LONG_S)
        self._node, _ = self._listener.accept()
        magic, version, _, _ = struct.unpack("=8sII48s", self._node.recv(64, socket.MSG_WAITALL))
        self._node.sendall(struct.pack("=8sII48s", magic, version, 0, b"bus"))

    def send(self, can_id, data):
        now_ns = SYSTEM_CLOCK.monotonic_ns()
        self._node.sendall(struct.pack("=qIBBH64s", now_ns, can_id, len(data), 0, 0, data))

    def stop(self):
        for each in (self._node, self._listener):
            if each is not None:
                each.close()
        self._node = self._listener = None


@pytest.fixture
def adapter(tmp_path):
    made = Adapter(tmp_path)
    yield made
    made.unplug()


@pytest.fixture
def bus():
    made = Bus()
    yield made
    made.stop()


@pytest.fixture
def serial_source(adapter):
    """Make a source on the adapter; keys as in the configuration."""

    def make(clock=SYSTEM_CLOCK, **keys):
        keys = {"name": "gps", "port": str(adapter.by_id), "protocol": "lines"} | keys
        if keys["protocol"] == "lines":
            keys["fields"] = (FieldConfig(name="a"),)
        return SerialSource(SerialConfig(**keys), SignalTable(), 0, clock)

    return make


DBC = """VERSION ""
BU_: Ecu
BO_ 256 M: 8 Ecu
 SG_ A : 0|16@1+ (1,0) [0|65535] "" Ecu
"""


@pytest.fixture
def can_source(bus, tmp_path):
    (tmp_path / "m.dbc").write_text(DBC)
    section = CanConfig(name="can0", interface="firmware_sim", channel=bus.channel, dbc=("m.dbc",))
    return CanSource(section, Config(file=tmp_path / "c.toml"), SignalTable(), 0)


@pytest.fixture
def said(caplog):
    """Return what was said of the link so far."""
    return lambda: [record.message for record in caplog.records]
