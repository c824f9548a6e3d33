"""The reader of the kernel's CAN interfaces, each of its three ways."""

import logging
import os
import select
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from gateway.clock import NS_PER_S, SYSTEM_CLOCK
from gateway.config.model import CanConfig, Config
from gateway.counters import Counters
from gateway.errors import LinkError, LinkLostError
from gateway.record import FRAME, CanId, FrameFlag, Origin
from gateway.signals import SignalTable
from gateway.sources.can_bus import CanSource
from gateway.sources.checks import check_source
from gateway.sources.link import LinkState
from gateway.sources.readers import choose_reader
from gateway.sources.readers.socketcan import SocketCanReader, packets, raw_socket
from gateway.sources.readers.socketcan.reader import TIERS

pytestmark = pytest.mark.socketcan

CLASSIC = struct.Struct("=IBB2x8s")
FD = struct.Struct("=IBB2x64s")
LONG_NS = 30 * NS_PER_S
MAY_BE_INTERRUPTED_NS = 100_000_000
"""Between looking at one clock and at the other, on a busy machine."""


def classic(can_id, data=b""):
    return CLASSIC.pack(can_id, len(data), 0, data)


@pytest.fixture(params=TIERS)
def tier(request):
    return request.param


class Opened:
    """An open reader, and its counters."""

    def __init__(self, section):
        self.counters = Counters()
        self.reader = choose_reader(section, SYSTEM_CLOCK, self.counters)
        self.reader.open()

    def read(self, room=100, timeout_ns=LONG_NS):
        """What one reading returns, into an array that is full of something else."""
        frames = np.full(room, 0xFF, np.uint8).repeat(FRAME.itemsize).view(FRAME)
        return frames[: self.reader.read_into(frames, timeout_ns)]

    def read_all(self, room=1024):
        """All that is there."""
        parts = [self.read(room, 0)]
        while len(parts[-1]):
            parts.append(self.read(room, 0))
        return np.concatenate(parts)

    def read_many(self, many):
        """So many frames, which are on their way."""
        parts = [self.read()]
        while sum(map(len, parts)) < many:
            parts.append(self.read())
            assert len(parts[-1])
        return np.concatenate(parts)


@pytest.fixture
def open_reader(vcan):
    """Open a reader of the test's interface; closed at the end."""
    opened = []

    def open_reader(tier=None, **keys):
        options = {"tier": tier} if tier else {}
        keys = {"name": "car", "channel": vcan.name, "options": options, **keys}
        section = CanConfig(**keys)
        opened.append(Opened(section))
        return opened[-1]

    yield open_reader
    for each in opened:
        each.reader.close()


@pytest.fixture
def opened(open_reader, tier):
    return open_reader(tier)


def test_the_fastest_way_is_taken_and_says_what_it_is(open_reader):
    reader = open_reader().reader
    assert type(reader) is SocketCanReader
    assert reader.tier == TIERS[0]


@pytest.mark.parametrize(
    ("sent", "can_id", "flags", "data"),
    [
        pytest.param(classic(0x123, b"12345678"), 0x123, 0, b"12345678", id="a classic frame"),
        pytest.param(classic(0x7FF), 0x7FF, 0, b"", id="no data"),
        pytest.param(
            classic(0x1ABCDEF0 | CanId.EXTENDED, b"1"),
            0x1ABCDEF0 | CanId.EXTENDED,
            0,
            b"1",
            id="a 29-bit id",
        ),
        pytest.param(
            FD.pack(0x123, 64, 1, bytes(range(64))),
            0x123,
            FrameFlag.FD | FrameFlag.BIT_RATE_SWITCH,
            bytes(range(64)),
            id="an FD frame, full",
        ),
        pytest.param(
            FD.pack(0x123, 12, 2, b"x" * 64),
            0x123,
            FrameFlag.FD | FrameFlag.ERROR_STATE,
            b"x" * 12,
            id="an FD frame with garbage behind its data",
        ),
        pytest.param(
            struct.pack("=IBBBB8s", 0x123, 2, 0xAA, 0xBB, 0xCC, b"x" * 8),
            0x123,
            0,
            b"xx",
            id="a classic frame with garbage in its padding and behind its data",
        ),
    ],
)
def test_frames_come_whole_and_nothing_else_with_them(opened, node, sent, can_id, flags, data):
    node.send(sent)
    (frame,) = opened.read()
    assert frame["can_id"] == can_id
    assert frame["flags"] == flags | FrameFlag.TRANSMITTED  # by a program of this host
    assert frame["len"] == len(data)
    assert frame["data"].tobytes() == data.ljust(64, b"\0")
    assert (frame["channel"], frame["origin"]) == (0, Origin.KERNEL)


