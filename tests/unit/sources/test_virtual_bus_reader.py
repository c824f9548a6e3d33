"""The simulated bus's wire, spoken by a tiny server of the test's own."""

import socket
import struct
import threading
import uuid

import numpy as np
import pytest

from gateway.clock import FakeClock
from gateway.config.model import CanConfig
from gateway.counters import Counters
from gateway.errors import LinkError, LinkLostError
from gateway.record import FRAME, CanId, FrameFlag, Origin
from gateway.signals import SignalTable
from gateway.sources.can_bus import CanSource
from gateway.sources.checks import check_source
from gateway.sources.link import LinkState
from gateway.sources.readers import choose_reader
from gateway.sources.readers.virtual_bus import VirtualBusReader

SECOND = 1_000_000_000


def record(can_id, data=b"", t_ns=5, flags=0):
    """A frame as the documentation of the bus writes it."""
    return struct.pack("=qIBBH64s", t_ns, can_id, len(data), flags, 0, data)


class TinyBus:
    """Welcomes whoever comes; what the test sends goes to the one who came last."""

    def __init__(self, welcome=None):
        self.channel = f"tiny-{uuid.uuid4()}"
        self.welcome = welcome or struct.pack("=8sII48s", b"FWSIMBUS", 1, 500_000, b"tiny")
        self.hellos = []
        self.node = None
        self.joined = threading.Semaphore(0)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"\0firmware-sim/{self.channel}")
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                node, _ = self._listener.accept()
            except OSError:
                return
            self.hang_up()
            self.node = node
            self.hellos.append(node.recv(64, socket.MSG_WAITALL))
            node.sendall(self.welcome)
            self.joined.release()

    def send(self, data):
        assert self.joined.acquire(timeout=30)
        self.node.sendall(data)
        self.joined.release()

    def hang_up(self):
        if self.node:
            self.node.close()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.hang_up()


@pytest.fixture
def tiny():
    bus = TinyBus()
    yield bus
    bus.close()


@pytest.fixture
def open_reader():
    """An open reader of this bus, with its counters; closed at the end."""
    readers = []

    def open_reader(bus, **options):
        counters = Counters()
        section = CanConfig(
            name="gateway", interface="firmware_sim", channel=bus.channel, options=options
        )
        reader = choose_reader(section, FakeClock(), counters)
        readers.append(reader)
        reader.open()
        return reader, counters

    yield open_reader
    for reader in readers:
        reader.close()


def read(reader, room=100, timeout_ns=30 * SECOND):
    frames = np.full(room, 0xFF, np.uint8).repeat(FRAME.itemsize).view(FRAME)
    return frames[: reader.read_into(frames, timeout_ns)]


def test_it_is_chosen_for_its_interface():
    section = CanConfig(name="a", interface="firmware_sim", channel="x")
    assert type(choose_reader(section, FakeClock(), Counters())) is VirtualBusReader


@pytest.mark.parametrize(("options", "flags"), [({}, 0), ({"listen_only": True}, 2)])
def test_it_says_hello_as_a_node_that_acknowledges_but_gets_no_echo(
    tiny, open_reader, options, flags
):
    open_reader(tiny, **options)
    assert tiny.joined.acquire(timeout=30)
    tiny.joined.release()
    assert tiny.hellos == [struct.pack("=8sII48s", b"FWSIMBUS", 1, flags, b"gateway")]


def test_frames_come_as_they_were_on_the_bus(tiny, open_reader):
    reader, _ = open_reader(tiny)
    tiny.send(record(0x123, b"12", t_ns=7) + record(0x1ABCDEF0 | CanId.EXTENDED, b"x" * 64, 8, 5))
    first, second = read(reader)
    assert (first["t_ns"], first["can_id"], first["len"]) == (7, 0x123, 2)
    assert first["data"].tobytes() == b"12".ljust(64, b"\0")
    assert (second["can_id"], second["len"]) == (0x1ABCDEF0 | CanId.EXTENDED, 64)
    assert second["flags"] == FrameFlag.FD | FrameFlag.BIT_RATE_SWITCH
    assert (first["channel"], first["origin"]) == (0, Origin.KERNEL)


