"""What can be said of the reader where the kernel has no CAN, or no such interface."""

import numpy as np
import pytest

from gateway.clock import FakeClock
from gateway.config.model import CanConfig, Config
from gateway.counters import Counters
from gateway.errors import ConfigError, LinkError, LinkLostError
from gateway.record import FRAME, FrameFlag, Origin
from gateway.signals import SignalTable
from gateway.sources.can_bus import CanSource
from gateway.sources.link import LinkState
from gateway.sources.readers import choose_reader
from gateway.sources.readers.socketcan import SocketCanReader
from gateway.sources.readers.socketcan.receiver import CLASSIC_SIZE, FD_SIZE, Rows


def reader(**keys):
    section = CanConfig(name="car", channel="gwnowhere", **keys)
    return choose_reader(section, FakeClock(), Counters())


def test_it_is_chosen_for_its_interface():
    assert type(reader()) is SocketCanReader


def test_an_interface_that_is_not_there_is_a_link_error():
    with pytest.raises(LinkError, match="gwnowhere: ") as caught:
        reader().open()
    assert caught.value.state == LinkState.ABSENT


def test_before_it_is_open_it_has_no_descriptor_and_reads_nothing():
    closed = reader()
    closed.close()
    assert closed.fileno() is None
    with pytest.raises(LinkLostError, match="gwnowhere is not open"):
        closed.read_into(np.zeros(1, FRAME), 0)


@pytest.mark.parametrize(
    ("options", "key", "got"),
    [({"tier": "fast"}, "tier", "'fast'"), ({"loopback": True}, "loopback", "True")],
)
def test_a_wrong_option_is_told_with_its_place_in_the_configuration(tmp_path, options, key, got):
    section = CanConfig(name="car", channel="can0", options=options)
    expected = (
        rf'car.toml: source "car".options.{key}: got {got}, expected nothing there but '
        r"tier = one of 'packet ring', 'recvmmsg', 'recvmsg'"
    )
    with pytest.raises(ConfigError, match=expected):
        CanSource(section, Config(file=tmp_path / "car.toml"), SignalTable(), 0)


def tidied(*written):
    """Frames as the kernel writes them, of (bytes,), into an array full of other things."""
    frames = np.full(len(written), 0xEE, np.uint8).repeat(FRAME.itemsize).view(FRAME)
    raw = frames.view(np.uint8).reshape(len(written), -1)
    for row, data in zip(raw, written, strict=True):
        row[8 : 8 + len(data)] = np.frombuffer(data, np.uint8)
    rows = Rows(frames)
    rows.tidy(len(written), np.array([len(data) for data in written], np.uint32))
    return frames


CLASSIC = b"\x23\x01\0\0\x03\xee\xee\xee" + b"123" + b"\xee" * 5
FD = b"\x24\x01\0\0\x0c\xf9\xee\xee" + b"y" * 12 + b"\xee" * 52


@pytest.mark.parametrize("written", [(CLASSIC,), (FD,), (CLASSIC, FD, CLASSIC)])
def test_nothing_is_left_in_a_frame_that_is_not_of_it(written):
    for frame, raw in zip(tidied(*written), written, strict=True):
        assert len(raw) in (CLASSIC_SIZE, FD_SIZE)
        is_fd = raw is FD
        assert frame["can_id"] == (0x124 if is_fd else 0x123)
        assert frame["len"] == (12 if is_fd else 3)
        assert frame["flags"] == (FrameFlag.FD | FrameFlag.BIT_RATE_SWITCH if is_fd else 0)
        assert (frame["channel"], frame["origin"]) == (0, Origin.KERNEL)
        assert frame["data"].tobytes().rstrip(b"\0") == (b"y" * 12 if is_fd else b"123")


def test_a_length_that_no_frame_has_is_cut():
    long = CLASSIC[:4] + b"\xff" + CLASSIC[5:]
    assert tidied(long)["len"].tolist() == [8]
    assert tidied(long, FD)["len"].tolist() == [8, 12]
