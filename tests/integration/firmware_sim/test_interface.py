"""python-can programs on a simulated bus that another process runs."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time

import can
import numpy as np
import pytest

from firmware_sim import testing, wire
from firmware_sim.client import connect, running_buses
from firmware_sim.errors import BusNotRunning

TIMEOUT_S = 30.0
FORK = multiprocessing.get_context("fork")

KINDS = [
    pytest.param(
        can.Message(arbitration_id=0x7FF, is_extended_id=False, data=b"12345678"), id="standard"
    ),
    pytest.param(can.Message(arbitration_id=0x1FFFFFFF, data=b"\0\xff"), id="extended"),
    pytest.param(can.Message(arbitration_id=0, is_extended_id=False, data=b""), id="empty"),
    pytest.param(
        can.Message(arbitration_id=0x12, is_extended_id=False, is_remote_frame=True, dlc=5),
        id="remote",
    ),
    pytest.param(can.Message(arbitration_id=0x12345, is_remote_frame=True, dlc=8), id="remote ext"),
    pytest.param(
        can.Message(arbitration_id=0x1, is_fd=True, data=bytes(range(64)), is_extended_id=False),
        id="fd 64",
    ),
    pytest.param(
        can.Message(arbitration_id=0x1ABCDEF0, is_fd=True, bitrate_switch=True, data=bytes(12)),
        id="fd with bit rate switch",
    ),
    pytest.param(
        can.Message(arbitration_id=0x1, is_fd=True, error_state_indicator=True, data=b"x"),
        id="fd from an error-passive node",
    ),
    pytest.param(
        can.Message(
            arbitration_id=0x40, is_error_frame=True, is_extended_id=False, data=bytes(range(8))
        ),
        id="error frame",
    ),
]


def join(channel, **options):
    return can.Bus(channel, interface="firmware_sim", **options)


def numbered(n):
    return can.Message(arbitration_id=n % 0x800, is_extended_id=False, data=n.to_bytes(8, "big"))


def number(message):
    return int.from_bytes(message.data, "big")


@pytest.mark.parametrize("message", KINDS)
def test_every_kind_of_frame_arrives_as_it_was_sent(channel, message):
    with join(channel) as a, join(channel) as b:
        a.send(message)
        got = b.recv(TIMEOUT_S)
        assert got.equals(message, timestamp_delta=None, check_channel=False)
        assert got.channel == channel


def test_a_time_stamp_is_the_wall_clock_when_the_frame_crossed_the_bus(channel):
    with join(channel) as a, join(channel) as b:
        before = time.time_ns() / 1e9
        a.send(numbered(1))
        got = b.recv(TIMEOUT_S)
        assert before - 0.001 <= got.timestamp <= time.time_ns() / 1e9 + 0.001


def test_own_frames_come_back_only_when_asked_for_and_are_not_called_received(channel):
    with join(channel) as deaf, join(channel, receive_own_messages=True) as echo:
        echo.send(numbered(1))
        assert deaf.recv(TIMEOUT_S).is_rx
        assert not echo.recv(TIMEOUT_S).is_rx
        deaf.send(numbered(2))
        assert number(echo.recv(TIMEOUT_S)) == 2
        echo.send(numbered(3))
        assert number(deaf.recv(TIMEOUT_S)) == 3


def test_filters_pass_what_they_name(channel):
    filters = [{"can_id": 0x100, "can_mask": 0x7F0, "extended": False}]
    with join(channel) as a, join(channel, can_filters=filters) as b:
        for can_id in (0x0FF, 0x105, 0x110, 0x10F):
            a.send(can.Message(arbitration_id=can_id, is_extended_id=False))
        assert [b.recv(TIMEOUT_S).arbitration_id for _ in range(2)] == [0x105, 0x10F]


def test_a_notifier_hands_frames_to_its_listeners_in_order(channel):
    with join(channel) as a, join(channel) as b:
        reader = can.BufferedReader()
        notifier = can.Notifier(b, [reader], timeout=0.01)
        for n in range(100):
            a.send(numbered(n))
        assert [number(reader.get_message(TIMEOUT_S)) for _ in range(100)] == list(range(100))
        notifier.stop()


def test_fileno_stays_readable_for_as_long_as_there_is_a_frame(channel):
    with join(channel) as a, join(channel) as b:
        for n in range(3):
            a.send(numbered(n))
        a.send(numbered(3))
        for n in range(4):
            assert select.select([b], [], [], TIMEOUT_S)[0] == [b]
            assert number(b.recv(0)) == n
        assert b.recv(0) is None


def test_waiting_for_a_frame_ends_when_the_timeout_does(channel):
    with join(channel) as bus:
        start = time.monotonic()
        assert bus.recv(0.05) is None
        assert time.monotonic() - start >= 0.05


def test_a_listen_only_node_is_passive_and_does_not_send(channel):
    with join(channel, listen_only=True) as spy, join(channel) as other:
        assert spy.state is can.BusState.PASSIVE
        assert other.state is can.BusState.ACTIVE
        with pytest.raises(can.CanOperationError, match="only listens"):
            spy.send(numbered(1))
        other.send(numbered(2))
        assert number(spy.recv(TIMEOUT_S)) == 2


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (can.Message(arbitration_id=0x800, is_extended_id=False), "got id 0x800"),
        (can.Message(arbitration_id=1, data=bytes(9)), "got 9 bytes, expected 0..8"),
        (can.Message(arbitration_id=1, is_fd=True, is_remote_frame=True), "remote CAN FD"),
    ],
)
def test_a_frame_that_can_does_not_have_is_refused_before_it_is_sent(channel, message, says):
    with join(channel) as bus, pytest.raises(ValueError, match=says):
        bus.send(message)


def test_a_bus_opened_without_fd_refuses_to_send_fd_frames(channel):
    with join(channel, fd=False) as bus, pytest.raises(ValueError, match="fd=False"):
        bus.send(can.Message(arbitration_id=1, is_fd=True))


def test_joining_a_bus_that_does_not_run_says_how_to_start_it():
    with pytest.raises(can.CanInitializationError, match="firmware-sim bus nowhere"):
        join("nowhere")


def test_a_bus_that_ends_is_noticed_by_reader_and_sender():
    with testing.running_bus() as channel:
        bus = join(channel)
    with bus:
        with pytest.raises(can.CanOperationError, match="went away"):
            bus.recv(TIMEOUT_S)
        with pytest.raises(can.CanOperationError, match="went away"):
            bus.send(numbered(1))


def test_using_a_bus_after_shutdown_says_so(channel):
    bus = join(channel)
    bus.shutdown()
    with pytest.raises(can.CanOperationError, match="was shut down"):
        bus.recv(0)
    with pytest.raises(can.CanOperationError, match="was shut down"):
        bus.send(numbered(1))


def test_running_buses_are_found_by_python_can(channel):
    found = can.detect_available_configs("firmware_sim")
    assert {"interface": "firmware_sim", "channel": channel} in found


def test_two_processes_cannot_run_a_bus_of_one_name(channel, capfd):
    with pytest.raises(RuntimeError, match="status 3"):
        testing.start("bus", channel)
    assert capfd.readouterr().err == (
        f"firmware-sim: another process already runs a bus {channel!r}\n"
    )


def test_a_bus_ends_with_the_process_that_started_it():
    script = (
        "import os, signal, sys; from firmware_sim import testing;"
        "name = testing.unique_name(); testing.start('bus', name);"
        "os.write(1, name.encode()); os.kill(os.getpid(), signal.SIGKILL)"
    )
    name = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True).stdout
    deadline = time.monotonic() + TIMEOUT_S
    while name in running_buses() and time.monotonic() < deadline:
        os.sched_yield()
    assert name.startswith("test-")
    assert name not in running_buses()


@pytest.mark.slow
def test_a_reader_that_is_behind_holds_up_the_sender_and_misses_nothing(tmp_path):
    file = tmp_path / "scenario.toml"
    file.write_text("[[bus]]\nname='can0'\nqueue=100\npatience_s=3600")
    namespace = testing.unique_name()
    with (
        testing.running("run", str(file), "--namespace", namespace),
        join(f"{namespace}.can0") as sender,
        join(f"{namespace}.can0") as behind,
    ):
        sent = send_until_held_up(sender)
        assert [number(behind.recv(TIMEOUT_S)) for _ in range(sent)] == list(range(sent))
        assert behind.recv(0) is None
        sender.send(numbered(sent), timeout=TIMEOUT_S)
        assert number(behind.recv(TIMEOUT_S)) == sent


def send_until_held_up(bus):
    """Return how many numbered frames went out before the bus took no more."""
    for n in range(100_000):
        try:
            bus.send(numbered(n), timeout=0.5)
        except can.CanTimeoutError:
            return n
    raise AssertionError("the bus took everything, although nobody read it")


def flood(channel, ready, go, sender, count):
    """Send *count* frames that say who sent them, at the same time as the other senders."""
    with join(channel) as bus:
        ready.release()
        go.wait(TIMEOUT_S)
        for n in range(count):
            bus.send(
                can.Message(arbitration_id=sender, is_extended_id=False, data=n.to_bytes(4, "big"))
            )


@pytest.mark.slow
def test_all_nodes_see_one_order_and_every_senders_own_order(channel):
    senders, readers, each = 4, 3, 3_000
    ready, go = FORK.Semaphore(0), FORK.Event()
    socks = [connect(channel, wire.Hello(f"reader {n}"))[0] for n in range(readers)]
    processes = [
        FORK.Process(target=flood, args=(channel, ready, go, n, each)) for n in range(senders)
    ]
    for process in processes:
        process.start()
    for _ in processes:
        assert ready.acquire(timeout=TIMEOUT_S)
    go.set()
    seen = [read_records(sock, senders * each) for sock in socks]
    for process in processes:
        process.join(TIMEOUT_S)
    for sock in socks:
        sock.close()
    assert all(np.array_equal(records, seen[0]) for records in seen)
    assert (np.diff(seen[0]["t_ns"]) >= 0).all()
    for sender in range(senders):
        mine = seen[0][seen[0]["can_id"] == sender]
        counts = np.ascontiguousarray(mine["data"][:, :4]).view(">u4").ravel()
        assert counts.tolist() == list(range(each))
    # Without overlap the order would be trivial: one sender after another.
    assert np.count_nonzero(np.diff(seen[0]["can_id"].astype(int))) > senders


def read_records(sock, count):
    sock.settimeout(TIMEOUT_S)
    data = b""
    while missing := count * wire.RECORD_SIZE - len(data):
        data += sock.recv(missing)
    return np.frombuffer(data, wire.RECORD)


def test_sixty_four_nodes_hear_each_other(channel):
    nodes = [join(channel) for _ in range(64)]
    try:
        for n, node in enumerate(nodes):
            node.send(numbered(n))
        heard = [[number(node.recv(TIMEOUT_S)) for _ in range(63)] for node in nodes]
        # Nobody hears itself, so the first says where all others stand, the second where it does.
        order = heard[0]
        where = heard[1].index(0)
        place = order.index(heard[1][where - 1]) + 1 if where else 0
        order = [*order[:place], 0, *order[place:]]
        assert sorted(order) == list(range(64))
        for n, frames in enumerate(heard):
            assert frames == [other for other in order if other != n]
    finally:
        for node in nodes:
            node.shutdown()


def test_a_node_that_breaks_the_protocol_is_disconnected_and_the_others_go_on(capfd):
    with testing.running_bus() as channel:
        rogue, _ = connect(channel, wire.Hello("rogue"))
        with rogue, join(channel) as a, join(channel) as b:
            rogue.sendall(b"\xff" * wire.RECORD_SIZE)
            rogue.settimeout(TIMEOUT_S)
            assert rogue.recv(1) == b""
            a.send(numbered(1))
            assert number(b.recv(TIMEOUT_S)) == 1
    assert capfd.readouterr().err == (
        f"firmware-sim: bus {channel}: disconnected rogue: "
        "got a CAN FD remote frame of 255 bytes, which CAN does not have\n"
    )


def test_a_frame_may_come_in_pieces(channel):
    sock, _ = connect(channel, wire.Hello("dribbler"))
    record = wire.pack_frame(0x123, b"whole")
    with sock, join(channel) as bus:
        sock.sendall(record + record[:33])
        assert bus.recv(TIMEOUT_S).data == b"whole"
        assert bus.recv(0) is None
        sock.sendall(record[33:])
        assert bus.recv(TIMEOUT_S).data == b"whole"


@pytest.mark.slow
def test_a_stopped_node_does_not_hold_up_the_others_for_ever_and_learns_what_it_missed(channel):
    stopped, _ = connect(channel, wire.Hello("stopped"))
    sender, _ = connect(channel, wire.Hello("sender"))
    count = 40_000
    sender.setblocking(True)
    sender.sendall(wire.pack_frame(7) * count)  # returns only because the bus gave up waiting
    sender.close()
    stopped.settimeout(TIMEOUT_S)
    delivered = lost = 0
    data = b""
    while delivered + lost < count:
        data += stopped.recv(1 << 16)
        whole = len(data) // wire.RECORD_SIZE
        records = np.frombuffer(data[: whole * wire.RECORD_SIZE], wire.RECORD)
        data = data[whole * wire.RECORD_SIZE :]
        notices = records[records["can_id"] == wire.ERROR | wire.ERR_CONTROLLER]
        lost += sum(int.from_bytes(bytes(n["data"][5:8]), "little") for n in notices)
        delivered += len(records) - len(notices)
    stopped.close()
    assert lost > 0
    assert delivered + lost == count


def test_a_programs_state_follows_the_error_frames_it_receives(channel):
    def told(can_id, controller=0):
        data = bytes([0, controller, 0, 0, 0, 0, 0, 0])
        a.send(can.Message(arbitration_id=can_id, is_error_frame=True, data=data))
        assert b.recv(TIMEOUT_S).is_error_frame
        return b.state

    active, passive, error = can.BusState.ACTIVE, can.BusState.PASSIVE, can.BusState.ERROR
    with join(channel) as a, join(channel) as b:
        assert told(wire.ERR_CONTROLLER, wire.ERR_TX_WARNING) is active
        assert told(wire.ERR_CONTROLLER, wire.ERR_TX_PASSIVE) is passive
        assert told(wire.ERR_PROTOCOL | wire.ERR_BUS_ERROR) is passive
        assert told(wire.ERR_CONTROLLER, wire.ERR_RX_OVERFLOW) is passive
        assert told(wire.ERR_BUS_OFF) is error
        assert told(wire.ERR_RESTARTED) is active


def test_no_such_bus_is_its_own_error():
    with pytest.raises(BusNotRunning):
        connect("nowhere", wire.Hello("x"))


def test_frames_sent_just_before_leaving_arrive_although_the_leaver_read_nothing(channel):
    with join(channel) as a, join(channel) as b:
        for n in range(50):
            leaver = join(channel)
            b.send(numbered(n))  # the leaver closes with this unread: its connection is reset
            leaver.send(numbered(1000 + n))
            leaver.shutdown()
            assert {number(a.recv(TIMEOUT_S)) for _ in range(2)} == {n, 1000 + n}


def test_sigterm_ends_a_bus_with_its_ledger_and_status_zero():
    name = testing.unique_name()
    process = testing.start("bus", name, stdout=subprocess.PIPE)
    with join(name, node_name="one") as a, join(name, node_name="two") as b:
        a.send(numbered(1))
        b.recv(TIMEOUT_S)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert out.splitlines() == [
        f"bus name={name} channel={name} bit_rate=0",
        f"control name={process.pid}",
        "READY",
        f"carried bus={name} frames=1",
        f"node bus={name} name=one sent=1 delivered=0 notices=0 lost=0 unread=0"
        " unsent=0 tx_errors=0 rx_errors=0",
        f"node bus={name} name=two sent=0 delivered=1 notices=0 lost=0 unread=0"
        " unsent=0 tx_errors=0 rx_errors=0",
    ]
