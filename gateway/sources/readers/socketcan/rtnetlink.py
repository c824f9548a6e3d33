"""What the kernel says of an interface and of its CAN controller, by rtnetlink(7)."""

from __future__ import annotations

import errno
import socket
import struct
from enum import IntEnum
from typing import NamedTuple

# <linux/netlink.h>, <linux/rtnetlink.h>, <linux/if_link.h>, <linux/can/netlink.h>
_MESSAGE = struct.Struct("=IHHII")
_ERROR, _GET_LINK, _NEW_LINK = 2, 18, 16
_REQUEST = 1
_INTERFACE = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_NAME, _LINK_INFO, _EXTENT = 3, 18, 29
_SKIP_STATISTICS = 1 << 3
_INFO_KIND, _INFO_DATA = 1, 2
_STATE, _RESTART_MS, _ERROR_COUNTERS = 4, 6, 8
_TYPE_OF_ATTRIBUTE = 0x3FFF

_ANSWER_SIZE = 1 << 16


class ControllerState(IntEnum):
    """How a CAN controller stands to its bus, enum can_state of <linux/can/netlink.h>."""

    ERROR_ACTIVE = 0
    ERROR_WARNING = 1
    ERROR_PASSIVE = 2
    BUS_OFF = 3
    STOPPED = 4
    SLEEPING = 5


class LinkFacts(NamedTuple):
    """What the kernel says of an interface.

    Attributes:
        number: Another one each time it is made; 0: there is no such interface.
        state: Its controller's state; None where there is none, as for vcan.
        restart_ms: After how long the kernel restarts a controller that is bus-off; 0: never.
        send_errors: The controller's transmit error counter; None if its driver does not tell.
        receive_errors: The controller's receive error counter, likewise.
    """

    number: int
    state: ControllerState | None = None
    restart_ms: int = 0
    send_errors: int | None = None
    receive_errors: int | None = None


def ask_for_link(name: str) -> LinkFacts | None:
    """Return what the kernel says of the interface *name*; None if it does not answer.

    It answers after changes that are under way: an interface that is being deleted is not there.
    """
    attributes = _attribute(_NAME, name.encode() + b"\0") + _attribute(
        _EXTENT, struct.pack("=I", _SKIP_STATISTICS)
    )
    body = _INTERFACE.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attributes
    request = _MESSAGE.pack(_MESSAGE.size + len(body), _GET_LINK, _REQUEST, 0, 0) + body
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
            asking.sendto(request, (0, 0))
            answer = asking.recv(_ANSWER_SIZE, socket.MSG_DONTWAIT)
    except OSError:  # no such sockets here, or they are not allowed
        return None
    return _read(answer)


def _attribute(kind: int, value: bytes) -> bytes:
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(-size % 4)


def _read(answer: bytes) -> LinkFacts | None:
    size, kind, *_ = _MESSAGE.unpack_from(answer)
    if kind == _ERROR:
        (number,) = struct.unpack_from("=i", answer, _MESSAGE.size)
        return LinkFacts(0) if -number == errno.ENODEV else None
    if kind != _NEW_LINK:
        return None
    _, _, number, *_ = _INTERFACE.unpack_from(answer, _MESSAGE.size)
    attributes = _attributes(answer[_MESSAGE.size + _INTERFACE.size : size])
    info = _attributes(attributes.get(_LINK_INFO, b""))
    if info.get(_INFO_KIND, b"").rstrip(b"\0") != b"can":
        return LinkFacts(number)
    told = _attributes(info.get(_INFO_DATA, b""))
    if _STATE not in told:
        return LinkFacts(number)
    (state,) = struct.unpack("=I", told[_STATE])
    (restart_ms,) = struct.unpack("=I", told.get(_RESTART_MS, bytes(4)))
    counters = told.get(_ERROR_COUNTERS)
    send, receive = struct.unpack("=HH", counters) if counters else (None, None)
    return LinkFacts(number, ControllerState(state), restart_ms, send, receive)


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(data)
        if size < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_OF_ATTRIBUTE] = data[_ATTRIBUTE.size : size]
        data = data[size + -size % 4 :]
    return found
