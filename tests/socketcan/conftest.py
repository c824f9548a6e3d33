"""Virtual CAN interfaces of the kernel, and serial adapters, where the kernel has them."""

from __future__ import annotations

import fcntl
import functools
import itertools
import os
import socket
import struct
import termios
import tty

import pytest

from gateway.config.model import CanConfig, Config
from gateway.signals import SignalTable
from gateway.sources.can_bus import CanSource

N_SLCAN, SIOCGIFNAME = 17, 0x8910  # <linux/tty.h>, <linux/sockios.h>

numbers = itertools.count()


@functools.cache
def lacking() -> str:
    """Return what this machine lacks for tests with vcan; "" if nothing."""
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
    except OSError as error:
        return f"this kernel has no SocketCAN ({error.strerror})"
    try:
        make("gwprobe", "vcan")
        delete("gwprobe")
    except OSError as error:
        return f"no vcan can be made ({error.strerror})"
    return ""


def pytest_runtest_setup(item):
    # In the laboratory a test that finds no vcan is to fail.
    if item.get_closest_marker("socketcan") and "CAN_LAB" not in os.environ and lacking():
        pytest.skip(f"{lacking()}: `make test-socketcan` runs this where there is one")


# rtnetlink(7): what `ip link` does, which takes a hundred times as long to be started

NEW_LINK, DELETE_LINK = 16, 17
REQUEST, ACKNOWLEDGE, EXCLUSIVE, CREATE = 0x1, 0x4, 0x200, 0x400
NAME, MTU, LINK_INFO = 3, 4, 18
INFO_KIND, INFO_DATA = 1, 2
VXCAN_PEER = 1
UP = 1


def attribute(kind, value):
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)


def link(name, up, mtu):
    """An interface as a message describes it; None leaves as it is."""
    header = struct.pack("=BxHiII", 0, 0, 0, UP if up else 0, UP if up is not None else 0)
    attributes = attribute(NAME, name.encode() + b"\0")
    if mtu:
        attributes += attribute(MTU, struct.pack("=I", mtu))
    return header + attributes


def ask(kind, flags, body):
    """Have the kernel do it; raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
        flags |= REQUEST | ACKNOWLEDGE
        asking.sendto(struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body, (0, 0))
        number = -struct.unpack_from("=i", asking.recv(1 << 16), 16)[0]
    if number:
        raise OSError(number, os.strerror(number))


def make(name, kind, data=b"", *, up=True):
    """Make an interface that carries CAN FD."""
    info = attribute(INFO_KIND, kind.encode()) + attribute(INFO_DATA, data)
    body = link(name, up, mtu=72) + attribute(LINK_INFO, info)
    ask(NEW_LINK, CREATE | EXCLUSIVE, body)


def change(name, *, up=None, mtu=None):
    ask(NEW_LINK, 0, link(name, up, mtu))


def delete(name):
    ask(DELETE_LINK, 0, link(name, up=None, mtu=None))


def is_up(name):
    with open(f"/sys/class/net/{name}/flags") as flags:
        return bool(int(flags.read(), 16) & UP)


def join(name: str) -> socket.socket:
    """Return a CAN_RAW socket on the interface *name*, as another program would open it."""
    node = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    node.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
    node.bind((name,))
    return node


class Interface:
    """An interface of the test's own. It is up; CAN FD goes through."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.make = functools.partial(make, name, kind)
        self.up = functools.partial(change, name, up=True)
        self.down = functools.partial(change, name, up=False)
        self.delete = functools.partial(delete, name)
        self.is_up = functools.partial(is_up, name)
        self.join = functools.partial(join, name)
        self.make()

    def receive(self, can_id: int, data: bytes = b"") -> None:
        """Receive a frame, from a socket that is not there for longer."""
        with self.join() as node:
            node.send(struct.pack("=IB3x8s", can_id, len(data), data))


@pytest.fixture
def vcan():
    interface = Interface(f"gwtest{next(numbers)}", "vcan")
    yield interface
    interface.delete()


@pytest.fixture
def wire():
    """An interface: its name, a node on it, and one on another host, so to speak."""
    near, far = f"gwnear{next(numbers)}", f"gwfar{next(numbers)}"
    make(near, "vxcan", attribute(VXCAN_PEER, link(far, up=False, mtu=72)), up=False)
    change(far, up=True)
    change(near, up=True)
    with join(near) as near_node, join(far) as far_node:
        yield near, near_node, far_node
    delete(near)


@pytest.fixture
def node(vcan):
    """Another program's socket on the interface."""
    with vcan.join() as node:
        yield node


class Adapter:
    """A serial CAN adapter: what it says of the bus, the kernel's driver for such makes known."""

    def __init__(self):
        self.name = f"gwserial{next(numbers)}"
        self.plug_in()

    def plug_in(self):
        self.end, self._port = os.openpty()
        os.set_blocking(self.end, False)
        tty.setraw(self._port)
        fcntl.ioctl(self._port, termios.TIOCSETD, struct.pack("i", N_SLCAN))
        name = fcntl.ioctl(self._port, SIOCGIFNAME, bytes(16)).rstrip(b"\0").decode()
        renamed = struct.pack("=BxHiII", 0, 0, socket.if_nametoindex(name), 0, 0)
        ask(NEW_LINK, 0, renamed + attribute(NAME, self.name.encode() + b"\0"))
        change(self.name, up=True)

    def unplug(self):
        os.close(self._port)
        os.close(self.end)

    def receive(self, can_id, data=b""):
        """Receive a frame from the bus."""
        self.say(f"t{can_id:03X}{len(data)}{data.hex()}")

    def say(self, *words):
        os.write(self.end, b"".join(word.encode() + b"\r" for word in words))


@pytest.fixture
def adapter():
    try:
        made = Adapter()
    except OSError as error:
        pytest.skip(f"this kernel has no slcan ({error.strerror})")
    yield made
    made.unplug()


DBC = """VERSION ""
BU_: ECU
BO_ 256 Engine: 1 ECU
 SG_ TEMP : 0|8@1+ (1,0) [0|0] "" ECU
"""


@pytest.fixture
def follow(tmp_path, reading):
    """Read an interface as the gateway does; what it says of its link is in the log."""
    (tmp_path / "car.dbc").write_text(DBC)

    def follow(channel, **options):
        section = CanConfig(name="car", channel=channel, dbc=("car.dbc",), options=options)
        return reading(CanSource(section, Config(file=tmp_path / "car.toml"), SignalTable(), 0))

    return follow


@pytest.fixture
def said(caplog):
    """Return what was said of the link so far, without how long it took."""
    return lambda: [
        record.message.split(":")[0].rpartition(", after")[0] or record.message.split(":")[0]
        for record in caplog.records
        if record.name == "car"
    ]
