"""A bus with a bit rate: who sends when, what that takes, and who has to wait.

Times are in bits of a 1 Mbit/s bus where it says so: a microsecond each.
"""

import itertools

import numpy as np
import pytest

from firmware_sim import wire
from firmware_sim.bit_timing import frame_bits
from firmware_sim.bus import MAILBOX_FRAMES, Bus, Node
from firmware_sim.errors import WireError

MBIT = 1_000_000
BIT = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
START = 5 * SECOND


# --- when a frame crosses ---------------------------------------------------------------------


def test_a_frame_is_stamped_with_the_end_of_its_last_bit(fleet, length):
    bus = fleet("a", "b")
    bus.offer("a", 0x555, data=b"\x55" * 8)
    assert bus.bus.advance(START + length(0x555, b"\x55" * 8) * BIT - 1) is not None
    assert bus.got("b") == []
    bus.bus.advance(START + length(0x555, b"\x55" * 8) * BIT)
    assert bus.got("b") == [(START + length(0x555, b"\x55" * 8) * BIT, 0x555)]


def test_advance_says_when_the_frame_on_the_wire_ends(fleet, length):
    bus = fleet("a", "b")
    assert bus.bus.advance(START) is None
    bus.offer("a", 0x555)
    assert bus.bus.advance(START) == START + length(0x555) * BIT
    assert bus.bus.advance(START + SECOND) is None


def test_the_wire_is_clear_when_the_frame_on_it_has_ended(fleet, length):
    bus = fleet("a", "b")
    line = bus.bus.line
    assert line.clear_ns(START) == START
    bus.offer("a", 0x100, 0x200)
    bus.bus.advance(START)
    assert line.clear_ns(START - 1) == START - 1
    end = START + length(0x100) * BIT
    assert line.clear_ns(START) == line.clear_ns(START + 10 * BIT) == end
    assert line.clear_ns(START + MS) == START + MS


def test_three_bits_of_intermission_lie_between_two_frames(fleet, length):
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


def test_of_eight_nodes_that_saturate_the_bus_only_the_lowest_ids_get_through(fleet, length):
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
def test_a_saturated_bus_carries_what_the_formula_says(fleet, data, length):
    bus = fleet("a", "listener", queue_frames=1 << 20)
    for _ in range(10_000):
        bus.offer("a", 0x2AA, data=data)
    bus.bus.advance(START + SECOND)
    assert len(bus.got("listener")) == MBIT // (length(0x2AA, data) + 3)


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


def test_a_full_queue_stops_the_bus_and_it_goes_on_with_the_right_stamps(fleet, length):
    bus = fleet("a", "slow", queue_frames=2)
    bus.offer("a", 0x555, 0x555, 0x555, 0x555)
    bus.bus.advance(START + SECOND)
    assert bus["a"].sent == 2
    first = bus.got("slow")
    bus.bus.advance(START + SECOND + 1)
    stamps = [stamp for stamp, _ in first + bus.got("slow")]
    assert np.diff(stamps).tolist() == [(length(0x555) + 3) * BIT] * 3


def test_an_error_flag_that_a_node_raises_goes_before_all_frames(fleet, length):
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


def test_load_is_the_share_of_the_last_second_that_the_bus_was_busy(fleet, length):
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
