"""Faults on the wire of a bus with a bit rate, and at the controllers of its nodes."""

from firmware_sim import wire
from firmware_sim.bus import ErrorState

BIT = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
START = 5 * SECOND


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
