"""A simulated bus and an interface of the kernel, joined by ``firmware-sim bridge``."""

import errno
import json
import signal
import socket
import struct
import subprocess
import sys

import can
import pytest

from firmware_sim import testing

pytestmark = pytest.mark.socketcan

TIMEOUT_S = 30.0
CLASSIC = struct.Struct("=IBB2x8s")
FD = struct.Struct("=IBB2x64s")
EXTENDED, REMOTE, ERROR = 0x80000000, 0x40000000, 0x20000000
BRS, FDF = 1, 4
CAN_RAW_ERR_FILTER = 2  # <linux/can/raw.h>; Python has no name for it

MESSAGES = [
    pytest.param(
        can.Message(arbitration_id=0x7FF, is_extended_id=False, data=b"12345678"),
        CLASSIC.pack(0x7FF, 8, 0, b"12345678"),
        id="standard",
    ),
    pytest.param(
        can.Message(arbitration_id=0x1FFFFFFF, data=b"\0\xff"),
        CLASSIC.pack(0x1FFFFFFF | EXTENDED, 2, 0, b"\0\xff"),
        id="extended",
    ),
    pytest.param(
        can.Message(arbitration_id=0x12, is_extended_id=False, is_remote_frame=True, dlc=5),
        CLASSIC.pack(0x12 | REMOTE, 5, 0, b""),
        id="remote",
    ),
    pytest.param(
        can.Message(
            arbitration_id=0x1, is_extended_id=False, is_fd=True, bitrate_switch=True,
            data=bytes(range(64)),
        ),
        FD.pack(0x1, 64, BRS | FDF, bytes(range(64))),
        id="CAN FD",
    ),
]  # fmt: skip


@pytest.fixture
def channel():
    with testing.running_bus() as name:
        yield name


@pytest.fixture
def member(channel):
    """A python-can program on the bus."""
    with can.Bus(channel, interface="firmware_sim") as bus:
        yield bus


@pytest.fixture
def bridge(channel, vcan):
    """The bridge's process; stopped if the test has not done so."""
    process = testing.start(
        "bridge", channel, vcan.name, "--log-format", "json", stdout=subprocess.PIPE
    )
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def stopped(process):
    """End the bridge; return what it says, by source."""
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def numbered(n):
    return CLASSIC.pack(n % 0x800, 8, 0, n.to_bytes(8, "big"))


@pytest.mark.usefixtures("bridge")
@pytest.mark.parametrize(("message", "frame"), MESSAGES)
def test_a_frame_of_the_bus_comes_out_of_the_interface(member, node, message, frame):
    node.settimeout(TIMEOUT_S)
    member.send(message)
    assert node.recv(72) == frame


@pytest.mark.usefixtures("bridge")
@pytest.mark.parametrize(("message", "frame"), MESSAGES)
def test_a_frame_of_the_interface_comes_out_on_the_bus(member, node, message, frame):
    node.send(frame)
    got = member.recv(TIMEOUT_S)
    assert got is not None
    assert got.equals(message, timestamp_delta=None, check_channel=False, check_direction=False)


def test_nothing_comes_back_to_where_it_came_from(bridge, member, node):
    node.settimeout(TIMEOUT_S)
    for n in range(50):
        member.send(can.Message(arbitration_id=n, is_extended_id=False))
        node.send(CLASSIC.pack(0x400 + n, 0, 0, b""))
    heard = [member.recv(TIMEOUT_S).arbitration_id for _ in range(50)]
    got = [CLASSIC.unpack(node.recv(72))[0] for _ in range(50)]
    assert (heard, got) == ([0x400 + n for n in range(50)], list(range(50)))
    to_interface, to_bus = stopped(bridge)
    assert (to_interface["frames"], to_bus["frames"]) == (50, 50)
    assert member.recv(0) is None
    node.setblocking(False)
    with pytest.raises(BlockingIOError):
        node.recv(72)


def test_error_frames_stay_where_they_arise_and_are_counted(bridge, member, node):
    node.settimeout(TIMEOUT_S)
    node.setsockopt(socket.SOL_CAN_RAW, CAN_RAW_ERR_FILTER, 0x1FFFFFFF)
    member.send(can.Message(is_error_frame=True, is_extended_id=False, data=bytes(8)))
    member.send(can.Message(arbitration_id=1, is_extended_id=False))
    assert CLASSIC.unpack(node.recv(72))[0] == 1
    assert stopped(bridge)[0]["errors"] == 1


def test_an_interface_without_can_fd_refuses_such_frames_and_takes_the_others(bridge, vcan, member):
    vcan.down()
    vcan.up(mtu=CLASSIC.size)
    with vcan.join() as node:
        node.settimeout(TIMEOUT_S)
        member.send(can.Message(arbitration_id=1, is_fd=True, data=bytes(12)))
        member.send(can.Message(arbitration_id=2, is_extended_id=False))
        assert CLASSIC.unpack(node.recv(72))[0] == 2
    to_interface, _ = stopped(bridge)
    assert (to_interface["frames"], to_interface["refused"]) == (1, 1)


def test_every_frame_of_a_burst_arrives_or_is_counted(bridge, member, node):
    count = 5_000
    for n in range(count):
        while True:
            try:
                node.send(numbered(n))
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
    got = []
    while (message := member.recv(2.0)) is not None:
        got.append(int.from_bytes(message.data, "big"))
    _, to_bus = stopped(bridge)
    assert got == sorted(got)
    assert len(got) == to_bus["frames"]
    assert to_bus["frames"] + to_bus["lost"] == count


def test_an_interface_that_goes_away_ends_the_bridge_with_a_reason(channel, vcan):
    process = testing.start("bridge", channel, vcan.name, stdout=subprocess.PIPE)
    vcan.delete()
    out, _ = process.communicate(timeout=TIMEOUT_S)
    vcan.make()  # for the fixture to delete
    assert process.returncode == 3
    assert out.startswith("bridged source=")


def test_no_such_interface_is_one_line(channel):
    done = subprocess.run(
        [sys.executable, "-m", "firmware_sim", "bridge", channel, "nocan0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert done.stderr == "firmware-sim: no CAN interface 'nocan0': No such device\n"
