"""python-can programs on a bus with a bit rate that another process runs."""

import os
import selectors
import socket
import time

import can
import numpy as np
import pytest

from firmware_sim import loop, testing, wire
from firmware_sim.bit_timing import frame_bits
from firmware_sim.bus import Bus
from firmware_sim.client import connect
from firmware_sim.server import BusServer

TIMEOUT_S = 30.0
BIT_NS = 2_000
FRAME = wire.pack_frame(0x123, b"12345678")
FRAME_BITS = frame_bits(0x123, 8, 0, b"12345678").total


@pytest.fixture
def channel():
    """The name of a bus of 500 kbit/s."""
    name = testing.unique_name()
    with testing.running("bus", name, "--bit-rate", "500000"):
        yield name


def join(channel, **options):
    return can.Bus(channel, interface="firmware_sim", **options)


def message(can_id, data=b""):
    return can.Message(arbitration_id=can_id, is_extended_id=False, data=data)


def read_records(sock, count):
    """Read *count* records."""
    sock.settimeout(TIMEOUT_S)
    data = b""
    while missing := count * wire.RECORD_SIZE - len(data):
        more = sock.recv(missing)
        assert more, "the bus has ended"
        data += more
    return np.frombuffer(data, wire.RECORD)


def read_until(bus, state):
    """Have *bus* receive until its node is in *state*."""
    until = time.monotonic() + TIMEOUT_S
    while bus.state is not state:
        assert time.monotonic() < until
        bus.recv(0.1)


def test_frames_cross_at_the_bit_rate_to_the_nanosecond(channel):
    sender, _ = connect(channel, wire.Hello("sender"))
    reader, _ = connect(channel, wire.Hello("reader"))
    with sender, reader:
        sender.sendall(FRAME * 100)
        stamps = read_records(reader, 100)["t_ns"]
    assert np.diff(stamps).tolist() == [(FRAME_BITS + 3) * BIT_NS] * 99


def test_a_frame_is_delivered_no_earlier_than_it_has_crossed(channel):
    with join(channel) as a, join(channel) as b:
        before = time.monotonic_ns()
        a.send(message(0x123, b"12345678"))
        assert b.recv(TIMEOUT_S) is not None
        assert time.monotonic_ns() - before >= FRAME_BITS * BIT_NS


def test_nothing_is_lost_of_more_than_the_bus_can_carry_at_once(channel):
    count = 2_000
    with join(channel) as a, join(channel) as b:
        for n in range(count):
            a.send(message(n % 0x800, n.to_bytes(4, "big")), timeout=TIMEOUT_S)
        got = [int.from_bytes(b.recv(TIMEOUT_S).data, "big") for _ in range(count)]
    assert got == list(range(count))


def test_a_program_is_told_the_bit_rate(channel):
    with join(channel) as bus:
        assert bus.channel_info == f"firmware_sim bus {channel!r}, 500000 bit/s"


def test_a_lone_program_goes_passive_and_is_active_again_once_its_frame_is_acknowledged(channel):
    with join(channel) as alone:
        assert alone.state is can.BusState.ACTIVE
        alone.send(message(0x123))
        read_until(alone, can.BusState.PASSIVE)
        with join(channel) as other:
            assert other.recv(TIMEOUT_S).arbitration_id == 0x123
            read_until(alone, can.BusState.ACTIVE)


def test_who_only_listens_sees_the_error_frames_and_acknowledges_nothing(channel):
    with join(channel, listen_only=True) as spy, join(channel) as alone:
        alone.send(message(0x123))
        seen = spy.recv(TIMEOUT_S)
        assert seen.is_error_frame
        assert seen.data[3] == wire.ERR_AT_ACK_DELIMITER
        read_until(alone, can.BusState.PASSIVE)
        assert spy.state is can.BusState.PASSIVE


def test_a_program_that_leaves_with_frames_that_nobody_acknowledged_is_let_go():
    bus = Bus(testing.unique_name(), bit_rate=500_000)
    until_ns = time.monotonic_ns() + round(TIMEOUT_S * 1e9)

    def go_on(until):
        """Run the bus until *until* says so of its only node's row."""
        stop = lambda: any(until(row) for row in bus.report())  # noqa: E731
        loop.run(selector, [server], stop=stop, until_ns=until_ns)

    with selectors.DefaultSelector() as selector, BusServer(bus, selector) as server:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as leaver:
            leaver.connect(wire.address(bus.name))
            leaver.sendall(wire.Hello("leaver").pack() + FRAME * 1000)
            # Until it has been told all that it is told, and its mailbox is full.
            go_on(lambda row: row.tx_errors > 20)
        go_on(lambda row: row.unsent == 1000)
    [row] = bus.report()
    assert (row.name, row.sent, row.unsent) == ("leaver", 0, 1000)
    assert time.monotonic_ns() < until_ns


def test_an_slcan_adapter_acknowledges_while_it_is_open(tmp_path):
    file = tmp_path / "scenario.toml"
    file.write_text(
        "[[bus]]\nname='can0'\nbit_rate=500_000\n"
        "[[device]]\nname='adapter'\ntype='slcan'\nbus='can0'\nport='slcan0'\n"
    )
    namespace = testing.unique_name("slcan")
    arguments = ("run", str(file), "--namespace", namespace, "--ports", str(tmp_path))
    with testing.running(*arguments), join(f"{namespace}.can0") as alone:
        alone.send(message(0x123, b"\x01"))
        read_until(alone, can.BusState.PASSIVE)
        line = os.open(tmp_path / "slcan0", os.O_RDWR | os.O_NOCTTY)
        os.write(line, b"O\r")
        read_until(alone, can.BusState.ACTIVE)
        got = b""
        while b"t1231" not in got:
            got += os.read(line, 100)
        os.write(line, b"C\r")
        while got.count(b"\r") < 3:
            got += os.read(line, 100)
        os.close(line)
        alone.send(message(0x124))
        read_until(alone, can.BusState.PASSIVE)
    assert got == b"\rt123101\r\r"


def test_who_leaves_before_its_welcome_does_not_end_the_bus():
    bus = Bus(testing.unique_name())
    until_ns = time.monotonic_ns() + round(TIMEOUT_S * 1e9)
    with selectors.DefaultSelector() as selector, BusServer(bus, selector) as server:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hasty:
            hasty.connect(wire.address(bus.name))
            hasty.sendall(wire.Hello("hasty").pack() + FRAME)
        loop.run(selector, [server], stop=lambda: bus.frames == 1, until_ns=until_ns)
    assert bus.frames == 1
