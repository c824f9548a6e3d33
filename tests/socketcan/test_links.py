"""Interfaces that fail and come back: each state is said once, and its end once."""

import fcntl
import itertools
import os
import socket
import threading

import numpy as np
import pytest

from gateway.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK
from gateway.config.model import CanConfig
from gateway.counters import Counters
from gateway.errors import LinkError, LinkLostError
from gateway.record import FRAME
from gateway.sources.link import LinkState
from gateway.sources.readers import choose_reader
from gateway.sources.readers.socketcan.bus_watch import QUIET_NS, SETTLED_NS
from gateway.sources.readers.socketcan.reader import TIERS
from gateway.sources.readers.socketcan.rtnetlink import ControllerState, ask_for_link

pytestmark = pytest.mark.socketcan

CYCLES = 200


@pytest.fixture(params=TIERS[:2])  # the third has the same socket as the second
def tier(request):
    return request.param


values = itertools.cycle(range(256))


def is_within_a_second(took_ns):
    """Whether the quickest is: a busy machine, or an emulated one, may hold up the others."""
    return min(took_ns) < NS_PER_S


def data_flows(following, link):
    """Send a value until it arrives; return how long that took."""
    value = next(values)
    begin_ns = SYSTEM_CLOCK.monotonic_ns()
    while following.value(10 * NS_PER_MS) != value:
        link.receive(256, bytes([value]))
        assert SYSTEM_CLOCK.monotonic_ns() - begin_ns < 30 * NS_PER_S
    return SYSTEM_CLOCK.monotonic_ns() - begin_ns


def test_an_interface_that_was_down_is_read_within_a_second(follow, vcan, tier, said):
    took_ns = []
    with follow(vcan.name, tier=tier) as following:
        for _ in range(3):
            data_flows(following, vcan)
            vcan.down()
            following.until("down")
            vcan.up()
            took_ns.append(data_flows(following, vcan))
        assert following.until()["entered"] == {"down": 3}
    assert said() == ["link down", "link restored, no longer down"] * 3
    assert is_within_a_second(took_ns)


def test_an_interface_that_is_made_again_is_read_within_a_second(follow, vcan, tier, said):
    took_ns = []
    with follow(vcan.name, tier=tier) as following:
        for _ in range(3):
            data_flows(following, vcan)
            vcan.delete()
            following.until("unplugged")
            vcan.make()
            took_ns.append(data_flows(following, vcan))
        assert following.until()["entered"] == {"unplugged": 3}
    assert said() == ["link unplugged", "link restored, no longer unplugged"] * 3
    assert is_within_a_second(took_ns)


def test_an_interface_that_was_taken_down_is_left_alone(follow, vcan, said):
    vcan.down()
    with follow(vcan.name) as following:
        following.until("down")
        assert following.value(2 * NS_PER_S) is None  # it looks for it twice a second
        assert not vcan.is_up()
        following.until("down")
    assert said() == ["link down"]


def test_an_interface_that_is_not_there_yet_is_read_when_it_is(follow, vcan, said):
    took_ns = []
    for _ in range(3):
        vcan.delete()
        with follow(vcan.name) as following:
            following.until("absent")
            vcan.make()
            took_ns.append(data_flows(following, vcan))
    assert said() == ["link absent", "link restored, no longer absent"] * 3
    assert is_within_a_second(took_ns)


def test_an_adapter_that_is_plugged_in_again_is_read_within_a_second(follow, adapter, said):
    took_ns = []
    with follow(adapter.name) as following:
        for _ in range(3):
            data_flows(following, adapter)
            adapter.unplug()
            following.until("unplugged")
            adapter.plug_in()
            took_ns.append(data_flows(following, adapter))
    assert said() == ["link unplugged", "link restored, no longer unplugged"] * 3
    assert is_within_a_second(took_ns)


# The kernel's driver for serial adapters keeps a controller's state, and makes error frames.
BEGINS_AND_ENDS = {
    "bus-off": (["sb000255"], ["sa000000"]),
    "error-passive": (["sp000130"], ["sw000120"]),
    "no-acknowledgement": (["e1a", "e1a"], []),
    "error-flood": (["e1s"] * 100, []),
}


@pytest.mark.parametrize("state", BEGINS_AND_ENDS)
def test_the_state_of_a_bus_is_said_once_and_its_end_once(follow, adapter, state, said):
    begins, ends = BEGINS_AND_ENDS[state]
    with follow(adapter.name) as following:
        data_flows(following, adapter)
        adapter.say(*begins)
        following.until(state)
        assert said() == [f"link {state}"]
        adapter.say(*ends)
        adapter.receive(256, b"\x08")
        assert following.until()["entered"] == {state: 1}
        data_flows(following, adapter)
    assert said() == [f"link {state}", f"link no longer {state}"]


