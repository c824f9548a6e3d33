"""A network interface of the kernel: what it is, and what it says it lost."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections import Counter
from pathlib import Path

from gateway.errors import LinkError
from gateway.sources.link import LinkState
from gateway.sources.readers.socketcan.rtnetlink import ask_for_link

# <linux/sockios.h>, <linux/if.h>, <linux/if_arp.h>, <linux/ethtool.h>, <linux/net_tstamp.h>
_GET_FLAGS = 0x8913
_GET_MTU = 0x8921
_GET_ADDRESS = 0x8927
_ETHTOOL = 0x8946
_UP = 0x1
_TYPE_CAN = 280
_GET_TIME_STAMPS = 0x41
_RECEIVE_HARDWARE = 1 << 2

_FD_MTU = 72

_REQUEST = struct.Struct("16s24s")  # struct ifreq

_LOSSES = {
    "rx_dropped": "driver",
    "rx_over_errors": "overrun",
    "rx_fifo_errors": "overrun",
    "rx_missed_errors": "overrun",
}
"""Statistics of an interface that count frames which never reached a socket, and what we call it.

Overruns are those of the controller. They also show up as error frames, which are not counted as
losses: they would be counted twice, and may be lost themselves.
"""


_REASONS = {
    errno.ENODEV: "there is no such interface",
    errno.EAFNOSUPPORT: "this kernel has no CAN",
    errno.EPROTONOSUPPORT: "this kernel has no CAN sockets; to load them: modprobe can-raw",
}


class Link:
    """A CAN interface by its name. Owns nothing.

    Args:
        name: Such as "can0".
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._statistics = Path("/sys/class/net") / name / "statistics"

    @property
    def how_to_start(self) -> str:
        """That it is down, and what would change that; whoever took it down may have reasons."""
        return f"{self.name} is down; to start it: ip link set {self.name} up"

    def check(self, *, fd: bool) -> int:
        """Look whether frames can be expected from it, with CAN FD if *fd* is set.

        Returns:
            Its number, another one each time it is made.

        Raises:
            LinkError: No, with what would help.
        """
        name = self.name
        try:
            with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as asking:
                number = _number(name)
                kind = _ask(asking, _GET_ADDRESS, name, "H")
                flags = _ask(asking, _GET_FLAGS, name, "H")
                mtu = mtu_of(name, asking)
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, str(error))
            raise LinkError(f"{name}: {reason}", LinkState.ABSENT) from error
        if kind != _TYPE_CAN:
            raise LinkError(f"{name} is not a CAN interface", LinkState.REFUSED)
        if not flags & _UP:
            raise LinkError(self.how_to_start, LinkState.DOWN)
        if fd and mtu < _FD_MTU:
            raise LinkError(
                f"{name} carries no CAN FD; to start it so, when it is down: "
                f"ip link set {name} up type can bitrate 500000 dbitrate 2000000 fd on",
                LinkState.REFUSED,
            )
        return number

    def has_hardware_times(self) -> bool:
        """Tell whether the controller stamps what it receives."""
        facts = ctypes.create_string_buffer(struct.pack("=I40x", _GET_TIME_STAMPS))
        request = _REQUEST.pack(self.name.encode(), struct.pack("@P", ctypes.addressof(facts)))
        with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as asking:
            try:
                fcntl.ioctl(asking, _ETHTOOL, request)
            except OSError:
                return False
        can_stamp = struct.unpack_from("=4xI", facts)[0]  # struct ethtool_ts_info.so_timestamping
        return bool(can_stamp & _RECEIVE_HARDWARE)

    def losses(self) -> Counter[str]:
        """Return what it lost since it exists, by our names; empty where it does not say."""
        found: Counter[str] = Counter()
        for file, name in _LOSSES.items():
            with contextlib.suppress(OSError):  # it was deleted, or /sys is another namespace's
                found[name] += int((self._statistics / file).read_text())
        return found


def _number(name: str) -> int:
    """Return an interface's number; raise OSError if there is no such interface."""
    # An ioctl about an interface that is not there has the kernel start modprobe, if root asks.
    facts = ask_for_link(name)
    if facts and not facts.number:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return facts.number if facts else socket.if_nametoindex(name)


def mtu_of(name: str, asking: socket.socket) -> int:
    """Return the size of the largest frames on the interface *name*; *asking* is any socket."""
    return _ask(asking, _GET_MTU, name, "i")


def _ask(asking: socket.socket, what: int, name: str, layout: str) -> int:
    request = _REQUEST.pack(name.encode()[:15], b"")
    answer = fcntl.ioctl(asking, what, request)
    return int(struct.unpack_from(layout, answer, 16)[0])
