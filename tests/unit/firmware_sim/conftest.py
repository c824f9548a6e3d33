"""A bus with a few nodes; a car's ECUs on a bus of their own, with a tester beside them."""

import pytest

from firmware_sim import wire
from firmware_sim.bit_timing import frame_bits
from firmware_sim.bus import Bus, Node
from firmware_sim.devices.f1_car import F1Car
from firmware_sim.devices.f1_ecus import f1_database, f1_ecus

MS = 1_000_000
START = 5_000_000_000


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


class Fleet:
    """A bus and its nodes, and what each of them has got."""

    def __init__(self, bus, *nodes):
        self.bus = bus
        self.nodes = [node if isinstance(node, Node) else Node(node) for node in nodes]
        for node in self.nodes:
            bus.join(node)

    def __getitem__(self, name):
        return next(node for node in self.nodes if node.name == name)

    def offer(self, name, *ids, at=START, data=b"", flags=0):
        for can_id in ids:
            self.bus.offer(self[name], wire.pack_frame(can_id, data, flags=flags), at)

    def got(self, name):
        """What *name* has yet to take, taken: a list of (stamp, id)."""
        node = self[name]
        data = b"".join(node.queue)
        self.bus.took(node, len(data), 0)
        return [frame[:2] for frame in wire.FRAME.iter_unpack(data)]

    def ids(self, name):
        return [can_id for _, can_id in self.got(name)]

    def errors(self, name):
        """The error frames that *name* has yet to take, taken: (classes, data)."""
        node = self[name]
        data = b"".join(node.queue)
        self.bus.took(node, len(data), 0)
        return [
            (can_id & 0x1FFFFFFF & ~wire.ERR_COUNTERS, payload[:8])
            for _, can_id, _, _, _, payload in wire.FRAME.iter_unpack(data)
            if can_id & wire.ERROR
        ]


# Of the session, so that it may be used in a test of many examples.
@pytest.fixture(scope="session")
def fleet():
    """Make a bus of 1 Mbit/s with nodes of these names."""

    def make(*nodes, **options):
        return Fleet(Bus("can0", **{"bit_rate": 1_000_000} | options), *nodes)

    return make


@pytest.fixture(scope="session")
def length():
    """Bits of a frame from its first to the end of frame."""
    return lambda can_id, data=b"", flags=0: frame_bits(can_id, len(data), flags, data).total
