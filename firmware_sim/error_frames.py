"""The error frames that a node's driver would report, as records: those of SocketCAN.

Their ids are the classes of <linux/can/error.h> (`wire.ERR_...`). data[6] and data[7] hold the
node's own TEC and REC, at most 255.
"""

from __future__ import annotations

from firmware_sim import wire
from firmware_sim.error_counters import (
    BUS_OFF_LIMIT,
    PASSIVE_LIMIT,
    WARNING_LIMIT,
    ErrorCounters,
)

ERROR_ACTIVE, WARNING, PASSIVE, BUS_OFF = range(4)

_TX = {ERROR_ACTIVE: 0, WARNING: wire.ERR_TX_WARNING, PASSIVE: wire.ERR_TX_PASSIVE}
_RX = {ERROR_ACTIVE: 0, WARNING: wire.ERR_RX_WARNING, PASSIVE: wire.ERR_RX_PASSIVE}


def level(counters: ErrorCounters) -> int:
    """Return which of the four states, as a driver tells them apart, the counters stand for."""
    return max(_level(counters.tec), min(_level(counters.rec), PASSIVE))


def state_changed(counters: ErrorCounters, t_ns: int) -> bytes:
    """Return what tells a node of the state that it has come to."""
    if level(counters) == BUS_OFF:
        return _record(wire.ERR_BUS_OFF, counters, t_ns)
    tx, rx = _level(counters.tec), min(_level(counters.rec), PASSIVE)
    if tx == rx == ERROR_ACTIVE:
        detail = wire.ERR_ACTIVE
    else:
        detail = (_TX[tx] if tx >= rx else 0) | (_RX[rx] if rx >= tx else 0)
    return _record(wire.ERR_CONTROLLER, counters, t_ns, detail)


def restarted(counters: ErrorCounters, t_ns: int) -> bytes:
    """Return what tells a node that it has recovered from bus-off."""
    return _record(wire.ERR_RESTARTED, counters, t_ns)


def not_acknowledged(counters: ErrorCounters, t_ns: int) -> bytes:
    """Return what tells a sender that nobody acknowledged its frame."""
    return _record(
        wire.ERR_ACK | wire.ERR_PROTOCOL | wire.ERR_BUS_ERROR,
        counters,
        t_ns,
        0,
        wire.ERR_TX,
        wire.ERR_AT_ACK,
    )


def bus_error(counters: ErrorCounters, t_ns: int, what: int, where: int) -> bytes:
    """Return what tells a node of a destroyed frame: data[2] is *what*, data[3] *where*."""
    return _record(wire.ERR_PROTOCOL | wire.ERR_BUS_ERROR, counters, t_ns, 0, what, where)


def _level(count: int) -> int:
    return sum(count >= limit for limit in (WARNING_LIMIT, PASSIVE_LIMIT, BUS_OFF_LIMIT))


def _record(can_id: int, counters: ErrorCounters, t_ns: int, *data: int) -> bytes:
    payload = bytes((0, *data)).ljust(6, b"\0")
    payload += bytes((min(counters.tec, 255), min(counters.rec, 255)))
    can_id |= wire.ERROR | wire.ERR_COUNTERS
    return wire.FRAME.pack(t_ns, can_id, 8, 0, 0, payload)
