"""The bus's order, back-pressure and ledger, without a socket or a clock."""

import numpy as np
import pytest

from firmware_sim import wire
from firmware_sim.bus import Bus, Node
from firmware_sim.errors import WireError

SECOND = 1_000_000_000


def frames(*ids: int) -> bytes:
    return b"".join(wire.pack_frame(can_id) for can_id in ids)


def take(bus: Bus, node: Node, count: int | None = None, now_ns: int = 0) -> list[int]:
    """Let *node* take *count* frames, or all; return their ids."""
    data = b"".join(node.queue)
    if count is not None:
        data = data[: count * wire.RECORD_SIZE]
    bus.took(node, len(data), now_ns)
    return [int(n) for n in np.frombuffer(data, wire.RECORD)["can_id"]] if data else []


def join(bus: Bus, *names: str, **options: object) -> list[Node]:
    nodes = [Node(name, **options) for name in names]
    for node in nodes:
        bus.join(node)
    return nodes


def test_every_node_sees_the_frames_of_all_others_in_one_order():
    bus = Bus("can0")
    a, b, c, watcher = join(bus, "a", "b", "c", "watcher")
    bus.offer(a, frames(1, 2), 10)
    bus.offer(b, frames(3), 20)
    bus.offer(a, frames(4), 30)
    assert take(bus, watcher) == [1, 2, 3, 4]
    assert take(bus, c) == [1, 2, 3, 4]
    assert take(bus, a) == [3]
    assert take(bus, b) == [1, 2, 4]


def test_a_node_that_asked_for_its_own_frames_gets_them_marked_in_their_place():
    bus = Bus("can0")
    [sender] = join(bus, "sender", own_frames=True)
    [other] = join(bus, "other")
    bus.offer(other, frames(1), 1)
    bus.offer(sender, frames(2), 2)
    bus.offer(other, frames(3), 3)
    records = np.frombuffer(b"".join(sender.queue), wire.RECORD)
    assert records["can_id"].tolist() == [1, 2, 3]
    assert (records["flags"] == wire.ECHO).tolist() == [False, True, False]
    assert np.frombuffer(b"".join(other.queue), wire.RECORD)["flags"].tolist() == [0]


def test_a_frame_carries_the_time_at_which_it_was_on_the_bus():
    bus = Bus("can0")
    a, b = join(bus, "a", "b")
    bus.offer(a, frames(1), 123_456_789)
    assert np.frombuffer(b.queue[0], wire.RECORD)["t_ns"].tolist() == [123_456_789]


def test_stamps_do_not_go_back_for_a_frame_that_was_sent_earlier_and_told_later():
    bus = Bus("can0")
    a, b, c = join(bus, "a", "b", "c")
    bus.offer(a, frames(1), 200)
    bus.offer(b, frames(2), 100)
    bus.offer(a, frames(3), 300)
    stamps = np.frombuffer(b"".join(c.queue), wire.RECORD)["t_ns"]
    assert stamps.tolist() == [200, 200, 300]


def test_a_node_that_joins_later_gets_what_is_sent_from_then_on():
    bus = Bus("can0")
    [a] = join(bus, "a")
    bus.offer(a, frames(1), 1)
    [b] = join(bus, "b")
    bus.offer(a, frames(2), 2)
    assert take(bus, b) == [2]


def test_a_listen_only_node_that_sends_is_refused_and_nobody_sees_its_frame():
    bus = Bus("can0")
    [spy] = join(bus, "spy", listen_only=True)
    [b] = join(bus, "b")
    with pytest.raises(WireError, match="only listens"):
        bus.offer(spy, frames(1), 1)
    assert not b.queue
    assert bus.frames == 0


def test_one_impossible_frame_keeps_its_whole_batch_off_the_bus():
    bus = Bus("can0")
    a, b = join(bus, "a", "b")
    with pytest.raises(WireError):
        bus.offer(a, frames(1) + wire.FRAME.pack(0, 1, 200, 0, 0, b""), 1)
    assert not b.queue
    assert a.sent == 0


def test_a_full_queue_blocks_the_bus_until_its_node_takes_something():
    bus = Bus("can0", queue_frames=3)
    a, b = join(bus, "a", "b")
    bus.offer(a, frames(1, 2), 0)
    assert not bus.blocked
    bus.offer(a, frames(3), 0)
    assert bus.blocked
    assert take(bus, b, 1) == [1]
    assert not bus.blocked


