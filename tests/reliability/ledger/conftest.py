"""A CAN interface of the kernel, and a node on it that is fast enough to fill what reads there."""

import ctypes
import errno
import os
import select
import socket
import subprocess

import numpy as np
import pytest

FRAME = np.dtype([("can_id", "u4"), ("len", "u1"), ("pad", "V3"), ("data", "u4", 2)])
"""struct can_frame of <linux/can.h>, with a Count for data."""
VECTOR = np.dtype([("base", np.uintp), ("size", np.uintp)])  # struct iovec
HEADER = np.dtype(  # struct msghdr
    [
        ("name", np.uintp),
        ("name_size", np.uint32),
        ("vectors", np.uintp),
        ("vector_count", np.uintp),
        ("control", np.uintp),
        ("control_size", np.uintp),
        ("flags", np.int32),
    ],
    align=True,
)
MESSAGE = np.dtype([("header", HEADER), ("sent", np.uint32)], align=True)  # struct mmsghdr
AT_ONCE = 256
"""Frames of a system call: that is what takes long in user-mode Linux."""
PAUSE_S = 0.01


def addresses(array):
    return array.ctypes.data + np.arange(len(array), dtype=np.uintp) * array.itemsize


class KernelNode:
    """A node of a CAN interface of the kernel's, with what it takes of `Node`."""

    def __init__(self, channel):
        self.socket = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        self.socket.bind((channel,))
        # It takes nothing itself.
        self.socket.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, b"")
        self.sent = 0
        self._sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
        self._frames = np.zeros(AT_ONCE, FRAME)
        self._frames["can_id"], self._frames["len"] = 256, 8
        self._vectors = np.zeros(AT_ONCE, VECTOR)
        self._vectors["base"], self._vectors["size"] = addresses(self._frames), FRAME.itemsize
        self._messages = np.zeros(AT_ONCE, MESSAGE)
        headers = self._messages["header"]
        headers["vectors"], headers["vector_count"] = addresses(self._vectors), 1

    def send(self, numbers, levels):
        """Send a Count for each of *numbers*."""
        for begin in range(0, len(numbers), AT_ONCE):
            some = slice(begin, begin + AT_ONCE)
            count = len(numbers[some])
            data = self._frames["data"][:count]
            data[:, 0], data[:, 1] = numbers[some], levels[some]
            done = 0
            while done < count:
                done += self._hand_over(done, count)
            self.sent += count

    def _hand_over(self, begin, end):
        """Return how many of these frames the kernel has taken."""
        first = ctypes.c_void_p(int(addresses(self._messages)[begin]))
        taken = self._sendmmsg(self.socket.fileno(), first, end - begin, 0)
        if taken >= 0:
            return taken
        number = ctypes.get_errno()
        if number != errno.ENOBUFS:
            raise OSError(number, os.strerror(number))
        os.sched_yield()  # the interface's queue is full; poll does not tell when there is room
        return 0

    def drain(self):
        """Leave the kernel time to pass them on: between sending and receiving sockets it keeps a
        thousand (net.core.netdev_max_backlog).
        """
        select.select([], [], [], PAUSE_S)


@pytest.fixture
def vcan():
    name = f"gwledger{os.getpid() % 1000}"
    made = subprocess.run(
        ["ip", "link", "add", "dev", name, "up", "type", "vcan"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        assert "CAN_LAB" not in os.environ, made.stderr
        pytest.skip(f"no vcan can be made ({made.stderr.strip()}); make test-socketcan has one")
    node = KernelNode(name)
    yield name, node
    node.socket.close()
    subprocess.run(["ip", "link", "delete", name], check=True)
