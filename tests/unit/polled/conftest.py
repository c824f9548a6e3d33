"""A pty with a simulated Modbus slave at its other end, and sources that ask."""

from __future__ import annotations

import os
import select
import threading
import tty

import numpy as np
import pytest

from gateway.record import SAMPLE


class Pty:
    """A serial line: `path` is opened by the source, `device` answers at the other end."""

    def __init__(self, device):
        self.device = device
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            ready, _, _ = select.select([self.master, self._wake], [], [])
            if self._wake in ready:
                return
            self.device.hear(os.read(self.master, 4096), 0)
            if self.device.due_ns is not None:
                os.write(self.master, self.device.step(0))

    def unplug(self):
        if self._thread is not None:
            os.write(self._waker, b"x")
            self._thread.join()
            self._thread = None
            for fd in (self.master, self.slave, self._wake, self._waker):
                os.close(fd)


@pytest.fixture
def plugged():
    """Plug a device into a pty; it is unplugged at the end."""
    lines = []

    def plug(device):
        lines.append(Pty(device))
        return lines[-1]

    yield plug
    for line in lines:
        line.unplug()


@pytest.fixture
def read_until():
    """Read a source until so many requests have been counted; return all its samples."""

    def read(source, requests):
        parts = [np.empty(0, SAMPLE)]
        while source.counters.received < requests:
            parts.append(source.read(1_000_000_000))
        return np.concatenate(parts)

    return read


@pytest.fixture
def read_until_lost():
    """Read a source until a request was lost for this reason; return all its samples."""

    def read(source, reason):
        parts = [np.empty(0, SAMPLE)]
        while not source.counters.lost[reason]:
            parts.append(source.read(1_000_000_000))
        return np.concatenate(parts)

    return read
