"""Two CAN controllers on one bus, and one that the test plays."""

from __future__ import annotations

import mmap
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

BIT_RATE = 500_000


def pytest_runtest_setup(item):
    # Not on whatever is connected here: these tests take links down and flood the bus.
    if item.get_closest_marker("controller") and os.environ.get("CAN_LAB") != "qemu":
        pytest.skip("needs two CAN controllers on one bus: `make test-controller` emulates them")


def ip(*arguments: str, commands: str = "") -> str:
    """Run `ip` and return its output; raises CalledProcessError with what it says."""
    command = ["ip", *arguments]
    done = subprocess.run(
        command, input=commands, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def set_links(*changes: str) -> None:
    """Do what ``ip link set`` does; all by one process, which takes a second to start here."""
    ip("-batch", "-", commands="".join(f"link set {change}\n" for change in changes))


class Controller:
    """A controller that is up at 500 kbit/s."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.up_again()

    def up(self, *settings: str) -> None:
        self._change(f"up type can bitrate {BIT_RATE} {' '.join(settings)}")

    def up_again(self, *settings: str) -> None:
        """Take it down and up, with these settings."""
        self._change(
            "down", "txqueuelen 1000", f"up type can bitrate {BIT_RATE} {' '.join(settings)}"
        )

    def down(self) -> None:
        self._change("down")

    def _change(self, *changes: str) -> None:
        statistics = Path("/sys/class/net") / self.name / "statistics"
        self._sent_before = int((statistics / "tx_packets").read_text())
        set_links(*(f"{self.name} {change}" for change in changes))

    def restart(self) -> None:
        """Restart it after it went bus-off, as somebody at a keyboard does."""
        self._change("type can restart")

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
    both = [Controller("can0"), Controller("can1")]
    yield both
    set_links("can0 down", "can1 down")


class PlayedController(Controller):
    """A controller that the test plays: it says what its SJA1000's registers are to tell."""

    STATUS, INTERRUPTS, ERROR_CODE, RECEIVE_ERRORS, SEND_ERRORS = 2, 3, 12, 14, 15

    ERROR_WARNING_INTERRUPT, BUS_ERROR_INTERRUPT = 0x04, 0x80
    BUS_OFF, WARNING = 0x80, 0x40
    MISSING_ACKNOWLEDGEMENT, STUFF_ERROR = 0xD9, 0xA4

    def __init__(self, name: str, interrupt: Callable[[], None]) -> None:
        super().__init__(name)
        self._interrupt = interrupt
        with open("/run/can2-registers", "r+b") as memory:
            self._registers = mmap.mmap(memory.fileno(), mmap.PAGESIZE)

    def tell(self, interrupts: int, **registers: int) -> None:
        """Have the driver called, by an interrupt for these reasons and with these registers."""
        for name, value in registers.items():
            self._registers[getattr(self, name)] = value
        # Unlike a controller's, these do not go away by being read. The driver gives up after
        # twenty times: it makes so many error frames, which are alike but for the first.
        self._registers[self.INTERRUPTS] = interrupts
        self._interrupt()
        self._registers[self.INTERRUPTS] = 0

    def close(self) -> None:
        self.down()
        self._registers[self.STATUS] = 0
        self._registers.close()


@pytest.fixture
def played(bus):
    """The third controller, can2, which is up, and alone on its bus."""
    first, second = bus

    def interrupt() -> None:
        # Its interrupt is can0's, and has been handled when what can0 sent is there.
        with first.join() as sender, second.join() as receiver:
            receiver.settimeout(30)
            sender.send(bytes(16))
            receiver.recv(72)
            sender.send(bytes(16))
            receiver.recv(72)

    made = PlayedController("can2", interrupt)
    yield made
    made.close()