def test_a_remote_frame_has_the_length_that_it_asks_for(opened, node):
    node.send(CLASSIC.pack(0x123 | CanId.REMOTE, 5, 0, b""))
    (frame,) = opened.read()
    assert (frame["can_id"], frame["len"]) == (0x123 | CanId.REMOTE, 5)
    assert not frame["data"].any()


def test_classic_and_fd_frames_keep_their_order(opened, node):
    for n in range(300):
        node.send(classic(n, b"c" * (n % 9)) if n % 3 else FD.pack(n, 48, 0, b"f" * 48))
    frames = opened.read_all(room=64)
    assert frames["can_id"].tolist() == list(range(300))
    assert frames["len"].tolist() == [n % 9 if n % 3 else 48 for n in range(300)]
    assert [frame["data"].tobytes().rstrip(b"\0") for frame in frames] == [
        b"c" * (n % 9) if n % 3 else b"f" * 48 for n in range(300)
    ]


def test_what_finds_no_room_comes_next_time(opened, node):
    for n in range(50):
        node.send(classic(n))
    assert [len(opened.read(room=20, timeout_ns=0)) for _ in range(4)] == [20, 20, 10, 0]


def test_a_silent_bus_has_nothing(opened):
    assert len(opened.read(timeout_ns=0)) == 0
    assert len(opened.read(timeout_ns=1)) == 0


def test_the_descriptor_is_readable_when_frames_are_there(opened, node):
    ready = select.poll()
    ready.register(opened.reader.fileno(), select.POLLIN)
    assert not ready.poll(0)
    node.send(classic(1))
    assert ready.poll(30_000)
    opened.read(timeout_ns=0)
    assert not ready.poll(0)


def test_times_are_those_at_which_the_kernel_saw_the_frames(opened, node):
    times = [time.monotonic_ns()]
    for n in range(3):
        node.send(classic(n))
        times.append(time.monotonic_ns())
    error_ns = MAY_BE_INTERRUPTED_NS
    # A frame that is stamped by who reads it is stamped too late.
    select.select([], [], [], 5 * error_ns / NS_PER_S)
    frames = opened.read_all()
    for frame, before, after in zip(frames, times, times[1:], strict=False):
        assert before - error_ns <= frame["t_ns"] <= after + error_ns
    assert len(frames) == 3


@pytest.mark.parametrize("hours", [1, -1, 24, -24])
def test_times_are_right_across_a_step_of_the_wall_clock(opened, node, hours):
    if os.environ.get("CAN_LAB") not in ("uml", "qemu"):
        pytest.skip("sets the clock: only in a guest of `make test-socketcan`")
    times = []
    opened.read(timeout_ns=0)
    for n in range(6):
        times.append(time.monotonic_ns())
        node.send(classic(n))
        if n == 2:
            step_wall_clock(hours)
    try:
        frames = opened.read_all(room=4)
        later = time.monotonic_ns()
    finally:
        step_wall_clock(-hours)
    error_ns = 10 * MAY_BE_INTERRUPTED_NS  # the step is of hours
    for frame, before, after in zip(frames, times, [*times[1:], later], strict=True):
        assert before - error_ns <= frame["t_ns"] <= after + error_ns


def step_wall_clock(hours):
    now_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
    time.clock_settime_ns(time.CLOCK_REALTIME, now_ns + hours * 3600 * NS_PER_S)


def test_frames_of_others_are_told_from_those_of_this_host(open_reader, tier, wire):
    near, node, far_node = wire
    opened = open_reader(tier, channel=near)
    far_node.send(classic(1))
    node.send(classic(2))
    far_node.send(classic(2))
    node.send(classic(3))
    frames = opened.read_many(4)
    assert frames["can_id"].tolist() == [1, 2, 2, 3]
    assert (frames["flags"] & FrameFlag.TRANSMITTED != 0).tolist() == [False, True, False, True]


def test_an_error_frame_is_a_frame_too(opened, node):
    node.send(classic(CanId.ERROR | 0x40, b"\0\0\0\0\0\0\x80\0"))
    (frame,) = opened.read()
    assert (frame["can_id"], frame["len"]) == (CanId.ERROR | 0x40, 8)


