"""A serial device made of a pty, and a source that reads it."""

from __future__ import annotations

import os
import tty
from pathlib import Path

import pytest

from gateway.clock import FakeClock
from gateway.config.model import FieldConfig, SerialConfig
from gateway.signals import SignalTable
from gateway.sources.serial_port import SerialSource


class Device:
    """What is plugged in at the other end of *port*, under the stable name *port*."""

    def __init__(self, port: Path) -> None:
        self.port = port
        self._fd = -1
        self.plug_in()

    def plug_in(self) -> None:
        """Appear, under another number than last time, and move the stable name there."""
        self._fd, port_fd = os.openpty()
        tty.setraw(port_fd)
        new = self.port.with_suffix(".new")
        new.symlink_to(os.ttyname(port_fd))
        new.rename(self.port)
        os.close(port_fd)

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fd, data) :]

    def unplug(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@pytest.fixture
def device(tmp_path):
    made = Device(tmp_path / "ttyDEVICE")
    yield made
    made.unplug()


@pytest.fixture
def make_source(device):
    """Make a source on the device's port; keys as in the configuration."""

    def make(protocol: str = "lines", *, clock=None, **keys) -> SerialSource:
        keys = {"name": "port", "port": str(device.port), "protocol": protocol} | keys
        if protocol in ("lines", "csv"):
            keys.setdefault("fields", (FieldConfig(name="a"), FieldConfig(name="b")))
        return SerialSource(SerialConfig(**keys), SignalTable(), 3, clock or FakeClock(1_000))

    return make
