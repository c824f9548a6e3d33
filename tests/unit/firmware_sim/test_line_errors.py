"""A bus with a bit rate: acknowledgement, errors and their counters, bus-off and recovery.

Times are in bits of a 1 Mbit/s bus where it says so: a microsecond each.
"""

import pytest

from firmware_sim import wire
from firmware_sim.bus import ErrorState, Node

BIT = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
START = 5 * SECOND


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


def test_an_unacknowledged_frame_is_tried_again_after_its_error_frame(fleet, length):
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


def test_on_a_busy_bus_each_frames_end_counts_as_eleven_recessive_bits(off, length):
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
