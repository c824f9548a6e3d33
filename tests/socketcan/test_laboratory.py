"""What the tests here stand on: the kernel's own virtual CAN bus."""

import contextlib
import socket
import struct

import pytest

pytestmark = pytest.mark.socketcan

CLASSIC = struct.Struct("=IBB2x8s")
FD = struct.Struct("=IBB2x64s")


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(CLASSIC.pack(0x123, 8, 0, b"12345678"), id="a classic frame"),
        pytest.param(CLASSIC.pack(0x9ABCDEF0, 0, 0, b""), id="a 29-bit id"),
        pytest.param(FD.pack(0x123, 64, 5, b"x" * 64), id="an FD frame"),
    ],
)
def test_a_frame_goes_from_one_program_to_another(vcan, frame):
    with vcan.join() as sender, vcan.join() as receiver:
        sender.send(frame)
        assert receiver.recv(72) == frame


def test_a_link_that_is_taken_down_is_an_error_and_comes_back(vcan):
    with vcan.join() as receiver, vcan.join() as sender:
        vcan.down()
        with pytest.raises(OSError, match="Network is down"):
            receiver.recv(72)
        vcan.up()
        frame = CLASSIC.pack(1, 0, 0, b"")
        with pytest.raises(OSError, match="Network is down"):
            sender.recv(72)
        sender.send(frame)
        assert receiver.recv(72) == frame


def test_a_frame_that_finds_the_buffer_full_is_dropped(vcan, node):
    with vcan.join() as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        receiver.setblocking(False)
        for _ in range(100):
            node.send(CLASSIC.pack(1, 0, 0, b""))
        got = sum(1 for _ in queued(receiver))
        assert 0 < got < 100


def queued(receiver):
    """Yield the frames that are in the receiver's buffer."""
    with contextlib.suppress(BlockingIOError):
        while True:
            yield receiver.recv(72)