@pytest.mark.parametrize("state", ["bus-off", "error-passive"])
def test_a_state_that_began_before_the_link_was_opened_is_said(follow, adapter, state, said):
    begins, ends = BEGINS_AND_ENDS[state]
    adapter.say(*begins)
    while ask_for_link(adapter.name).state < ControllerState.ERROR_PASSIVE:
        os.sched_yield()
    with follow(adapter.name) as following:
        following.until(state)
        adapter.say(*ends)
        following.until()
    assert said() == [f"link {state}", f"link no longer {state}"]


def test_the_kernel_is_asked_for_the_state_of_a_controller(adapter, vcan):
    states = ControllerState
    assert ask_for_link(adapter.name).state == states.ERROR_ACTIVE
    for word, state in [("w", states.ERROR_WARNING), ("p", states.ERROR_PASSIVE)]:
        adapter.say(f"s{word}000100")
        while ask_for_link(adapter.name).state != state:
            os.sched_yield()
    assert ask_for_link(vcan.name).state is None
    assert ask_for_link("gwnowhere").number == 0


class LeapingClock:
    """The system's clock, from which time can be left out."""

    def __init__(self):
        self._left_out_ns = 0

    def leap(self, ns):
        self._left_out_ns += ns

    def monotonic_ns(self):
        return SYSTEM_CLOCK.monotonic_ns() + self._left_out_ns

    def wall_ns(self):
        return SYSTEM_CLOCK.wall_ns()


def held():
    """Descriptors and threads that this process has."""
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def open_reader(name, tier, clock=SYSTEM_CLOCK):
    options = {"tier": tier} if tier else {}
    section = CanConfig(name="car", channel=name, options=options)
    reader = choose_reader(section, clock, Counters())
    reader.open()
    return reader


def read(reader):
    return reader.read_into(np.zeros(200, FRAME), 30 * NS_PER_S)


@pytest.mark.parametrize(
    ("leave", "come_back", "state"),
    [("down", "up", LinkState.DOWN), ("delete", "make", LinkState.UNPLUGGED)],
)
def test_links_that_come_and_go_leave_nothing_behind(vcan, leave, come_back, state):
    readers = [open_reader(vcan.name, tier) for tier in TIERS[:2]]
    before = held()
    for _ in range(CYCLES):
        getattr(vcan, leave)()
        for reader in readers:
            with pytest.raises(LinkLostError) as caught:
                read(reader)
            assert caught.value.state == state
            with pytest.raises(LinkError):
                reader.open()
        getattr(vcan, come_back)()
        for reader in readers:
            reader.open()
        vcan.receive(1)
        assert [read(reader) for reader in readers] == [1, 1]
    assert held() == before
    for reader in readers:
        reader.close()


@pytest.mark.parametrize("state", BEGINS_AND_ENDS)
def test_states_that_come_and_go_leave_nothing_behind(adapter, state):
    clock = LeapingClock()
    reader = open_reader(adapter.name, None, clock)
    begins, ends = BEGINS_AND_ENDS[state]
    before = held()
    for _ in range(CYCLES):
        adapter.say(*begins)
        got = 0
        while got < len(begins):
            got += read(reader)
        assert set(reader.link_states()) == {state}
        adapter.say(*ends)
        adapter.receive(1)
        got = 0
        while got < len(ends) + 1:
            got += read(reader)
        reader.link_states()
        clock.leap(max(SETTLED_NS, QUIET_NS) + NS_PER_S)
        assert not reader.link_states()
    assert held() == before
    reader.close()


def test_an_interface_is_made_again_before_anybody_looked(vcan, tier):
    reader = open_reader(vcan.name, tier)
    vcan.delete()
    vcan.make()
    with pytest.raises(LinkLostError) as caught:
        read(reader)
    assert caught.value.state == LinkState.UNPLUGGED
    reader.open()
    vcan.receive(1)
    assert read(reader) == 1
    reader.close()


def test_an_absent_interface_is_not_asked_for_by_ioctl(monkeypatch):
    # The kernel would start modprobe each time, twice a second.
    monkeypatch.delattr(fcntl, "ioctl")
    monkeypatch.delattr(socket, "if_nametoindex")
    with pytest.raises(LinkError, match="no such interface"):
        open_reader("gwnowhere", None)
