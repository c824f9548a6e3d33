"""The supervisor's side of the transmitters: hands them what people ask for, tells the outcome."""

from __future__ import annotations

import json
import math
import selectors
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.clock import NS_PER_S, Clock
from gateway.config.show import as_toml, one_of
from gateway.ring import Event
from gateway.transmit.arming import ArmedBus
from gateway.transmit.queue import Outcome
from gateway.workers.transmitter import PACKET_SIZE

GRACE_NS = 2 * NS_PER_S
"""How long after a command's expiry its outcome is waited for: a transmitter that was killed has
been started again by then, and will not say anything more."""

UNKNOWN = "unknown"
"""The outcome where the transmitter did not tell it."""

Reply = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class _Order:
    transmit: str
    give_up_at_ns: int
    reply: Reply


class Orders:
    """Requests to send, on their way to the transmitters and back.

    Args:
        buses: What is armed.
        stop: Set when the gateway ends; nothing is passed on any more.
        clock: For deadlines.

    Attributes:
        ends: For each source the transmitter's end of the socket to it.
    """

    def __init__(self, buses: Sequence[ArmedBus], stop: Event, clock: Clock) -> None:
        self._stop = stop
        self._clock = clock
        self._pairs = {bus.source.name: _pair() for bus in buses}
        self.ends = {name: theirs for name, (_, theirs) in self._pairs.items()}
        self._armed = {name: (bus, each) for bus in buses for name, each in bus.armed.items()}
        self._open: dict[int, _Order] = {}
        self._ticket = 0

    def register(self, selector: selectors.BaseSelector) -> None:
        """Have *selector* call back when a transmitter has said something."""
        for ours, _ in self._pairs.values():
            selector.register(ours, selectors.EVENT_READ, self._hear)

    def place(self, request: Mapping[str, Any], reply: Reply) -> None:
        """Hand a request to the transmitter that it is for.

        Args:
            request: ``transmit``, a name; ``values``, numbers or words by signal; ``asked_ns``,
                CLOCK_MONOTONIC when it was made, now if it is left out.
            reply: Called once, now or later, with ``transmit``, ``outcome`` and ``reason``.
        """
        now_ns = self._clock.monotonic_ns()
        name, values = request.get("transmit"), request.get("values", {})
        asked_ns = request.get("asked_ns", now_ns)
        if not isinstance(name, str) or name not in self._armed:
            armed = (
                one_of(sorted(self._armed)) if self._armed else "nothing, it has no [[transmit]]"
            )
            reason = f"got {as_toml(name)}, expected what the configuration arms: {armed}"
            reply(_answer(str(name), Outcome.REFUSED, reason))
            return
        if not _are_values(values) or type(asked_ns) is not int:
            reason = "got something else, expected values that are numbers or words"
            reply(_answer(name, Outcome.REFUSED, reason))
            return
        if self._stop.is_set():
            reply(_answer(name, Outcome.REFUSED, "the gateway is stopping"))
            return
        bus, armed_message = self._armed[name]
        asked_ns = min(asked_ns, now_ns)
        self._ticket += 1
        order = {"ticket": self._ticket, "transmit": name, "values": values, "asked_ns": asked_ns}
        try:
            self._pairs[bus.source.name][0].send(json.dumps(order).encode())
        except OSError:  # its buffer is full: it hangs, or is being started again
            reply(_answer(name, Outcome.REFUSED, "the transmitter does not take requests"))
            return
        give_up_at_ns = now_ns + armed_message.config.expiry + GRACE_NS
        self._open[self._ticket] = _Order(name, give_up_at_ns, reply)

    def turn(self, now_ns: int) -> None:
        """Answer those who have waited for too long."""
        for ticket in [t for t, order in self._open.items() if now_ns >= order.give_up_at_ns]:
            order = self._open.pop(ticket)
            reason = "the transmitter did not say what became of it"
            order.reply(_answer(order.transmit, UNKNOWN, reason))

    def close(self) -> None:
        """Let go of the sockets."""
        for pair in self._pairs.values():
            for end in pair:
                end.close()

    def _hear(self, transmitter: socket.socket) -> None:
        while True:
            try:
                said = json.loads(transmitter.recv(PACKET_SIZE))
            except BlockingIOError:
                return
            order = self._open.pop(said["ticket"], None)
            if order is not None:
                order.reply(_answer(order.transmit, said["outcome"], said["reason"]))


def _pair() -> tuple[socket.socket, socket.socket]:
    kind = socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK
    return socket.socketpair(socket.AF_UNIX, kind)


def _answer(name: str, outcome: str, reason: str) -> dict[str, Any]:
    return {"transmit": name, "outcome": outcome, "reason": reason}


def _are_values(values: object) -> bool:
    return isinstance(values, dict) and all(
        type(value) in (str, int) or (isinstance(value, float) and math.isfinite(value))
        for value in values.values()
    )
