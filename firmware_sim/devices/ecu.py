"""An electronic control unit: cyclic messages from a signal database."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from random import Random

from cantools.database.can import Database, Message, Signal

from firmware_sim import wire

Values = Mapping[str, float]
Sensors = Callable[[int], Values]
"""What an ECU measures: given nanoseconds since the start, the physical value of each signal."""

COUNTER = "COUNTER"
"""A signal of this name counts the message's frames, round and round."""


class Ecu:
    """Sends every message that the database says its node sends, each at its cycle time.

    Args:
        name: The node's name in *database*, and on the bus.
        database: Says what it sends, how it is encoded, and how often (``GenMsgCycleTime``).
        sensors: Asked once for each frame. What a signal cannot hold is sent as the nearest that
            it can.
        noise: By signal, the standard deviation of its sensor's noise, in the signal's unit.
        seed: Of the noise.

    Raises:
        ValueError: *database* has no cyclic message that *name* sends.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        sensors: Sensors,
        *,
        noise: Values | None = None,
        seed: int | str = 0,
    ) -> None:
        self._messages = [
            (message, message.cycle_time * 1_000_000)
            for message in database.messages
            if name in message.senders and message.cycle_time
        ]
        if not self._messages:
            raise ValueError(f"got node {name!r}, expected one that sends cyclic messages")
        self.name = name
        self._sensors = sensors
        self._noise = noise or {}
        self._random = Random(f"{seed}/{name}")  # noqa: S311 - a simulation, not a secret
        self._sent = [0] * len(self._messages)
        self._due = [(0, index) for index in range(len(self._messages))]

    @property
    def due_ns(self) -> int:
        """See `Device`."""
        return self._due[0][0]

    def step(self, now_ns: int) -> bytes:
        """See `Device`."""
        values = self._sensors(now_ns)
        frames = []
        while self._due[0][0] <= now_ns:
            due_ns, index = self._due[0]
            message, cycle_ns = self._messages[index]
            heapq.heapreplace(self._due, (due_ns + cycle_ns, index))
            frames.append(self._frame(message, values, self._sent[index]))
            self._sent[index] += 1
        return b"".join(frames)

    def _frame(self, message: Message, values: Values, sent: int) -> bytes:
        physical = {signal.name: self._value(signal, values, sent) for signal in message.signals}
        # Not strict: the limits are kept here, for a sensor at its stop sends its stop.
        data = message.encode(physical, strict=False)
        extended = wire.EXTENDED if message.is_extended_frame else 0
        return wire.pack_frame(
            message.frame_id | extended, data, flags=wire.FD if message.is_fd else 0
        )

    def _value(self, signal: Signal, values: Values, sent: int) -> float:
        if signal.name == COUNTER:
            return float(sent % (1 << signal.length))
        value = float(values[signal.name])
        deviation = self._noise.get(signal.name)
        if deviation:
            value += self._random.gauss(0.0, deviation)
        if signal.minimum is not None:
            value = max(value, signal.minimum)
        if signal.maximum is not None:
            value = min(value, signal.maximum)
        return value
