"""Faults that send by themselves: a babbling device, and garbage."""

from __future__ import annotations

from firmware_sim import wire
from firmware_sim.faults.effect import Context
from firmware_sim.faults.kinds import Babble, Garbage
from firmware_sim.faults.medium import CanMedium
from firmware_sim.faults.tap import Tap
from firmware_sim.faults.traffic import TrafficFilter

BATCH_NS = 10_000_000
"""How often what a fault sends is sent."""

BABBLE = b"U"
"""0x55: as many edges as a UART can make."""


class Sender(TrafficFilter):
    """Sends at a steady rate, besides what the device sends; what finds no room is not sent."""

    def __init__(self, context: Context, tap: Tap) -> None:
        super().__init__(context, tap)
        assert isinstance(context.spec, Babble | Garbage)  # noqa: S101 - so is the table
        self._per_second = context.spec.per_second
        self._began_ns = 0
        self._made = 0
        self._runs = False

    def begin(self, now_ns: int) -> None:
        """See `TrafficFilter`."""
        self._runs = True
        self._began_ns = now_ns
        self.tap.schedule.at(now_ns + BATCH_NS, self._send)

    def end(self, _now_ns: int) -> None:
        """See `TrafficFilter`."""
        self._runs = False

    def unit(self) -> bytes:
        """Return one frame, or byte, to send."""
        if not isinstance(self.tap.medium, CanMedium):
            return BABBLE
        assert isinstance(self.context.spec, Babble)  # noqa: S101 - so is the table
        can_id = self.context.spec.id
        return wire.pack_frame(can_id | (wire.EXTENDED if can_id > 0x7FF else 0), bytes(8))

    def _send(self, now_ns: int) -> None:
        if not self._runs:
            return
        upto = round((now_ns - self._began_ns) * self._per_second / 1e9)
        count, self._made = upto - self._made, upto
        if count and not self.tap.held:
            self.tap.forward([self.unit() for _ in range(count)], self, now_ns)
            self.count += count
        self.tap.schedule.at(now_ns + BATCH_NS, self._send)


class Garbler(Sender):
    """Sends what means nothing."""

    def unit(self) -> bytes:
        """See `Sender`."""
        rng = self.context.random
        if isinstance(self.tap.medium, CanMedium):
            return wire.pack_frame(rng.randrange(0x800), rng.randbytes(8))
        return rng.randbytes(1)
