"""Fault confinement: the error counters of one CAN controller, and the state that follows.

The rules are those of ISO 11898-1 (clause 12.1.4 of the 2015 edition; Bosch's CAN Specification
2.0, part B, clause 8):

    a transmitter that sends an error flag             TEC + 8
    ... but for a missing acknowledgement while passive     as it was
    a receiver that detects an error                   REC + 1
    a transmission that succeeds                       TEC - 1
    a reception that succeeds                          REC - 1; from above 127 to 127

    either counter at 96 or above                      warning
    either at 128 or above                             error-passive
    TEC at 256 or above                                bus-off
"""

from __future__ import annotations

from enum import Enum

WARNING_LIMIT = 96
PASSIVE_LIMIT = 128
BUS_OFF_LIMIT = 256

TRANSMIT_ERROR = 8
RECEIVE_LIMIT = 255
"""Where REC stops: the register has eight bits."""


class ErrorState(Enum):
    """What a controller may do on the bus."""

    ACTIVE = "error-active"
    """Takes part, and destroys a frame in which it sees an error."""
    PASSIVE = "error-passive"
    """Takes part, but cannot destroy the frames of others."""
    BUS_OFF = "bus-off"
    """Neither sends nor receives."""


class ErrorCounters:
    """The transmit and receive error counters of one node.

    Attributes:
        tec: The transmit error counter.
        rec: The receive error counter.
        forced: The state that a fault holds it in, None for none.
    """

    def __init__(self) -> None:
        self.tec = 0
        self.rec = 0
        self.forced: ErrorState | None = None

    @property
    def state(self) -> ErrorState:
        """What the counters, or a fault, make of it."""
        if self.tec >= BUS_OFF_LIMIT:
            return ErrorState.BUS_OFF
        if self.tec >= PASSIVE_LIMIT or self.rec >= PASSIVE_LIMIT:
            return ErrorState.PASSIVE
        return ErrorState.ACTIVE

    @property
    def warning(self) -> bool:
        """Whether a counter has come to `WARNING_LIMIT`."""
        return self.tec >= WARNING_LIMIT or self.rec >= WARNING_LIMIT

    def sent(self) -> None:
        """Count a frame that was sent and acknowledged."""
        if self.tec and self.forced is None:
            self.tec -= 1

    def received(self) -> None:
        """Count a frame that was received."""
        if self.rec:
            self.rec = min(self.rec, PASSIVE_LIMIT) - 1

    def failed_to_send(self) -> None:
        """Count an error while sending."""
        if self.forced is None:
            self.tec += TRANSMIT_ERROR

    def missed_acknowledgement(self) -> None:
        """Count a frame that nobody acknowledged."""
        # Otherwise a node that is switched on before all others would go bus-off.
        if self.state is ErrorState.ACTIVE:
            self.failed_to_send()

    def failed_to_receive(self) -> None:
        """Count an error in a frame of another node."""
        self.rec = min(self.rec + 1, RECEIVE_LIMIT)

    def force(self, state: ErrorState | None) -> None:
        """Hold the state at *state*; None lets go, with the counters at 0.

        Bus-off is left by the recovery sequence alone: letting go of it keeps the counters.
        """
        self.forced = state
        if state is ErrorState.BUS_OFF:
            self.tec = BUS_OFF_LIMIT
        elif state is ErrorState.PASSIVE:
            self.tec = max(self.tec, PASSIVE_LIMIT)
        elif self.state is not ErrorState.BUS_OFF:
            self.reset()

    def reset(self) -> None:
        """Set both to 0, as the controller's reset and its recovery from bus-off do."""
        self.tec = self.rec = 0
