"""A bus with a bit rate: who sends when, what that takes, and what becomes of errors.

Times are in bits of a 1 Mbit/s bus where it says so: a microsecond each.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import wire
from firmware_sim.bit_timing import frame_bits
from firmware_sim.bus import MAILBOX_FRAMES, Bus, ErrorState, Node
from firmware_sim.errors import WireError

MBIT = 1_000_000
BIT = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
START = 5 * SECOND


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


@pytest.fixture
def fleet():
    """Make a bus of 1 Mbit/s with nodes of these names."""

    def make(*nodes, **options):
        return Fleet(Bus("can0", **{"bit_rate": MBIT} | options), *nodes)

    return make


def length(can_id, data=b"", flags=0):
    """Bits of a frame from its first to the end of frame."""
    return frame_bits(can_id, len(data), flags, data).total


# --- when a frame crosses ---------------------------------------------------------------------


def test_a_frame_is_stamped_with_the_end_of_its_last_bit(fleet):
    bus = fleet("a", "b")
    bus.offer("a", 0x555, data=b"\x55" * 8)
    assert bus.bus.advance(START + length(0x555, b"\x55" * 8) * BIT - 1) is not None
    assert bus.got("b") == []
    bus.bus.advance(START + length(0x555, b"\x55" * 8) * BIT)
    assert bus.got("b") == [(START + length(0x555, b"\x55" * 8) * BIT, 0x555)]


def test_advance_says_when_the_frame_on_the_wire_ends(fleet):
    bus = fleet("a", "b")
    assert bus.bus.advance(START) is None
    bus.offer("a", 0x555)
    assert bus.bus.advance(START) == START + length(0x555) * BIT
    assert bus.bus.advance(START + SECOND) is None


def test_the_wire_is_clear_when_the_frame_on_it_has_ended(fleet):
    bus = fleet("a", "b")
    line = bus.bus.line
    assert line.clear_ns(START) == START
    bus.offer("a", 0x100, 0x200)
    bus.bus.advance(START)
    assert line.clear_ns(START - 1) == START - 1
    end = START + length(0x100) * BIT
    assert line.clear_ns(START) == line.clear_ns(START + 10 * BIT) == end
    assert line.clear_ns(START + MS) == START + MS


def test_three_bits_of_intermission_lie_between_two_frames(fleet):
    bus = fleet("a", "b")
    bus.offer("a", 0x555, 0x555)
    bus.bus.advance(START + SECOND)
    first, second = (stamp for stamp, _ in bus.got("b"))
    assert second - first == (3 + length(0x555)) * BIT


def test_a_frame_that_switches_takes_the_data_bit_rate_for_its_body(fleet):
    bus = fleet("a", "b", data_bit_rate=8 * MBIT)
    flags = wire.FD | wire.BIT_RATE_SWITCH
    bus.offer("a", 0x555, data=b"\x55" * 64, flags=flags)
    bus.bus.advance(START + SECOND)
    body = frame_bits(0x555, 64, flags, b"\x55" * 64).body
    assert bus.got("b") == [(START + 27 * BIT + body * BIT // 8, 0x555)]


def test_a_process_that_is_late_comes_to_the_same_order_and_stamps(fleet):
    offers = [("a", 0x300, 0), ("b", 0x200, 10), ("a", 0x100, 10), ("b", 0x400, 700)]

    def carried(every):
        """What a listener gets when the process comes round *every* so many bits."""
        bus = fleet("a", "b", "listener")
        for at in range(0, 2000, every):
            for name, can_id, when in offers:
                if at <= when < at + every:
                    bus.offer(name, can_id, at=START + when * BIT)
            bus.bus.advance(START + (at + every - 1) * BIT)
        return bus.got("listener")

    assert [can_id for _, can_id in carried(1)] == [0x300, 0x100, 0x200, 0x400]
    assert carried(7) == carried(500) == carried(2000) == carried(1)


# --- who goes first ---------------------------------------------------------------------------


def test_the_lowest_id_of_those_that_wait_goes_first(fleet):
    bus = fleet("a", "b", "c", "listener")
    bus.offer("a", 0x300)
    bus.offer("b", 0x100)
    bus.offer("c", 0x200)
    bus.bus.advance(START + SECOND)
    assert bus.ids("listener") == [0x100, 0x200, 0x300]


def test_a_frame_offered_at_the_same_moment_takes_part_although_the_bus_has_looked_before(fleet):
    bus = fleet("a", "b", "listener")
    bus.offer("a", 0x300)
    bus.bus.advance(START)
    bus.offer("b", 0x100)
    bus.bus.advance(START + SECOND)
    assert bus.ids("listener") == [0x100, 0x300]


def test_a_frame_that_has_begun_is_not_interrupted_by_a_lower_id(fleet):
    bus = fleet("a", "b", "listener")
    bus.offer("a", 0x300, at=START)
    bus.offer("b", 0x100, at=START + 1)
    bus.bus.advance(START + SECOND)
    assert bus.ids("listener") == [0x300, 0x100]


def test_a_node_sends_its_own_frames_in_the_order_it_offered_them(fleet):
    bus = fleet("a", "b", "listener")
    bus.offer("a", 0x300, 0x100)
    bus.offer("b", 0x200)
    bus.bus.advance(START + SECOND)
    assert bus.ids("listener") == [0x200, 0x300, 0x100]


def test_all_nodes_see_one_order_and_only_those_that_ask_their_own_frames(fleet):
    bus = fleet("a", Node("b", own_frames=True), "listener")
    bus.offer("a", 0x300, 0x301)
    bus.offer("b", 0x200)
    bus.bus.advance(START + SECOND)
    echo = np.frombuffer(b"".join(bus["b"].queue), wire.RECORD)["flags"].tolist()
    assert bus.ids("listener") == bus.ids("b") == [0x200, 0x300, 0x301]
    assert bus.ids("a") == [0x200]
    assert echo == [wire.ECHO, 0, 0]


def test_of_eight_nodes_that_saturate_the_bus_only_the_lowest_ids_get_through(fleet):
    # As many frames as the formula says; each node offers a third of that.
    bus = fleet(*"abcdefgh", "listener")
    sent = 9_009 // 3
    data = b"\x55" * 8
    period = SECOND // sent
    for n, (name, offset) in itertools.product(range(sent), zip("abcdefgh", range(8), strict=True)):
        at = START + n * period
        if len(bus[name].mailbox) < MAILBOX_FRAMES:
            bus.offer(name, 0x550 + offset, at=at, data=data)
        if name == "h":
            bus.bus.advance(at)
            bus.bus.took(bus["listener"], bus["listener"].queued, at)
    bus.bus.advance(START + SECOND)
    counts = [bus[name].sent for name in "abcdefgh"]
    lengths = [length(0x550 + offset, data) + 3 for offset in range(8)]
    assert counts[0] == counts[1] == sent
    assert counts[3:] == [0] * 5 or sum(counts[3:]) <= 1
    busy = sum(count * bits for count, bits in zip(counts, lengths, strict=True))
    assert busy == pytest.approx(MBIT, abs=max(lengths))
    assert bus.bus.load == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    "data", [pytest.param(b"\x55" * 8, id="little stuffing"), pytest.param(bytes(8), id="much")]
)
def test_a_saturated_bus_carries_what_the_formula_says(fleet, data):
    bus = fleet("a", "listener", queue_frames=1 << 20)
    for _ in range(10_000):
        bus.offer("a", 0x2AA, data=data)
    bus.bus.advance(START + SECOND)
    assert len(bus.got("listener")) == MBIT // (length(0x2AA, data) + 3)


# --- a model that plays every bit -------------------------------------------------------------


class Player:
    """A node that puts its frames on the wire bit by bit, and goes by what it reads there."""

    def __init__(self, frames):
        self.frames = [(ready, can_id, list(stuffed_bits(can_id))) for ready, can_id in frames]
        self.place = None  # in its frame; None while it does not send

    def writes(self, now, idle):
        """The bit it puts on the wire in bit time *now*; recessive if it does not send."""
        if self.place is None and idle and self.frames and self.frames[0][0] <= now:
            self.place = 0
        return 1 if self.place is None else self.frames[0][2][self.place]

    def reads(self, bit):
        """Go on after its bit has been on the wire; return the id if the frame is complete."""
        if self.place is None:
            return None
        mine = self.frames[0][2][self.place]
        self.place += 1
        if bit != mine:
            self.place = None  # lost the arbitration; all bits after it are another's
            return None
        if self.place == len(self.frames[0][2]):
            self.place = None
            return self.frames.pop(0)[1]
        return None


def stuffed_bits(can_id):
    """A standard data frame without data, to the end of frame; acknowledged."""
    bits = [0, *number(can_id, 11), 0, 0, 0, 0, 0, 0, 0]
    crc = 0
    for bit in bits:
        crc = (crc << 1) ^ (0x4599 if bit ^ (crc >> 14) else 0)
        crc &= 0x7FFF
    bits += number(crc, 15)
    run, last = 0, None
    for bit in bits:
        yield bit
        run, last = (run + 1 if bit == last else 1), bit
        if run == 5:
            run, last = 1, 1 - bit
            yield last
    yield from [1, 0, 1] + [1] * 7


def number(value, width):
    return [value >> place & 1 for place in reversed(range(width))]


def play(offers):
    """Play the bits of all nodes' *offers*; return [(bit time of the frame's end, id)]."""
    players = [Player(frames) for frames in offers]
    ended, quiet, now = [], 1000, 0
    while any(player.frames for player in players):
        idle = quiet >= 3 and all(player.place is None for player in players)
        wire_bit = min(player.writes(now, idle) for player in players)  # dominant is 0
        now += 1
        done = [can_id for player in players if (can_id := player.reads(wire_bit)) is not None]
        sending = any(player.place is not None for player in players)
        quiet = 0 if sending or done else quiet + 1
        ended += [(now, can_id) for can_id in done]
    return ended


@st.composite
def traffic(draw):
    """For each of a few nodes, frames with ids of its own: [(ready, id)]."""
    nodes = draw(st.integers(1, 4))
    offers = []
    for node in range(nodes):
        ids = st.integers(0, 0x7FF // nodes - 1).map(lambda n, node=node: n * nodes + node)
        ready = sorted(draw(st.lists(st.integers(0, 400), max_size=4)))
        offers.append([(at, draw(ids)) for at in ready])
    return offers


@settings(deadline=None)  # an example plays thousands of bits
@given(traffic())
def test_order_and_stamps_are_those_of_a_bus_whose_bits_are_played_one_by_one(offers):
    names = [f"node {n}" for n in range(len(offers))]
    bus = Fleet(Bus("can0", bit_rate=MBIT), *names, "listener")
    for name, frames in zip(names, offers, strict=True):
        for ready, can_id in frames:
            bus.offer(name, can_id, at=START + ready * BIT)
    bus.bus.advance(START + SECOND)
    assert bus.got("listener") == [(START + at * BIT, can_id) for at, can_id in play(offers)]


# --- acknowledgement --------------------------------------------------------------------------


def test_a_lone_sender_goes_passive_by_eights_and_never_bus_off(fleet):
    bus = fleet("alone")
    bus.offer("alone", 0x555)
    seen = []
    at = START
    while len(seen) < 18:
        at = bus.bus.advance(at)
        bus.bus.advance(at)
        if not seen or seen[-1] != bus["alone"].tec:
            seen.append(bus["alone"].tec)
        elif seen[-1] == 128:
            break
    assert seen == [8 * n for n in range(1, 17)]
    bus.bus.advance(START + 10 * SECOND)
    assert (bus["alone"].tec, bus["alone"].state) == (128, ErrorState.PASSIVE)
    assert bus["alone"].sent == bus.bus.frames == 0


def test_an_unacknowledged_frame_is_tried_again_after_its_error_frame(fleet):
    # Up to the ACK slot, 8 bits before the end; then flag 6, delimiter 8, intermission 3; once it
    # is passive, 8 more.
    bus = fleet("alone")
    bus.offer("alone", 0x555)
    one = (length(0x555) - 8 + 6 + 8 + 3) * BIT
    bus.bus.advance(START + 15 * one - 3 * BIT)
    assert bus["alone"].tx_errors == 15
    bus.bus.advance(START + 16 * one + 100 * (one + 8 * BIT))
    assert bus["alone"].tx_errors == 16 + 100


def test_the_frame_crosses_as_soon_as_somebody_acknowledges_it(fleet):
    bus = fleet("alone")
    bus.offer("alone", 0x555)
    bus.bus.advance(START + SECOND)
    late = Node("late")
    bus.bus.join(late, START + SECOND)
    bus.nodes.append(late)
    bus.bus.advance(START + 2 * SECOND)
    [(stamp, can_id)] = bus.got("late")
    assert can_id == 0x555
    assert START + SECOND < stamp < START + SECOND + 200 * BIT
    assert bus["alone"].tec == 127


def test_a_node_that_only_listens_does_not_acknowledge(fleet):
    bus = fleet("alone", Node("spy", listen_only=True))
    bus.offer("alone", 0x555)
    bus.bus.advance(START + SECOND)
    assert bus.bus.frames == 0
    assert bus["alone"].state is ErrorState.PASSIVE
    assert (bus["spy"].tec, bus["spy"].rec) == (0, 0)


def test_a_muted_node_hears_and_does_not_acknowledge_until_the_fault_ends(fleet):
    bus = fleet("a", "b")
    bus.bus.line.mute(bus["b"], True, START)
    bus.offer("a", 0x555)
    bus.bus.advance(START + SECOND)
    assert bus.bus.frames == 0
    bus.bus.line.mute(bus["b"], False, START + SECOND)
    bus.bus.advance(START + 2 * SECOND)
    assert bus["a"].sent == 1


def test_acknowledgement_may_be_left_out(fleet):
    bus = fleet(Node("alone", own_frames=True), acknowledge=False)
    bus.offer("alone", 0x555)
    bus.bus.advance(START + SECOND)
    assert bus.ids("alone") == [0x555]


def test_a_lone_sender_is_told_once_of_a_frame_and_of_each_state(fleet):
    bus = fleet("alone")
    bus.offer("alone", 0x555)
    bus.bus.advance(START + SECOND)
    told = bus.errors("alone")
    assert [what for what, _ in told] == [
        wire.ERR_ACK | wire.ERR_PROTOCOL | wire.ERR_BUS_ERROR,
        wire.ERR_CONTROLLER,
        wire.ERR_CONTROLLER,
    ]
    assert [data[1] for _, data in told] == [0, wire.ERR_TX_WARNING, wire.ERR_TX_PASSIVE]
    assert [data[6] for _, data in told] == [8, 96, 128]


# --- errors and their counters ----------------------------------------------------------------


def test_a_corrupted_frame_is_sent_again_and_counts_eight_and_one(fleet):
    bus = fleet("a", "b", Node("spy", listen_only=True))
    bus.bus.line.corrupt(bus["a"], 1.0, START, count=1)
    bus.offer("a", 0x555, 0x556)
    bus.bus.advance(START + 300 * BIT)
    assert bus.ids("spy")[-2:] == [0x555, 0x556]
    assert (bus["a"].tx_errors, bus["b"].rx_errors, bus["spy"].rx_errors) == (1, 1, 1)
    assert (bus["a"].tec, bus["b"].rec, bus["spy"].rec) == (8 - 2, 0, 0)
    assert bus.bus.errors == 1


def test_an_error_is_seen_by_all_nodes(fleet):
    bus = fleet("a", "b", Node("spy", listen_only=True))
    bus.bus.line.corrupt(bus["a"], 1.0, START, count=1)
    bus.offer("a", 0x555)
    bus.bus.advance(START + SECOND)
    both = wire.ERR_PROTOCOL | wire.ERR_BUS_ERROR
    [(sender, why)] = bus.errors("a")
    assert (sender, why[2]) == (both, wire.ERR_BIT | wire.ERR_TX)
    for name in ("b", "spy"):
        [(seen, why)] = bus.errors(name)
        assert (seen, why[2]) == (both, wire.ERR_STUFF)


def test_a_frame_that_is_always_corrupted_takes_its_sender_off_the_bus(fleet):
    bus = fleet("a", "b", restart_ms=0)
    bus.bus.line.corrupt(bus["a"], 1.0, START)
    bus.offer("a", 0x555, 0x556)
    bus.bus.advance(START + SECOND)
    assert bus["a"].state is ErrorState.BUS_OFF
    assert bus["a"].tx_errors == 32
    assert bus["b"].rec == 32
    told = [what for what, _ in bus.errors("a")]
    assert told.count(wire.ERR_PROTOCOL | wire.ERR_BUS_ERROR) == 32
    assert told[-1] == wire.ERR_BUS_OFF
    assert bus["a"].unsent == 2


def test_a_share_of_frames_is_corrupted_the_same_ones_for_one_seed(fleet):
    def errors(seed):
        bus = fleet("a", "b", seed=seed, queue_frames=1 << 20)
        bus.bus.line.corrupt(bus["a"], 0.05, START)
        for _ in range(2000):
            bus.offer("a", 0x555)
        bus.bus.advance(START + SECOND)
        assert bus["a"].sent == 2000
        return bus["a"].tx_errors, bus.got("b")

    assert errors("one") == errors("one")
    assert errors("one")[1] != errors("two")[1]
    # 2,000 successes at 95 %: 105 failures are to be expected, with a deviation of 10.5.
    assert errors("one")[0] == pytest.approx(105, abs=50)


def test_an_error_passive_sender_waits_eight_bits_more(fleet):
    def gap(state):
        bus = fleet("a", "b")
        bus.bus.line.force(bus["a"], state, START)
        bus.offer("a", 0x555, 0x555)
        bus.bus.advance(START + SECOND)
        first, second = (stamp for stamp, _ in bus.got("b"))
        return second - first

    assert gap(ErrorState.PASSIVE) - gap(None) == 8 * BIT


def test_while_a_passive_sender_waits_another_one_goes_first(fleet):
    bus = fleet("a", "b", "listener")
    bus.bus.line.force(bus["a"], ErrorState.PASSIVE, START)
    bus.offer("a", 0x100, 0x100)
    bus.offer("b", 0x200, at=START + 1)
    bus.bus.advance(START + SECOND)
    assert bus.ids("listener") == [0x100, 0x200, 0x100]


# --- bus-off and recovery ---------------------------------------------------------------------


@pytest.fixture
def off(fleet):
    """A bus whose node "a" has just gone bus-off, and when."""

    def make(**options):
        bus = fleet("a", "b", **options)
        bus.bus.line.corrupt(bus["a"], 1.0, START)
        bus.offer("a", 0x555)
        at = START
        while bus["a"].state is not ErrorState.BUS_OFF:
            at = bus.bus.advance(at)
            bus.bus.advance(at)
        bus.bus.line.corrupt(bus["a"], 0.0, at)
        return bus, at

    return make


def test_it_recovers_after_restart_ms_and_128_times_11_recessive_bits(off):
    bus, at = off(restart_ms=100)
    due = at + 100 * MS + 128 * 11 * BIT
    assert bus.bus.advance(at) == due
    bus.bus.advance(due - 1)
    assert bus["a"].state is ErrorState.BUS_OFF
    bus.bus.advance(due)
    assert (bus["a"].state, bus["a"].tec, bus["a"].rec) == (ErrorState.ACTIVE, 0, 0)
    assert bus.errors("a")[-1][0] == wire.ERR_RESTARTED


def test_on_a_busy_bus_each_frames_end_counts_as_eleven_recessive_bits(off):
    bus, at = off(restart_ms=1)
    frame = (length(0x555) + 3) * BIT
    for _ in range(200):
        bus.offer("b", 0x555, at=at)
    listener = Node("listener")
    bus.bus.join(listener, at)
    recovered = None
    for n in range(200):
        bus.bus.advance(at + n * frame)
        if bus["a"].state is ErrorState.ACTIVE and recovered is None:
            recovered = n * frame
    assert recovered == pytest.approx(1 * MS + 128 * frame, abs=2 * frame)


def test_restart_ms_0_leaves_it_off_until_it_is_reset(off):
    bus, at = off(restart_ms=0)
    assert bus.bus.advance(at + 3600 * SECOND) is None
    assert bus["a"].state is ErrorState.BUS_OFF
    bus.bus.line.reset(bus["a"], at + 3600 * SECOND)
    assert bus["a"].state is ErrorState.ACTIVE
    bus.offer("a", 0x111, at=at + 3600 * SECOND)
    bus.bus.advance(at + 3601 * SECOND)
    assert bus.ids("b")[-1] == 0x111


def test_what_a_node_offers_while_bus_off_is_discarded_and_counted(off):
    bus, at = off(restart_ms=0)
    before = bus["a"].unsent
    bus.offer("a", 1, 2, 3, at=at)
    bus.bus.advance(at + SECOND)
    assert bus["a"].unsent == before + 3
    [row] = [row for row in bus.bus.report() if row.name == "a"]
    assert (row.sent, row.unsent) == (0, 4)


def test_a_node_that_is_bus_off_hears_nothing(off):
    bus, at = off(restart_ms=0)
    bus.got("a")
    bus.bus.join(Node("other"), at)
    bus.offer("b", 0x123, at=at)
    bus.bus.advance(at + SECOND)
    assert bus["b"].sent == 1
    assert bus.got("a") == []


# --- faults on the line -----------------------------------------------------------------------


def test_on_a_shorted_line_nothing_gets_through_and_all_senders_go_bus_off(fleet):
    bus = fleet("a", "b", "listener", restart_ms=0)
    bus.bus.line.short(True, START)
    bus.offer("a", 0x100)
    bus.offer("b", 0x200)
    bus.bus.advance(START + SECOND)
    assert [bus[name].state for name in ("a", "b")] == [ErrorState.BUS_OFF] * 2
    assert [bus[name].tx_errors for name in ("a", "b")] == [32, 32]
    assert bus["listener"].state is ErrorState.ACTIVE
    assert bus.got("listener") == []


def test_after_a_short_the_nodes_recover_and_send_again(fleet):
    bus = fleet("a", "b", restart_ms=10)
    bus.bus.line.short(True, START)
    bus.offer("a", 0x100)
    bus.bus.advance(START + 5 * MS)
    bus.bus.line.short(False, START + 5 * MS)
    bus.bus.advance(START + 100 * MS)
    bus.offer("a", 0x101, at=START + 100 * MS)
    bus.bus.advance(START + 200 * MS)
    assert bus.ids("b") == [0x101]


def test_a_node_that_is_held_bus_off_recovers_once_the_fault_ends(fleet):
    bus = fleet("a", "b")
    bus.bus.line.force(bus["a"], ErrorState.BUS_OFF, START)
    bus.bus.advance(START + 10 * SECOND)
    assert bus["a"].state is ErrorState.BUS_OFF
    bus.bus.line.force(bus["a"], None, START + 10 * SECOND)
    bus.bus.advance(START + 10 * SECOND + 128 * 11 * BIT)
    assert bus["a"].state is ErrorState.ACTIVE
    assert [what for what, _ in bus.errors("a")] == [wire.ERR_BUS_OFF, wire.ERR_RESTARTED]


def test_a_node_that_is_held_passive_stays_so_however_much_it_sends(fleet):
    bus = fleet("a", "b")
    bus.bus.line.force(bus["a"], ErrorState.PASSIVE, START)
    bus.offer("a", *range(50))
    bus.bus.advance(START + SECOND)
    assert bus["a"].state is ErrorState.PASSIVE
    bus.bus.line.force(bus["a"], None, START + SECOND)
    assert bus["a"].state is ErrorState.ACTIVE
    assert [data[1] for _, data in bus.errors("a")] == [wire.ERR_TX_PASSIVE, wire.ERR_ACTIVE]


def test_a_reset_breaks_off_the_frame_on_the_wire_and_discards_the_rest(fleet):
    bus = fleet("a", "b")
    bus.offer("a", 0x555, 0x556)
    bus.bus.line.reset(bus["a"], START + 20 * BIT)
    bus.bus.advance(START + SECOND)
    assert bus["a"].unsent == 2
    assert bus["b"].rec == 1
    assert [can_id & wire.ERROR for can_id in bus.ids("b")] == [wire.ERROR]


# --- coming, going, waiting -------------------------------------------------------------------


def test_what_a_node_offered_before_it_left_is_still_carried(fleet):
    bus = fleet("leaver", "a", "b")
    bus.offer("leaver", 1, 2, 3)
    bus.bus.leave(bus["leaver"], START + 10 * BIT)
    bus.bus.advance(START + SECOND)
    assert bus.ids("b") == [1, 2, 3]


def test_what_a_node_leaves_behind_with_nobody_there_to_hear_it_is_counted(fleet):
    bus = fleet("leaver")
    bus.offer("leaver", 1, 2, 3)
    bus.bus.leave(bus["leaver"], START)
    bus.bus.advance(START + SECOND)
    [row] = bus.bus.report()
    assert (row.sent, row.unsent) == (0, 3)
    assert bus.bus.advance(START + 2 * SECOND) is None


def test_a_node_has_to_wait_when_its_mailbox_is_full_and_others_have_not(fleet):
    bus = fleet("a", "b")
    bus.offer("a", *[0x100] * MAILBOX_FRAMES)
    assert bus.bus.holds(bus["a"])
    assert not bus.bus.holds(bus["b"])
    bus.bus.advance(bus.bus.advance(START))
    assert not bus.bus.holds(bus["a"])


def test_a_full_queue_stops_the_bus_and_it_goes_on_with_the_right_stamps(fleet):
    bus = fleet("a", "slow", queue_frames=2)
    bus.offer("a", 0x555, 0x555, 0x555, 0x555)
    bus.bus.advance(START + SECOND)
    assert bus["a"].sent == 2
    first = bus.got("slow")
    bus.bus.advance(START + SECOND + 1)
    stamps = [stamp for stamp, _ in first + bus.got("slow")]
    assert np.diff(stamps).tolist() == [(length(0x555) + 3) * BIT] * 3


def test_an_error_flag_that_a_node_raises_goes_before_all_frames(fleet):
    bus = fleet("a", "b", "listener")
    bus.offer("a", 0x000)
    bus.offer("b", wire.ERROR | wire.ERR_PROTOCOL)
    bus.bus.advance(START + SECOND)
    assert bus.got("listener") == [
        (START + 20 * BIT, wire.ERROR | wire.ERR_PROTOCOL),
        (START + 23 * BIT + length(0) * BIT, 0),
    ]


def test_a_node_that_only_listens_must_not_send(fleet):
    bus = fleet("a", Node("spy", listen_only=True))
    with pytest.raises(WireError, match="only listens"):
        bus.offer("spy", 1)


def test_load_is_the_share_of_the_last_second_that_the_bus_was_busy(fleet):
    bus = fleet("a", "b", queue_frames=1 << 20)
    frame = length(0x555) + 3
    for n in range(100):
        bus.offer("a", 0x555, at=START + n * 10 * MS)
    bus.bus.advance(START + SECOND)
    assert bus.bus.load == pytest.approx(100 * frame / MBIT)
    for n in range(50):
        bus.offer("a", 0x555, at=START + SECOND + n * 10 * MS)
    bus.bus.advance(START + 2 * SECOND)
    assert bus.bus.load == pytest.approx(50 * frame / MBIT)
    bus.bus.advance(START + 4 * SECOND)
    assert bus.bus.load == 0.0


def test_without_a_bit_rate_there_is_no_line_and_no_load():
    bus = Bus("can0")
    assert bus.line is None
    assert bus.load == 0.0
    with pytest.raises(ValueError, match="expected a bit rate"):
        Bus("can0", acknowledge=True)
