"""Ways to send where no bus is needed to see what they do."""

import errno
import os

import can
import numpy as np
import pytest

from gateway.config.model import CanConfig
from gateway.errors import LinkError, LinkLostError
from gateway.record import FRAME, CanId, FrameFlag
from gateway.transmit.writers import choose_writer, python_can, socketcan


def frame(can_id=0x123, data=b"\x01\x02", flags=0):
    frame = np.zeros(1, FRAME)
    frame["can_id"], frame["len"], frame["flags"] = can_id, len(data), flags
    frame["data"][0, : len(data)] = list(data)
    return frame


def writer(interface, can_ids=(0x123,), **more):
    return choose_writer(
        CanConfig(name="car", interface=interface, channel="can7", **more), can_ids
    )


class KernelSocket:
    """A CAN_RAW socket of a kernel that says what the test has it say."""

    def __init__(self):
        self.options, self.sent, self.to_receive = {}, [], []
        self.error = self.refusal = 0
        self.closed = False

    def setsockopt(self, level, option, value):
        assert level == 101
        self.options[option] = value

    def getsockopt(self, *_):
        return self.error

    def bind(self, address):
        self.address = address

    def close(self):
        self.closed = True

    def send(self, data):
        if self.refusal:
            raise OSError(self.refusal, os.strerror(self.refusal))
        self.sent.append(bytes(data))

    def recvmsg(self, _size):
        if not self.to_receive:
            raise BlockingIOError
        data, flags = self.to_receive.pop(0)
        return data, [], flags, ("can7",)


@pytest.fixture
def kernel(monkeypatch):
    kernel = KernelSocket()
    monkeypatch.setattr(socketcan.socket, "AF_CAN", 29, raising=False)
    monkeypatch.setattr(socketcan.socket, "socket", lambda *_: kernel)
    return kernel


def test_a_classic_frame_goes_to_the_kernel_as_a_struct_can_frame(kernel):
    bus = writer("socketcan")
    bus.open()
    assert kernel.address == ("can7",)
    assert bus.write(frame(0x123, b"\x01\x02"))
    assert kernel.sent == [bytes.fromhex("23010000 02000000 0102000000000000")]


def test_a_can_fd_frame_goes_to_the_kernel_as_a_struct_canfd_frame(kernel):
    bus = writer("socketcan", fd=True)
    bus.open()
    bus.write(frame(0x1FFFFFFF | CanId.EXTENDED, bytes(range(12)), FrameFlag.FD | 1))
    [sent] = kernel.sent
    assert len(sent) == 72
    assert sent[:20] == bytes.fromhex("ffffff9f 0c050000 000102030405060708090a0b")


@pytest.mark.parametrize("full", [errno.ENOBUFS, errno.EAGAIN])
def test_a_full_queue_of_the_interface_is_no_loss_but_a_reason_to_try_again(kernel, full):
    bus = writer("socketcan")
    bus.open()
    kernel.refusal = full
    assert bus.write(frame()) is False
    kernel.refusal = 0
    assert bus.write(frame()) is True


def test_an_interface_that_goes_down_is_a_lost_link(kernel):
    bus = writer("socketcan")
    bus.open()
    kernel.refusal = errno.ENETDOWN
    with pytest.raises(LinkLostError, match="socketcan can7: network is down"):
        bus.write(frame())


def test_an_interface_that_is_down_cannot_be_opened(kernel):
    kernel.error = errno.ENETDOWN
    with pytest.raises(LinkError, match="socketcan can7: network is down"):
        writer("socketcan").open()
    assert kernel.closed


def test_only_own_frames_are_confirmations(kernel):
    bus = writer("socketcan")
    bus.open()
    seen = bytes.fromhex("23010000 02000000 0102000000000000")
    kernel.to_receive = [(seen, 0), (seen, 0x800)]
    assert bus.poll() == 1
    assert bus.poll() == 0


@pytest.mark.parametrize(
    ("class_bit", "what"), [(0x40, "is off the bus"), (0x100, "was restarted")]
)
def test_a_controller_that_left_the_bus_has_thrown_away_what_it_had(kernel, class_bit, what):
    bus = writer("socketcan")
    bus.open()
    error = (0x20000000 | class_bit).to_bytes(4, "little") + bytes(12)
    kernel.to_receive = [(error, 0)]
    with pytest.raises(LinkLostError, match=what):
        bus.poll()


def test_the_kernel_is_asked_for_nothing_but_the_ids_that_are_sent(kernel):
    writer("socketcan", can_ids=[0x123, 0x45 | CanId.EXTENDED, 0x123]).open()
    assert kernel.options[1] == bytes.fromhex("23010000 ff0700c0 45000080 ffffffdf")


def test_a_kernel_without_can_says_so(monkeypatch):
    def refuse(*_):
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    monkeypatch.setattr(socketcan.socket, "AF_CAN", 29, raising=False)
    monkeypatch.setattr(socketcan.socket, "socket", refuse)
    with pytest.raises(LinkError, match="this kernel has no CAN"):
        writer("socketcan").open()


# Through python-can.


class Adapter(can.BusABC):
    """An adapter that takes what it is sent, or raises what the test has it raise."""

    refusal = None

    def __init__(self):
        super().__init__("can7")
        self.sent = []

    def send(self, msg, timeout=None):
        assert timeout == 0, "it must not wait"
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(msg)


@pytest.fixture
def adapter(monkeypatch):
    adapter = Adapter()
    monkeypatch.setattr(python_can, "open_bus", lambda _config: adapter)
    yield adapter
    adapter.shutdown()


def test_an_adapter_gets_the_message(adapter):
    bus = writer("kvaser")
    bus.open()
    assert bus.write(frame(0x45 | CanId.EXTENDED, bytes(12), FrameFlag.FD | 1))
    [sent] = adapter.sent
    expected = can.Message(
        arbitration_id=0x45, is_extended_id=True, is_fd=True, bitrate_switch=True, data=bytes(12)
    )
    assert sent.equals(expected, timestamp_delta=None, check_direction=False)
    bus.close()


@pytest.mark.parametrize(
    ("interface", "error"),
    [
        ("udp_multicast", can.CanOperationError("no room", errno.ENOBUFS)),
        ("udp_multicast", BlockingIOError(errno.EAGAIN, "no room")),
        ("kvaser", can.CanTimeoutError("no room")),
        ("kvaser", can.CanOperationError("canERR_TXBUFOFL", -13)),
        ("pcan", can.CanOperationError("QXMTFULL", 0x80)),
    ],
)
def test_an_adapter_that_is_full_is_tried_again(adapter, interface, error):
    bus = writer(interface)
    bus.open()
    adapter.refusal = error
    assert bus.write(frame()) is False
    bus.close()


@pytest.mark.parametrize("error", [can.CanOperationError("unplugged"), OSError(5, "I/O error")])
def test_an_adapter_that_fails_is_a_lost_link(adapter, error):
    bus = writer("kvaser")
    bus.open()
    adapter.refusal = error
    with pytest.raises(LinkLostError, match=r"kvaser can7: .*(unplugged|I/O error)"):
        bus.write(frame())
    bus.close()


def test_the_simulated_bus_that_does_not_run_cannot_be_opened():
    with pytest.raises(LinkError, match="no simulated bus 'can7' is running"):
        writer("firmware_sim").open()


def test_whoever_is_not_open_has_lost_its_link():
    for interface in ("socketcan", "firmware_sim", "kvaser"):
        bus = writer(interface)
        with pytest.raises(LinkLostError, match="is not open"):
            bus.write(frame())
        assert bus.fileno() is None
