"""What is the matter with a CAN bus: from its error frames, its traffic, and the kernel's word.

See <linux/can/error.h> for error frames; their `can_id` says what they are about, a bit a class.
The kernel keeps the state of most controllers and is asked for it; for those without one, such as
vcan with a program that passes on another bus, error frames and traffic have to do.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gateway.clock import NS_PER_S
from gateway.record import CanId, Frames
from gateway.sources.link import LinkState
from gateway.sources.readers.socketcan.rtnetlink import ControllerState, LinkFacts

SETTLED_NS = NS_PER_S
"""A state is over when its end has lasted so long. So one that comes back at once is one, and one
that lasts a moment is told all the same."""

QUIET_NS = 5 * NS_PER_S
"""When no error frame has come for so long, what only error frames tell is over."""

FLOOD = 100
"""Error frames within a second. A bus that is well has less than one an hour."""

_ERROR = int(CanId.ERROR)  # numpy takes 10 us to make a number of an IntFlag
_ARBITRATION_LOST = 0x002  # another frame went first; nothing is wrong
_CONTROLLER = 0x004
_PROTOCOL = 0x008
_NO_ACKNOWLEDGEMENT = 0x020
_BUS_OFF = 0x040
_RESTARTED = 0x100
_TELLS_STATE = _CONTROLLER | _BUS_OFF | _RESTARTED

# data[1] of a frame about the controller, data[3] of one about the protocol
_WARNING_OR_ACTIVE = 0x04 | 0x08 | 0x40
_PASSIVE = 0x10 | 0x20
_ACKNOWLEDGEMENT_SLOT = 0x19

_ABOUT = {
    _NO_ACKNOWLEDGEMENT: "missing acknowledgements",
    0x080 | _PROTOCOL: "bus errors",
    _CONTROLLER | _BUS_OFF | _RESTARTED: "the controller's states",
    0x001: "transmissions that took too long",
    0x010: "the transceiver",
}

_STUCK = range(128, 136)
"""The transmit error counter of a controller that nobody acknowledges: it is error-passive, and
then no longer counts missing acknowledgements (ISO 11898-1, fault confinement, exception 1). What
else can go wrong in sending takes it on to bus-off at once."""

_Times = NDArray[np.int64]


class _Condition:
    """Something that may be the matter; it is told for `SETTLED_NS` longer than it holds."""

    def __init__(self) -> None:
        self.holds = False
        self._over_ns = 0

    def set(self, holds: bool, now_ns: int) -> None:
        if holds or self.holds:
            self._over_ns = now_ns + SETTLED_NS
        self.holds = holds

    def is_told(self, now_ns: int) -> bool:
        return self.holds or now_ns < self._over_ns


class BusWatch:
    """Judges an open interface. All times are CLOCK_MONOTONIC.

    Args:
        interface: Its name, for advice.
        sees_all: Whether it is shown all frames: only then their absence means something.
    """

    def __init__(self, interface: str, *, sees_all: bool = True) -> None:
        self._interface = interface
        self._sees_all = sees_all
        self._facts: LinkFacts | None = None
        self._bus_off = _Condition()
        self._passive = _Condition()
        self._alone = _Condition()
        self._flood = _Condition()
        self._flood_detail = ""
        self._error_ns = self._lack_ns = 0
        self._lacks = 0
        self._stuck_ns: int | None = None
        self._recent: _Times = np.empty(0, np.int64)

    def take(self, frames: Frames) -> None:
        """Look at what has come: at least one frame, their times in order."""
        ids = frames["can_id"]
        if not np.bitwise_or.reduce(ids) & _ERROR:
            self._take_traffic(frames[-1:])
            return
        is_error = ids & _ERROR != 0
        errors = frames[is_error]
        self._take_states(errors)
        self._count(errors["t_ns"], errors["can_id"])
        about, data = errors["can_id"], errors["data"]
        lacks = (about & _NO_ACKNOWLEDGEMENT != 0) | (
            (about & _PROTOCOL != 0) & (data[:, 3] == _ACKNOWLEDGEMENT_SLOT)
        )
        if len(errors) < len(frames):
            last = int(np.flatnonzero(~is_error)[-1])
            self._take_traffic(frames[last : last + 1])
            lacks &= np.flatnonzero(is_error) > last
        if lacks.any():
            self._lacks += int(np.count_nonzero(lacks))
            self._lack_ns = int(errors["t_ns"][lacks][-1])
            # One alone may be a disturbance; a second one with nothing in between is not.
            if self._lacks > 1:
                self._alone.set(True, self._lack_ns)

    def hear(self, facts: LinkFacts | None, now_ns: int) -> None:
        """Take the kernel's word: what it says of the controller counts more than old frames."""
        self._facts = facts
        if facts is None or facts.state is None:
            return
        self._bus_off.set(facts.state == ControllerState.BUS_OFF, now_ns)
        self._passive.set(facts.state == ControllerState.ERROR_PASSIVE, now_ns)
        is_stuck = facts.state == ControllerState.ERROR_PASSIVE and facts.send_errors in _STUCK
        if not is_stuck or not self._sees_all:
            if self._stuck_ns is not None:
                self._alone.set(False, now_ns)
            self._stuck_ns = None
        elif self._stuck_ns is None:
            self._stuck_ns = now_ns
        elif now_ns - self._stuck_ns >= SETTLED_NS:
            self._alone.set(True, now_ns)

    def states(self, now_ns: int) -> Mapping[LinkState, str]:
        """Return what is the matter, each with a line that says more."""
        if not self._has_word and now_ns - self._error_ns >= QUIET_NS:
            self._passive.set(False, self._error_ns)
        if self._stuck_ns is None and now_ns - self._lack_ns >= QUIET_NS:
            self._alone.set(False, self._lack_ns)
        states = {}
        if self._bus_off.is_told(now_ns):
            states[LinkState.BUS_OFF] = self._about_bus_off()
        else:
            if self._passive.is_told(now_ns):
                states[LinkState.ERROR_PASSIVE] = self._about_passive()
            if self._alone.is_told(now_ns):
                states[LinkState.NO_ACKNOWLEDGEMENT] = (
                    "no other node acknowledges what is sent: none is there, awake, or set to "
                    "the same bit rate"
                )
        if self._flood.is_told(now_ns):
            states[LinkState.ERROR_FLOOD] = self._flood_detail
        return states

    @property
    def _has_word(self) -> bool:
        return self._facts is not None and self._facts.state is not None

    def _take_traffic(self, last: Frames) -> None:
        """A frame was on the bus, so somebody is there; and we are."""
        self._lacks = 0
        if not (self._alone.holds or self._bus_off.holds or self._stuck_ns is not None):
            return  # as nearly always
        t_ns = int(last["t_ns"][0])
        self._alone.set(False, t_ns)
        if self._stuck_ns is not None:
            self._stuck_ns = t_ns
        if not self._has_word:
            self._bus_off.set(False, t_ns)

    def _take_states(self, errors: Frames) -> None:
        """Follow the controller from state to state."""
        tell = errors[errors["can_id"] & _TELLS_STATE != 0]
        columns = tell["can_id"].tolist(), tell["data"][:, 1].tolist(), tell["t_ns"].tolist()
        for about, problem, t_ns in zip(*columns, strict=True):
            if about & _BUS_OFF:
                self._bus_off.set(True, t_ns)
                self._passive.set(False, t_ns)
            elif about & _CONTROLLER and problem & _PASSIVE:
                self._bus_off.set(False, t_ns)
                self._passive.set(True, t_ns)
            elif about & _RESTARTED or problem & _WARNING_OR_ACTIVE:
                self._bus_off.set(False, t_ns)
                self._passive.set(False, t_ns)

    def _count(self, times: _Times, about: NDArray[np.uint32]) -> None:
        """See whether so many have come within a second."""
        self._error_ns = int(times[-1])
        wrong = about & ~np.uint32(_ERROR | _ARBITRATION_LOST) != 0
        recent = np.append(self._recent, times[wrong])
        took_ns = recent[FLOOD - 1 :] - recent[: 1 - FLOOD]
        dense = np.flatnonzero(took_ns <= NS_PER_S)
        if len(dense):
            last_ns = int(recent[dense[-1] + FLOOD - 1])
            rate = FLOOD * NS_PER_S // max(1, int(took_ns[dense[-1]]))
            most = max(_ABOUT, key=lambda bits: int(np.count_nonzero(about & bits)))
            self._flood_detail = f"some {rate:,} error frames a second, most about {_ABOUT[most]}"
            self._flood.set(True, last_ns)
            self._flood.set(False, last_ns)
        self._recent = recent[1 - FLOOD :]

    def _about_bus_off(self) -> str:
        left = "the controller has left the bus after too many errors"
        if not self._facts or self._facts.state is None:
            return left
        if self._facts.restart_ms:
            return f"{left}; it is restarted {self._facts.restart_ms} ms later (restart-ms)"
        return f"{left}; to restart it: ip link set {self._interface} type can restart"

    def _about_passive(self) -> str:
        facts = self._facts
        if not facts or facts.state != ControllerState.ERROR_PASSIVE or facts.send_errors is None:
            return "the controller has seen many errors"
        return (
            "the controller has seen many errors: its counters are at "
            f"{facts.send_errors} in sending and {facts.receive_errors} in receiving"
        )
