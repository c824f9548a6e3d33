"""Two CAN controllers on one bus."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

BIT_RATE = 500_000


def controllers() -> list[str]:
    """Return the interfaces here that belong to a device, unlike vcan."""
    type_of_can = "280"  # ARPHRD_CAN
    return sorted(
        link.name
        for link in Path("/sys/class/net").iterdir()
        if (link / "device").exists() and (link / "type").read_text().strip() == type_of_can
    )


def pytest_runtest_setup(item):
    # Not on whatever is connected here: these tests take links down and flood the bus.
    if item.get_closest_marker("controller") and os.environ.get("CAN_LAB") != "qemu":
        pytest.skip("needs two CAN controllers on one bus: `make test-controller` emulates them")


def ip(*arguments: str) -> str:
    """Run `ip` and return its output; raises CalledProcessError with what it says."""
    command = ["ip", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


class Controller:
    """A controller that is up at 500 kbit/s."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.down()
        self.up()

    def up(self, *settings: str) -> None:
        statistics = Path("/sys/class/net") / self.name / "statistics"
        self._sent_before = int((statistics / "tx_packets").read_text())
        ip("link", "set", self.name, "txqueuelen", "1000")
        ip("link", "set", self.name, "up", "type", "can", "bitrate", str(BIT_RATE), *settings)

    def down(self) -> None:
        ip("link", "set", self.name, "down")

    def details(self) -> str:
        """Return what `ip -details -statistics link` says."""
        return ip("-details", "-statistics", "link", "show", self.name)

    def wait_until_sent(self, frames: int) -> None:
        """Wait until it has sent so many frames since it was brought up."""
        sent = Path("/sys/class/net") / self.name / "statistics" / "tx_packets"
        while int(sent.read_text()) - self._sent_before < frames:
            os.sched_yield()

    def join(self) -> socket.socket:
        """Return a CAN_RAW socket on it, as another program would open it."""
        node = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        node.bind((self.name,))
        return node


@pytest.fixture
def bus():
    """The two controllers, can0 and can1, both up."""
    both = [Controller(name) for name in controllers()]
    yield both
    for controller in both:
        controller.down()
