"""Sending on an interface of the kernel: handed over, confirmed, refused while there is no room."""

import json
import os
import select
import signal
import struct
import subprocess
import sys

import numpy as np
import pytest

from gateway.config.model import CanConfig
from gateway.errors import LinkError, LinkLostError
from gateway.record import FRAME, CanId, FrameFlag
from gateway.transmit.writers.socketcan import SocketCanWriter

pytestmark = pytest.mark.socketcan

CLASSIC = struct.Struct("=IBB2x8s")

CONFIG = """
[[source]]
name = "can0"
type = "can"
channel = "{channel}"
dbc = ["fan.dbc"]

[[transmit]]
name = "fan"
source = "can0"
message = "Fan"
rate = 100
"""
DBC = """VERSION ""
BU_: Gateway
BO_ 256 Fan: 1 Gateway
 SG_ SPEED : 0|8@1+ (1,0) [0|100] "%" Gateway
"""


def frame(can_id=0x123, data=b"\x01", flags=0):
    frame = np.zeros(1, FRAME)
    frame["can_id"], frame["len"], frame["flags"] = can_id, len(data), flags
    frame["data"][0, : len(data)] = list(data)
    return frame


@pytest.fixture
def writer(vcan):
    config = CanConfig(name="can0", channel=vcan.name, fd=True)
    writer = SocketCanWriter(config, [0x123, 0x1ABCDEF0 | CanId.EXTENDED])
    yield writer
    writer.close()


def wait_for(writer):
    assert select.select([writer.fileno()], [], [], 30)[0]
    return writer.poll()


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        pytest.param(
            frame(0x123, b"12345678"), CLASSIC.pack(0x123, 8, 0, b"12345678"), id="classic"
        ),
        pytest.param(
            frame(0x1ABCDEF0 | CanId.EXTENDED, b""),
            CLASSIC.pack(0x9ABCDEF0, 0, 0, b""),
            id="29-bit id",
        ),
        pytest.param(
            frame(0x123, b"x" * 64, FrameFlag.FD | FrameFlag.BIT_RATE_SWITCH),
            struct.pack("=IBB2x64s", 0x123, 64, 5, b"x" * 64),
            id="CAN FD",
        ),
    ],
)
def test_a_frame_arrives_at_others_and_is_confirmed(writer, node, sent, received):
    writer.open()
    assert writer.write(sent)
    assert node.recv(72) == received
    assert wait_for(writer) == 1


def test_the_same_frame_of_another_node_is_no_confirmation(writer, node):
    writer.open()
    node.send(CLASSIC.pack(0x123, 1, 0, b"\x01"))
    assert wait_for(writer) == 0


def test_what_others_send_does_not_reach_it(writer, node):
    writer.open()
    node.send(CLASSIC.pack(0x124, 1, 0, b"\x01"))
    node.send(CLASSIC.pack(0x123, 1, 0, b"\x01"))
    assert wait_for(writer) == 0
    assert not select.select([writer.fileno()], [], [], 0)[0]


def test_an_interface_that_is_taken_down_is_lost_and_found_again(writer, vcan):
    writer.open()
    vcan.down()
    with pytest.raises(LinkLostError, match="network is down"):
        wait_for(writer)
    with pytest.raises(LinkError, match="network is down"):
        writer.open()
    vcan.up()
    writer.open()
    assert writer.write(frame())
    assert wait_for(writer) == 1


def test_an_interface_that_is_deleted_is_lost(writer, vcan):
    writer.open()
    vcan.delete()
    try:
        with pytest.raises(LinkLostError):
            wait_for(writer)
        with pytest.raises(LinkError, match="no such device"):
            writer.open()
    finally:
        vcan.make()


def test_a_full_queue_of_the_interface_takes_nothing_until_there_is_room(adapter):
    # The adapter takes nothing from its port until the test reads there.
    writer = SocketCanWriter(CanConfig(name="can0", channel=adapter.name), [0x123])
    writer.open()
    try:
        taken = 0
        while writer.write(frame(data=b"12345678")):
            taken += 1
        assert taken > 0
        assert not writer.write(frame()), "nor at the second try"
        while not writer.write(frame(data=b"1234567")):
            assert select.select([adapter.end], [], [], 30)[0]
            os.read(adapter.end, 1 << 16)
    finally:
        writer.close()


def test_the_gateway_sends_what_it_is_asked_for(vcan, node, tmp_path):
    (tmp_path / "car.toml").write_text(CONFIG.format(channel=vcan.name))
    (tmp_path / "fan.dbc").write_text(DBC)
    environment = {**os.environ, "RUNTIME_DIRECTORY": str(tmp_path / "run")}

    def gateway(*words):
        command = [sys.executable, "-m", "gateway", *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "run", "car.toml"], cwd=tmp_path, env=environment
    )
    try:
        while gateway("status", "car.toml").returncode:
            assert process.poll() is None
        sent = gateway("send", "car.toml", "fan", "SPEED=42")
        assert (sent.returncode, sent.stdout) == (0, "fan: sent\n"), sent.stderr
        assert node.recv(72) == CLASSIC.pack(0x100, 1, 0, b"*")
        ledger = json.loads(gateway("status", "car.toml", "--json").stdout)["ledger"]
        [row] = [row for row in ledger if row["stage"] == "can0.tx"]
        assert (row["received"], row["delivered"], row["lost"]) == (1, 1, 0)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