@pytest.mark.parametrize("size", [1, 79, 80, 81, 133])
def test_frames_that_come_in_pieces_are_put_together(tiny, open_reader, size):
    reader, _ = open_reader(tiny)
    sent = b"".join(record(n, n.to_bytes(2, "big")) for n in range(8))
    ids = []
    for begin in range(0, len(sent), size):
        tiny.send(sent[begin : begin + size])
        ids += read(reader)["can_id"].tolist()
    assert ids == list(range(8))


def test_what_finds_no_room_comes_next_time(tiny, open_reader):
    reader, _ = open_reader(tiny)
    tiny.send(b"".join(record(n) for n in range(250)))
    ids = []
    while len(ids) < 250:
        ids += read(reader, room=7)["can_id"].tolist()
    assert ids == list(range(250))


def test_a_silent_bus_has_nothing(tiny, open_reader):
    reader, _ = open_reader(tiny)
    assert len(read(reader, timeout_ns=0)) == 0
    assert len(read(reader, timeout_ns=1)) == 0


def test_no_bus_is_a_link_error(open_reader):
    class Nowhere:
        channel = "nowhere"

    with pytest.raises(LinkError, match="no simulated bus 'nowhere' is running"):
        open_reader(Nowhere)


@pytest.mark.parametrize(
    "welcome",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request".ljust(64), id="something else"),
        pytest.param(struct.pack("=8sII48s", b"FWSIMBUS", 2, 0, b""), id="another version"),
    ],
)
def test_a_bus_that_speaks_otherwise_is_a_link_error(open_reader, welcome):
    bus = TinyBus(welcome)
    try:
        with pytest.raises(LinkError, match=f"'{bus.channel}': got .*, expected version 1"):
            open_reader(bus)
    finally:
        bus.close()


def test_the_end_of_the_bus_is_a_lost_link_and_half_a_frame_is_counted(tiny, open_reader):
    reader, counters = open_reader(tiny)
    tiny.send(record(1) + record(2)[:30])
    assert read(reader)["can_id"].tolist() == [1]
    tiny.hang_up()
    with pytest.raises(LinkLostError, match=f"'{tiny.channel}' is gone"):
        read(reader)
    reader.close()
    assert counters == Counters(received=1, lost={"incomplete": 1})


def test_frames_that_the_bus_kept_from_a_reader_that_slept_are_counted_as_lost(tiny, open_reader):
    reader, counters = open_reader(tiny)
    overflow = record(0x20000004, bytes([0, 0x01, 0, 0, 0, 0x39, 0x30, 0]))
    tiny.send(record(1) + overflow + record(2))
    assert read(reader)["can_id"].tolist() == [1, 0x20000004, 2]
    assert counters == Counters(received=12345, lost={"overrun": 12345})


@pytest.mark.parametrize(
    ("can_id", "data", "state"),
    [
        pytest.param(0x040, bytes(8), LinkState.BUS_OFF, id="bus-off"),
        pytest.param(0x004, b"\0\x20" + bytes(6), LinkState.ERROR_PASSIVE, id="error-passive"),
    ],
)
def test_error_frames_tell_what_is_the_matter_until_they_tell_that_it_is_over(
    tiny, open_reader, can_id, data, state
):
    reader, _ = open_reader(tiny)
    assert reader.link_states() == {}
    tiny.send(record(CanId.ERROR | can_id, data))
    assert len(read(reader)) == 1
    assert set(reader.link_states()) == {state}
    restarted = record(CanId.ERROR | 0x104, b"\0\x40" + bytes(6), t_ns=-60 * SECOND)
    tiny.send(restarted)
    assert len(read(reader)) == 1
    assert reader.link_states() == {}


def test_what_is_no_frame_is_a_lost_link(tiny, open_reader):
    reader, _ = open_reader(tiny)
    tiny.send(b"\xff" * 80)
    with pytest.raises(LinkLostError, match="sent what is no frame"):
        read(reader)


def test_a_source_on_it_keeps_the_contract(tiny, config):
    section = CanConfig(
        name="car", interface="firmware_sim", channel=tiny.channel, dbc=("car.dbc",)
    )

    def send():
        tiny.send(record(0x100, bytes(8)))

    check_source(lambda: CanSource(section, config, SignalTable(), 0), send)
