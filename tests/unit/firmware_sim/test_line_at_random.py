"""Whatever nodes and faults do to a bus: every frame is accounted for, and time goes one way."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from firmware_sim import wire
from firmware_sim.bus import Bus, ErrorState, Node

MS = 1_000_000
SECOND = 1_000_000_000

some = st.integers(0, 5)


class AnyBus(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.bus = Bus("can0", bit_rate=125_000, data_bit_rate=500_000, restart_ms=20)
        self.now = SECOND
        self.offered = {}
        self.heard = []
        self.listener = Node("listener", listen_only=True)
        self.bus.join(self.listener)
        self.join(listen_only=False)

    def node(self, number):
        """One of the nodes that are there; None if there is none but the listener."""
        nodes = [node for node in self.bus.nodes if node is not self.listener]
        return nodes[number % len(nodes)] if nodes else None

    @rule(listen_only=st.booleans())
    def join(self, listen_only):
        if len(self.offered) < 12:
            node = Node(f"node {len(self.offered)}", listen_only=listen_only, own_frames=True)
            self.offered[node] = 0
            self.bus.join(node, self.now)

    @precondition(lambda self: self.node(0) is not None)
    @rule(number=some)
    def leave(self, number):
        self.bus.leave(self.node(number), self.now)

    @precondition(lambda self: self.node(0) is not None)
    @rule(number=some, can_id=st.integers(0, 0x7FF), count=some, fd=st.booleans())
    def offer(self, number, can_id, count, fd):
        node = self.node(number)
        if not node.listen_only:
            flags = wire.FD | wire.BIT_RATE_SWITCH if fd else 0
            frames = wire.pack_frame(can_id, b"1234", flags=flags) * count
            self.bus.offer(node, frames, self.now)
            self.offered[node] += count

    @rule(shorted=st.booleans())
    def short(self, shorted):
        self.bus.line.short(shorted, self.now)

    @precondition(lambda self: self.node(0) is not None)
    @rule(number=some, share=st.sampled_from([0.0, 0.3, 1.0]), count=st.none() | some)
    def corrupt(self, number, share, count):
        self.bus.line.corrupt(self.node(number), share, self.now, count=count)

    @precondition(lambda self: self.node(0) is not None)
    @rule(number=some, muted=st.booleans())
    def mute(self, number, muted):
        self.bus.line.mute(self.node(number), muted, self.now)

    @precondition(lambda self: self.node(0) is not None)
    @rule(number=some, state=st.sampled_from([None, ErrorState.PASSIVE, ErrorState.BUS_OFF]))
    def force(self, number, state):
        self.bus.line.force(self.node(number), state, self.now)

    @precondition(lambda self: self.node(0) is not None)
    @rule(number=some)
    def reset(self, number):
        self.bus.line.reset(self.node(number), self.now)

    @rule(ns=st.integers(1, 50 * MS))
    def wait(self, ns):
        self.now += ns
        due = self.bus.advance(self.now)
        assert due is None or due > self.now

    @invariant()
    def every_frame_is_sent_or_waits_or_is_counted_as_unsent(self):
        for node, count in self.offered.items():
            assert node.sent + node.unsent + len(node.mailbox) == count

    @invariant()
    def the_listener_hears_every_frame_that_was_sent_in_the_order_of_time(self):
        data = b"".join(self.listener.queue)
        self.bus.took(self.listener, len(data), self.now)
        self.heard += np.frombuffer(data, wire.RECORD)["t_ns"].tolist() if data else []
        assert self.heard == sorted(self.heard)
        frames = np.frombuffer(data, wire.RECORD)["can_id"] & wire.ERROR == 0 if data else []
        self.frames = getattr(self, "frames", 0) + int(np.sum(frames))
        assert self.frames == self.bus.frames == sum(node.sent for node in self.offered)

    @invariant()
    def counters_and_states_agree(self):
        for node in self.offered:
            assert 0 <= node.tec <= 256 + 7
            assert 0 <= node.rec <= 255
            if node.state is ErrorState.BUS_OFF:
                assert not node.mailbox
            if node.listen_only:
                assert node.rec == 0

    @invariant()
    def the_bus_is_never_busier_than_there_is_time(self):
        assert self.bus.line.occupancy.busy_ns <= self.now - SECOND + 10 * MS
        assert 0.0 <= self.bus.load <= 1.0


AnyBus.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_a_bus_at_random = AnyBus.TestCase