def test_a_slow_reader_holds_the_bus_back_and_misses_nothing():
    bus = Bus("can0", queue_frames=2, patience_ns=SECOND)
    a, slow = join(bus, "a", "slow")
    sent, got, now = 0, [], 0
    while sent < 100:
        while not bus.blocked:
            bus.offer(a, frames(sent), now)
            sent += 1
        now += SECOND - 1  # it always takes one just before the bus loses patience
        bus.advance(now)
        got += take(bus, slow, 1, now)
    got += take(bus, slow)
    assert got == list(range(100))
    assert slow.lost == 0


def test_advance_says_when_the_bus_loses_patience_with_a_full_node():
    bus = Bus("can0", queue_frames=1, patience_ns=SECOND)
    a, _ = join(bus, "a", "b")
    assert bus.advance(5) is None
    bus.offer(a, frames(1), 5)
    assert bus.advance(5) == 5 + SECOND
    assert bus.blocked
    assert bus.advance(5 + SECOND) is None
    assert not bus.blocked


def test_a_node_that_takes_nothing_is_overrun_and_told_how_much_it_missed():
    bus = Bus("can0", queue_frames=2, patience_ns=SECOND)
    a, dead, alive = join(bus, "a", "dead", "alive")
    bus.offer(a, frames(1, 2), 0)
    take(bus, alive)
    bus.advance(SECOND)
    for n in range(3, 8):
        bus.offer(a, frames(n), SECOND)
        assert take(bus, alive, None, SECOND) == [n]
    assert dead.overrun
    assert take(bus, dead, None, 2 * SECOND) == [1, 2]
    bus.offer(a, frames(8), 2 * SECOND)
    records = np.frombuffer(b"".join(dead.queue), wire.RECORD)
    assert records["can_id"].tolist() == [wire.ERROR | wire.ERR_CONTROLLER, 8]
    assert bytes(records["data"][0][5:8]) == b"\x05\x00\x00"
    assert (dead.lost, alive.lost) == (5, 0)


def test_a_node_without_patience_is_overrun_at_once_like_a_controllers_fifo():
    bus = Bus("can0", queue_frames=2)
    [a] = join(bus, "a")
    [fifo] = join(bus, "fifo", patience_ns=0)
    bus.offer(a, frames(1, 2), 0)
    bus.advance(0)
    assert not bus.blocked
    bus.offer(a, frames(3), 0)
    assert fifo.lost == 1


def test_the_ledger_adds_up_for_nodes_that_stayed_and_that_left():
    bus = Bus("can0", queue_frames=4, patience_ns=SECOND)
    a, stayed, left = join(bus, "a", "stayed", "left")
    bus.offer(a, frames(1, 2, 3), 0)
    take(bus, left, 1)
    bus.leave(left)
    take(bus, stayed, 2)
    bus.offer(a, frames(4, 5, 6), 0)
    bus.advance(2 * SECOND)
    bus.offer(a, frames(7, 8), 2 * SECOND)
    take(bus, stayed, 3, 2 * SECOND)
    ledger = {report.name: report for report in bus.report()}
    assert bus.frames == ledger["a"].sent == 8
    assert (ledger["left"].delivered, ledger["left"].unread) == (1, 2)
    one = ledger["stayed"]
    assert one.lost == 2
    assert one.notices == 1
    assert one.delivered + one.lost + one.unread == 8 + one.notices


def test_leaving_while_full_lets_the_others_go_on():
    bus = Bus("can0", queue_frames=1)
    a, b = join(bus, "a", "b")
    bus.offer(a, frames(1), 0)
    assert bus.blocked
    bus.leave(b)
    assert not bus.blocked


def test_a_frame_that_was_taken_in_part_is_whole_once_the_rest_is_taken():
    bus = Bus("can0")
    a, b = join(bus, "a", "b")
    bus.offer(a, frames(1), 0)
    bus.offer(a, frames(2), 0)
    whole = b"".join(b.queue)
    bus.took(b, 100, 0)
    assert b"".join(b.queue) == whole[100:]
    assert bus.report()[1].unread == 1
    bus.took(b, 60, 0)
    assert bus.report()[1].delivered == 2


def test_a_node_with_an_acceptance_filter_gets_only_its_ids():
    bus = Bus("b")
    sender, picky = Node("sender"), Node("picky", accepts=frozenset((0x200,)))
    bus.join(sender)
    bus.join(picky)
    for can_id in (0x100, 0x200, 0x300):
        bus.offer(sender, wire.pack_frame(can_id), 0)
    bus.offer(sender, wire.pack_frame(0x200) + wire.pack_frame(0x100), 0)
    taken = np.frombuffer(b"".join(picky.queue), wire.RECORD)
    assert taken["can_id"].tolist() == [0x200, 0x200]
    assert picky.queued == 2 * wire.RECORD_SIZE
