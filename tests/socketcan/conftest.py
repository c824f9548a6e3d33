"""A virtual CAN interface of the kernel for each test, where the kernel has them."""

from __future__ import annotations

import functools
import itertools
import os
import socket
import subprocess

import pytest

numbers = itertools.count()


@functools.cache
def lacking() -> str:
    """Return what this machine lacks for tests with vcan; "" if nothing."""
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
        ip("link", "add", "gwprobe", "type", "vcan")
        ip("link", "delete", "gwprobe")
    except OSError as error:
        return f"this kernel has no SocketCAN ({error.strerror})"
    except subprocess.CalledProcessError as error:
        return f"no vcan can be made ({error.stderr.strip()})"
    return ""


def pytest_runtest_setup(item):
    # In the laboratory a test that finds no vcan is to fail.
    if item.get_closest_marker("socketcan") and "CAN_LAB" not in os.environ and lacking():
        pytest.skip(f"{lacking()}: `make test-socketcan` runs this where there is one")


def ip(*arguments: str) -> None:
    """Run `ip` with these arguments; raises CalledProcessError with what it says."""
    command = ["ip", *arguments]
    subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True, timeout=60)


def join(name: str) -> socket.socket:
    """Return a CAN_RAW socket on the interface *name*, as another program would open it."""
    node = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    node.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
    node.bind((name,))
    return node


class Interface:
    """An interface of the test's own. It is up; CAN FD goes through."""

    def __init__(self, name: str, *kind: str) -> None:
        self.name = name
        self.kind = kind
        self.make()

    def make(self) -> None:
        ip("link", "add", "name", self.name, "type", *self.kind)
        ip("link", "set", self.name, "mtu", "72", "up")

    def set(self, *arguments: str) -> None:
        """Change the link as ``ip link set NAME ...`` does."""
        ip("link", "set", self.name, *arguments)

    def delete(self) -> None:
        ip("link", "delete", self.name)

    def join(self) -> socket.socket:
        """Return a CAN_RAW socket on it, as another program would open it."""
        return join(self.name)


@pytest.fixture
def vcan():
    interface = Interface(f"gwtest{next(numbers)}", "vcan")
    yield interface
    interface.delete()


@pytest.fixture
def wire():
    """An interface, and the socket of a node on another host, so to speak, that it is wired to."""
    near, far = f"gwnear{next(numbers)}", f"gwfar{next(numbers)}"
    interface = Interface(near, "vxcan", "peer", "name", far)
    ip("link", "set", far, "mtu", "72", "up")
    with join(far) as far_node:
        yield interface, far_node
    interface.delete()


@pytest.fixture
def node(vcan):
    """Another program's socket on the interface."""
    with vcan.join() as node:
        yield node