@pytest.fixture
def small(monkeypatch):
    """Have the kernel keep one or two thousand frames, so that it need not be flooded with more."""
    monkeypatch.setattr(raw_socket, "WANTED_BUFFER", 1024 * raw_socket.BYTES_A_FRAME // 2)
    monkeypatch.setattr(packets, "SLOTS", 1024)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("many", [500, 3000])
def test_a_flood_on_a_reader_that_is_held_up_adds_up(open_reader, tier, node, many):
    opened = open_reader(tier)
    for n in range(many):
        node.send(classic(n & 0x7FF, struct.pack("=Q", n)))
    frames = opened.read_all()
    lost = opened.counters.lost["kernel"]
    assert len(frames) + lost == many
    assert opened.counters.received == opened.counters.lost.total() == lost
    assert (lost > 0) == (many > 2000)
    # The oldest are kept, in their order: what is lost is lost at the end.
    numbers = frames["data"].view(np.uint64)[:, 0]
    assert numbers.tolist() == list(range(len(frames)))


@pytest.mark.usefixtures("small")
def test_a_loss_is_counted_although_no_frame_comes_after_it(open_reader, tier, node):
    opened = open_reader(tier)
    for _ in range(3000):
        node.send(classic(1))
    opened.read(room=1, timeout_ns=0)
    assert opened.counters.lost["kernel"] > 900


@pytest.mark.usefixtures("small")
def test_what_is_lost_after_the_last_reading_counts_when_it_is_closed(open_reader, tier, node):
    opened = open_reader(tier)
    for _ in range(3000):
        node.send(classic(1))
    opened.reader.close()
    assert opened.counters.lost["kernel"] > 900


def test_a_link_that_goes_down_is_lost_once_everything_before_was_read(opened, vcan, node):
    for n in range(5):
        node.send(classic(n))
    vcan.down()
    assert opened.read(room=3)["can_id"].tolist() == [0, 1, 2]
    assert opened.read(room=3)["can_id"].tolist() == [3, 4]
    with pytest.raises(LinkLostError, match=f"{vcan.name} is down") as caught:
        opened.read()
    assert caught.value.state == LinkState.DOWN


def test_a_link_that_is_down_is_not_opened(opened, vcan, node):
    vcan.down()
    with pytest.raises(LinkError, match=f"{vcan.name} is down; .*ip link set {vcan.name} up"):
        opened.reader.open()
    vcan.up()
    opened.reader.open()
    node.close()
    with vcan.join() as another:
        another.send(classic(1))
    assert len(opened.read()) == 1


def test_an_interface_that_is_deleted_is_a_lost_link_and_may_be_made_again(opened, vcan):
    vcan.delete()
    with pytest.raises(LinkLostError):
        opened.read()
    with pytest.raises(LinkError, match="there is no such interface") as caught:
        opened.reader.open()
    assert caught.value.state == LinkState.ABSENT
    vcan.make()
    opened.reader.open()
    with vcan.join() as node:
        node.send(classic(1))
    assert len(opened.read()) == 1


def test_an_interface_without_fd_is_refused_where_fd_is_asked_for(open_reader, vcan):
    vcan.down()
    vcan.up(mtu=16)
    with pytest.raises(LinkError, match="carries no CAN FD"):
        open_reader(fd=True)
    open_reader()


def test_what_is_no_can_interface_is_refused():
    section = CanConfig(name="car", channel="lo")
    with pytest.raises(LinkError, match="lo is not a CAN interface"):
        choose_reader(section, SYSTEM_CLOCK, Counters()).open()


def test_without_privilege_it_is_read_all_the_same(open_reader, node, caplog):
    os.seteuid(65534)
    try:
        with caplog.at_level(logging.WARNING):
            opened = open_reader()
    finally:
        os.seteuid(0)
    assert opened.reader.tier == "recvmmsg"
    allowed = int(Path("/proc/sys/net/core/rmem_max").read_text())
    room = 2 * min(allowed, raw_socket.WANTED_BUFFER) // raw_socket.BYTES_A_FRAME
    assert f"the kernel keeps {room} frames" in caplog.text
    assert "net.core.rmem_max" in caplog.text
    node.send(classic(5))
    assert opened.read()["can_id"].tolist() == [5]


def test_a_source_on_it_keeps_the_contract(vcan, tier, tmp_path):
    (tmp_path / "car.dbc").write_text(
        'VERSION ""\nBU_: ECU\nBO_ 256 Engine: 8 ECU\n SG_ TEMP : 0|8@1+ (1,-40) [0|0] "" ECU\n'
    )
    section = CanConfig(name="car", channel=vcan.name, dbc=("car.dbc",), options={"tier": tier})
    config = Config(file=tmp_path / "car.toml")

    def send():
        with vcan.join() as node:
            node.send(classic(0x100, bytes(8)))

    check_source(lambda: CanSource(section, config, SignalTable(), 0), send)


def test_cycles_of_opening_and_closing_leave_nothing(opened):
    before = os.listdir("/proc/self/fd")
    for _ in range(200):
        opened.reader.open()
    assert os.listdir("/proc/self/fd") == before
