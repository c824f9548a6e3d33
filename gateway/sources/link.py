"""What can be the matter with a link, by name, and who says when it begins and ends."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from gateway.clock import NS_PER_S
from gateway.errors import LinkError


class LinkState(StrEnum):
    """What is the matter with a link. One that works has none of them.

    The first group keeps a link from being open: a `LinkError` carries one of them as its
    ``state``. Those of the second are told of an open link by `Source.link_states`; several may
    hold at once.
    """

    LOST = "lost"
    """It cannot be used, and nothing more is known."""
    ABSENT = "absent"
    """There is no such device, interface or bus."""
    BUSY = "busy"
    """Another program has it for itself."""
    REFUSED = "refused"
    """It is there, but this user may not open it, or it cannot have these settings."""
    UNPLUGGED = "unplugged"
    """It went away while it was in use."""
    DOWN = "down"
    """A CAN interface that is not up. If somebody took it down on purpose, it stays so."""

    MUTE = "mute"
    """Nothing has come for longer than it should take."""
    WRONG_BAUD_RATE = "wrong-baud-rate"
    """What comes looks like bits that were read at another speed than they were sent."""
    BUS_OFF = "bus-off"
    """The CAN controller took itself off the bus because of its errors."""
    ERROR_PASSIVE = "error-passive"
    """The CAN controller has counted so many errors that it no longer marks those of others."""
    NO_ACKNOWLEDGEMENT = "no-acknowledgement"
    """Nobody else on the CAN bus takes what is sent."""
    ERROR_FLOOD = "error-flood"
    """A hundred error frames and more come within a second."""


NO_STATES: Mapping[LinkState, str] = {}
"""What `Source.link_states` returns while all is well."""


class LinkLog:
    """Says once when a link gets into a `LinkState`, and once when it is out of it.

    Args:
        log: Where it is said, at level WARNING.

    Attributes:
        entered: How often the link got into each state.
        outages: How often it ceased to work, for whatever reasons, until it worked again.
    """

    def __init__(self, log: logging.Logger) -> None:
        self.entered: Counter[str] = Counter()
        self.outages = 0
        self._log = log
        self._outage = ""
        self._since: dict[str, int] = {}
        self._details: dict[str, str] = {}

    @property
    def is_down(self) -> bool:
        """Whether the link is lost, or was never open."""
        return self._outage != ""

    def lost(self, error: LinkError, now_ns: int) -> None:
        """Note that the link could not be opened, or went away."""
        state = str(error.state)
        if not self._outage:
            self.outages += 1
        elif self._outage == LinkState.UNPLUGGED and state == LinkState.ABSENT:
            return  # what was unplugged is absent: one thing, said once
        self._outage = state
        self._change({state: str(error)}, now_ns, "link")

    def restored(self, now_ns: int) -> None:
        """Note that the link works. Whoever calls it has read from it: opening proves little."""
        self._outage = ""
        self._change({}, now_ns, "link restored,")

    def holds(self, states: Mapping[LinkState, str], now_ns: int) -> None:
        """Note what is the matter with the open link; see `Source.link_states`."""
        if states or self._since:
            self._change(states, now_ns, "link")

    def facts(self, now_ns: int) -> dict[str, Any]:
        """Return the states that hold, with how long they have, and how often each was entered."""
        holding = {
            state: {"detail": self._details[state], "for_s": (now_ns - since_ns) / NS_PER_S}
            for state, since_ns in self._since.items()
        }
        return {"states": holding, "entered": dict(self.entered)}

    def _change(self, states: Mapping[Any, str], now_ns: int, ends: str) -> None:
        for state in [state for state in self._since if state not in states]:
            seconds = (now_ns - self._since.pop(state)) / NS_PER_S
            del self._details[state]
            self._log.warning("%s no longer %s, after %.1f s", ends, state, seconds)
        for state, detail in states.items():
            if state not in self._since:
                self._since[str(state)] = now_ns
                self.entered[str(state)] += 1
                self._log.warning("link %s: %s", state, detail)
            self._details[str(state)] = detail
