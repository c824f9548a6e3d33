"""Faults of a running scenario: what they are put on, how they overlap, what is left of them."""

import selectors
import sys

import msgspec
import pytest

from firmware_sim import wire
from firmware_sim.bus import Bus, ErrorState, Node
from firmware_sim.devices.load import Load
from firmware_sim.devices.wind import Wind
from firmware_sim.faults.faults import Faults
from firmware_sim.faults.kinds import AnyFault
from firmware_sim.links import SlcanLink
from firmware_sim.outlets import BusLine, BusOutlet, NoOutlet
from firmware_sim.ports import PtyPort
from firmware_sim.rig import Member, Rig
from firmware_sim.schedule import Schedule


@pytest.fixture
def rig():
    """A wind instrument, whose sentences go nowhere, and an engine on a bus with a bit rate."""
    made = Rig(Schedule())
    wind = made.schedule.add(Wind("wind"), NoOutlet())
    line = BusLine(Bus("can0", bit_rate=500_000))
    load = Load("engine", rate=1)
    engine = made.schedule.add(load, BusOutlet(line.bus, "engine"), carrier=line)
    made.members["wind"] = Member("wind", "wind", [wind])
    made.members["engine"] = Member("engine", "load", [engine])
    made.lines["can0"] = line
    made.lines["empty"] = BusLine(Bus("empty", bit_rate=500_000))
    return made


@pytest.fixture
def faults(rig):
    return Faults(rig, 1)


@pytest.fixture
def inject(faults):
    """Put a fault on something; return its number."""

    def put(kind, on, **keys):
        return faults.inject(msgspec.convert({"kind": kind, "on": on, **keys}, AnyFault))

    return put


@pytest.fixture
def engine(rig):
    """The engine's node."""
    [node] = rig.lines["can0"].bus.nodes
    return node


def test_a_fault_that_is_cleared_is_no_longer_waited_for(rig, faults, inject):
    [place] = rig.members["wind"].places
    inject("stuck", "wind.depth", when="wind.depth > 0")
    assert len(place.after) == 1
    faults.clear()
    assert not place.after


def test_a_line_is_shorted_for_those_that_join_it_later(rig, faults, inject):
    bus = rig.lines["empty"].bus
    inject("short_line", "empty")
    early, late = Node("early"), Node("late")
    bus.join(early)
    bus.join(late)
    bus.offer(early, wire.pack_frame(0x123), 0)
    bus.advance(1_000_000_000)
    assert not late.queue
    assert faults.clear() == bus.errors > 0


def test_of_two_faults_that_mute_a_node_the_end_of_one_does_not_end_the_other(
    faults, inject, engine
):
    silent, off = inject("no_ack", "can0"), inject("off", "engine")
    faults.clear(off)
    assert engine.muted
    off = inject("off", "engine")
    faults.clear(silent)
    assert engine.muted
    faults.clear(off)
    assert not engine.muted


def test_of_two_shorts_the_end_of_one_does_not_end_the_other(rig, faults, inject):
    first, second = inject("short_line", "can0"), inject("short_line", "can0")
    faults.clear(first)
    assert rig.lines["can0"].bus.line.shorted
    faults.clear(second)
    assert not rig.lines["can0"].bus.line.shorted


def test_a_node_that_two_faults_hold_is_held_by_the_one_that_goes_on(rig, faults, inject, engine):
    passive, bus_off = inject("error_passive", "can0"), inject("bus_off", "engine")
    faults.clear(passive)
    assert engine.state is ErrorState.BUS_OFF
    inject("error_passive", "can0")
    faults.clear(bus_off)
    rig.lines["can0"].bus.advance(1_000_000_000)  # it recovers from bus-off
    assert engine.state is ErrorState.PASSIVE


def test_a_port_that_two_faults_have_pulled_comes_back_with_the_end_of_both(
    rig, faults, inject, tmp_path
):
    with PtyPort(tmp_path / "wind") as port:
        rig.members["wind"].port = port
        first, second = inject("unplug", "wind"), inject("unplug", "wind")
        assert faults.clear(first) == 1
        assert not port.plugged
        faults.clear(second)
        assert port.plugged


def test_an_adapter_that_is_off_acknowledges_nothing(rig, faults, inject, tmp_path):
    line = rig.lines["empty"]
    with (
        selectors.DefaultSelector() as selector,
        PtyPort(tmp_path / "slcan0", flow_control=True) as port,
    ):
        rig.members["adapter"] = Member("adapter", "slcan", port=port, line=line)
        link = SlcanLink("adapter", line.bus, port, selector)
        [node] = line.bus.nodes
        link._adapter.feed(b"O\r")
        link._take_part()
        assert node.acknowledges
        inject("off", "adapter")
        assert not node.acknowledges
        faults.clear()
        assert node.acknowledges


def test_what_a_fault_makes_of_an_input_is_finite(rig, inject):
    rig.set("wind", {"depth": 1e308})
    inject("wrong", "wind.depth", factor=-1e308)
    rig.schedule.run_to(0)
    assert rig.members["wind"].holding("depth").last["depth"] == -sys.float_info.max
