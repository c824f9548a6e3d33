"""The fixed-size records that travel through the rings, as numpy structured types.

All multi-byte fields are native-endian and naturally aligned: a 64-bit field that straddles a
cache line can be seen half-written by another process.
"""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Iterable, Iterator
from enum import IntEnum, IntFlag
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray


class Quality(IntEnum):
    """Whether a value may be used. Nothing is dropped for its quality; it is flagged."""

    GOOD = 0
    OUT_OF_RANGE = 1
    """Outside the minimum and maximum that its database declares. Rules still judge it."""
    INVALID = 2
    """Not a number, or the device says it is not valid. Rules pass over it."""


class Origin(IntEnum):
    """Who stamped a frame or sample with its time."""

    USER = 0
    """This process, when it had read the bytes (monotonic clock)."""
    KERNEL = 1
    """The kernel, or the bus itself, on arrival."""
    HARDWARE = 2
    """The controller."""
    RECORDED = 3
    """A recording: the time is on the recording's own time line."""


class CanId(IntFlag):
    """Flag bits in ``FRAME["can_id"]``, as in <linux/can.h>."""

    EXTENDED = 0x80000000
    REMOTE = 0x40000000
    ERROR = 0x20000000


class FrameFlag(IntFlag):
    """Bits in ``FRAME["flags"]``, as in <linux/can.h>'s canfd_frame, plus the direction."""

    BIT_RATE_SWITCH = 0x01
    ERROR_STATE = 0x02
    FD = 0x04
    TRANSMITTED = 0x80
    """Sent by this host (a candump ``T``), not received."""


FRAME = np.dtype(
    [
        ("t_ns", np.int64),
        # From here to the end: struct canfd_frame of <linux/can.h>, byte for byte, so that a
        # socket can be read straight into an array. `channel` and `origin` are its __res0, __res1.
        ("can_id", np.uint32),
        ("len", np.uint8),
        ("flags", np.uint8),
        ("channel", np.uint8),
        ("origin", np.uint8),
        ("data", np.uint8, (64,)),
    ]
)
"""One CAN frame, 80 bytes. Bytes of ``data`` beyond ``len`` are zero."""

SAMPLE = np.dtype(
    [
        ("t_ns", np.int64),
        ("value", np.float64),
        ("signal", np.uint32),
        ("source", np.uint16),
        ("quality", np.uint8),
        ("origin", np.uint8),
    ]
)
"""One reading of one signal, 24 bytes.

``t_ns`` is the time on the source's own time line: CLOCK_MONOTONIC for a live source, the
recording's time for a replay. ``signal`` is a `gateway.signals.Signal.index`, or `TICK`.
``source`` is the source's position in the configuration. ``value`` is NaN only when ``quality``
is `Quality.INVALID`.
"""

TICK = 0xFFFF_FFFF
"""The ``signal`` of a sample that only says: this source's time line has come this far."""

_Entry = TypeVar("_Entry", bound=np.generic)


def look_up(table: NDArray[_Entry], numbers: NDArray[np.unsignedinteger]) -> NDArray[_Entry]:
    """Return the entries of *table* at *numbers*; for any beyond it, such as `TICK`, the last."""
    found: NDArray[_Entry]
    if sys.maxsize > 2**32:
        found = table.take(numbers, mode="clip")
    else:  # they do not all fit into an index
        found = table[np.minimum(numbers, len(table) - 1)]
    return found


ALARM = np.dtype(
    [
        ("t_ns", np.int64),
        ("value", np.float64),
        ("rate", np.float64),
        ("order", np.uint64),
        ("wall_offset_ns", np.int64),
        ("emitted_ns", np.int64),
        ("rule", np.uint32),
        ("signal", np.uint32),
        ("source", np.uint16),
        ("kind", np.uint8),
        ("analyzer", np.uint8),
        ("lane", np.uint16),
        ("time_of_day", np.uint16),
    ]
)
"""One alarm event, 64 bytes.

``t_ns`` is the time of the sample that caused it, on its source's time line; adding
``wall_offset_ns`` gives nanoseconds since 1970 UTC (0 for a recording), by a clock that is as
good as ``time_of_day`` says, a `TimeOfDay`. ``order`` and ``lane``
say where in the samples ring that sample stood, so that events of several analyzers can be put
back into the order of the samples. ``emitted_ns`` is CLOCK_MONOTONIC when the rule decided.
``rate`` is per second, NaN but for a rate rule. ``value`` is NaN where no value was ever seen.
"""


class TimeOfDay(IntEnum):
    """How good an alarm event's time of day is."""

    RECORDED = 0
    """The event's time is a recording's own."""
    UNSYNCHRONISED = 1
    """Of the machine's clock, which nobody is known to have set right."""
    SYNCHRONISED = 2
    """Of the machine's clock, which followed a better one."""


class AlarmKind(IntEnum):
    """What an alarm event says of its rule."""

    RAISED = 1
    CLEARED = 2


Frames = NDArray[np.void]
"""A one-dimensional array of `FRAME`."""
Samples = NDArray[np.void]
"""A one-dimensional array of `SAMPLE`."""
Alarms = NDArray[np.void]
"""A one-dimensional array of `ALARM`."""


class Alarm(NamedTuple):
    """One `ALARM`, its fields as Python's own numbers.

    Events are few, and a field of a numpy record costs as much as a whole one of these.
    """

    t_ns: int
    value: float
    rate: float
    order: int
    wall_offset_ns: int = 0
    emitted_ns: int = 0
    rule: int = 0
    signal: int = 0
    source: int = 0
    kind: int = 0
    analyzer: int = 0
    lane: int = 0
    time_of_day: int = 0


_PACKED_ALARM = struct.Struct("=qddQqqIIHBBHH")


def pack_alarms(alarms: Iterable[Alarm]) -> Alarms:
    """Return *alarms* as an array that can be written to."""
    return np.frombuffer(bytearray().join(itertools.starmap(_PACKED_ALARM.pack, alarms)), ALARM)


def unpack_alarms(alarms: Alarms) -> Iterator[Alarm]:
    """Return *alarms* one by one."""
    return map(Alarm._make, _PACKED_ALARM.iter_unpack(alarms.tobytes()))
