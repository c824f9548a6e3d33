"""A car's ECUs on a bus of their own, in simulated time, with a tester beside them."""

import pytest

from firmware_sim import wire
from firmware_sim.devices.f1_car import F1Car
from firmware_sim.devices.f1_ecus import f1_database, f1_ecus

MS = 1_000_000


class Electronics:
    """The ECUs by name, and everything that they sent: (milliseconds, id, data)."""

    def __init__(self, seed=1):
        self.car = F1Car(seed)
        ecus = f1_ecus(self.car, seed)
        self.ecus = {ecu.name: ecu for ecu in ecus}
        self.inputs = ecus[0].inputs
        self.database = f1_database()
        self.now_ns = 0
        self.sent = []

    def run(self, until_ms):
        """Let time pass until *until_ms*; return what was sent meanwhile."""
        before = len(self.sent)
        while (ecu := min(self.ecus.values(), key=lambda e: e.due_ns)).due_ns <= until_ms * MS:
            self.now_ns = max(ecu.due_ns, self.now_ns)
            records = ecu.step(ecu.due_ns)
            for _, can_id, length, _, _, data in wire.FRAME.iter_unpack(records):
                self.sent.append((self.now_ns / MS, can_id, data[:length]))
            for other in self.ecus.values():
                if other is not ecu and records:
                    other.hear(records, self.now_ns)
        self.now_ns = until_ms * MS
        return self.sent[before:]

    def tell(self, can_id, data):
        """Have the tester send a frame now."""
        for ecu in self.ecus.values():
            ecu.hear(wire.pack_frame(can_id, data), self.now_ns)

    def signals(self, message, frames=None):
        """The message's frames as decoded signals, names as numbers."""
        message = self.database.get_message_by_name(message)
        frames = self.sent if frames is None else frames
        return [
            message.decode(data, decode_choices=False)
            for _, can_id, data in frames
            if can_id == message.frame_id
        ]


@pytest.fixture
def electronics():
    return Electronics()
