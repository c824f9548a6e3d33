"""Any python-can interface: here its own in-process bus, and stubs of what others do."""

import os

import can
import numpy as np
import pytest

from gateway.clock import NS_PER_S, FakeClock
from gateway.config.model import CanConfig, FieldError
from gateway.counters import Counters
from gateway.errors import LinkError, LinkLostError
from gateway.record import FRAME, CanId, FrameFlag, Origin
from gateway.signals import SignalTable
from gateway.sources.can_bus import CanSource
from gateway.sources.checks import check_source
from gateway.sources.readers import choose_reader
from gateway.sources.readers.python_can import PythonCanReader

WALL_NS = 1_790_000_000 * NS_PER_S
NOW_NS = 777 * NS_PER_S


class StubBus:
    """A python-can bus on a pipe: readable while there is something in *queue*."""

    def __init__(self, *queue):
        self.queue = list(queue)
        self.timeouts = []
        self._end, other = os.pipe()
        os.write(other, b"x")
        os.close(other)

    def fileno(self):
        return self._end

    def recv(self, timeout):
        self.timeouts.append(timeout)
        if not self.queue:
            return None
        item = self.queue.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def shutdown(self):
        os.close(self._end)
        raise can.CanOperationError("the adapter is gone")


def message(**more):
    return can.Message(
        **{"arbitration_id": 0x123, "is_extended_id": False, "timestamp": 0.0} | more
    )


@pytest.fixture
def read(mocker):
    """Read once what a stub bus of these messages has; return the frames and the counters.

    The bus has been open for a second by then, in which nobody looked.
    """

    def read(*queue, interface="stub", room=100):
        mocker.patch("can.Bus", return_value=StubBus(*queue))
        counters = Counters()
        clock = FakeClock(NOW_NS - NS_PER_S, WALL_NS - NS_PER_S)
        reader = PythonCanReader(
            CanConfig(name="a", interface=interface, channel="x"), clock, counters
        )
        reader.open()
        clock.advance(NS_PER_S)
        try:
            frames = np.zeros(room, FRAME)
            return frames[: reader.read_into(frames, 0)], counters
        finally:
            reader.close()

    return read


@pytest.fixture
def peer():
    """Another node on python-can's in-process bus."""
    with can.Bus(interface="virtual", channel="peer") as bus:
        yield bus


@pytest.fixture
def source(config):
    """Make a source on the peer's bus."""

    def source(**more):
        section = CanConfig(
            **{"name": "car", "interface": "virtual", "channel": "peer", "dbc": ("car.dbc",)} | more
        )
        return CanSource(section, config, SignalTable(), 0)

    return source


def test_the_source_keeps_the_contract(source, peer):
    check_source(source, lambda: peer.send(message(arbitration_id=0x100, data=bytes(8))))


def test_frames_of_the_bus_come_out_as_samples_in_their_order(source, peer):
    with source() as car:
        car.select([signal.index for signal in car.signals])
        for speed in range(300):
            peer.send(message(arbitration_id=0x200, data=speed.to_bytes(2, "little")))
        samples = car.read(0)
    assert samples["value"].tolist() == pytest.approx([n / 100 for n in range(300)])
    assert car.signals[2].full_name == "car.Wheel.SPEED"
    assert car.counters == Counters(received=300, delivered=300)


@pytest.mark.parametrize(
    ("sent", "can_id", "flags", "size"),
    [
        pytest.param(message(data=b"12"), 0x123, 0, 2, id="classic"),
        pytest.param(message(arbitration_id=5, is_extended_id=True), 5 | CanId.EXTENDED, 0, 0,
                     id="extended"),
        pytest.param(message(is_remote_frame=True, dlc=4), 0x123 | CanId.REMOTE, 0, 4, id="remote"),
        pytest.param(message(is_error_frame=True, arbitration_id=4, data=bytes(8)),
                     4 | CanId.ERROR, 0, 8, id="error"),
        pytest.param(message(is_fd=True, bitrate_switch=True, data=bytes(64)),
                     0x123, FrameFlag.FD | FrameFlag.BIT_RATE_SWITCH, 64, id="FD"),
        pytest.param(message(is_fd=True, error_state_indicator=True),
                     0x123, FrameFlag.FD | FrameFlag.ERROR_STATE, 0, id="FD, error passive"),
        pytest.param(message(is_rx=False), 0x123, FrameFlag.TRANSMITTED, 0, id="own echo"),
    ],
)  # fmt: skip
def test_every_kind_of_frame_is_told_from_the_others(read, sent, can_id, flags, size):
    [frame] = read(sent)[0]
    assert (frame["can_id"], frame["flags"], frame["len"]) == (can_id, flags, size)
    assert frame["channel"] == 0


@pytest.mark.parametrize(
    ("interface", "seconds_ago", "t_ns", "origin"),
    [
        pytest.param("socketcan", 0.5, NOW_NS - NS_PER_S // 2, Origin.KERNEL, id="kernel's"),
        pytest.param("pcan", 0.5, NOW_NS - NS_PER_S // 2, Origin.HARDWARE, id="adapter's"),
        pytest.param("slcan", 0.5, NOW_NS - NS_PER_S // 2, Origin.USER, id="python-can's own"),
        pytest.param("pcan", 1.05, NOW_NS - 1_050_000_000, Origin.HARDWARE, id="on its way"),
        pytest.param("socketcan", 1.2, NOW_NS, Origin.USER, id="before the bus was joined"),
        pytest.param("socketcan", -1.0, NOW_NS, Origin.USER, id="of the future"),
        pytest.param("socketcan", -0.0005, NOW_NS, Origin.KERNEL, id="rounded into the future"),
        pytest.param("pcan", 1_790_000_000 - 5.0, NOW_NS, Origin.USER, id="since power-up"),
    ],
)
def test_wall_clock_stamps_are_put_on_the_monotonic_clock(
    read, interface, seconds_ago, t_ns, origin
):
    stamp = WALL_NS / NS_PER_S - seconds_ago
    [frame] = read(message(timestamp=stamp), interface=interface)[0]
    assert abs(int(frame["t_ns"]) - t_ns) < 1000
    assert frame["origin"] == origin


STEPS = [pytest.param(sign * hours * 3600 * NS_PER_S, id=f"{sign * hours:+} h")
         for hours in (1, 24) for sign in (1, -1)]  # fmt: skip


@pytest.fixture
def stepped(mocker):
    """A reader of a stub bus, its clock, and how to have it read messages that came seconds ago.

    *adapter* is a clock of the adapter's own, which nobody sets.
    """
    clock = FakeClock(NOW_NS, WALL_NS)
    bus = StubBus()
    mocker.patch("can.Bus", return_value=bus)
    reader = PythonCanReader(
        CanConfig(name="a", interface="socketcan", channel="x"), clock, Counters()
    )
    reader.open()

    def read(*stamps_ns):
        bus.queue = [message(timestamp=stamp_ns / NS_PER_S) for stamp_ns in stamps_ns]
        frames = np.zeros(100, FRAME)
        return (frames[: reader.read_into(frames, 0)]["t_ns"] - NOW_NS).tolist()

    yield clock, read
    reader.close()


@pytest.mark.parametrize("step_ns", STEPS)
def test_a_clock_that_is_set_moves_no_frame_in_time(stepped, step_ns):
    clock, read = stepped
    clock.advance(NS_PER_S)
    assert read(clock.wall_ns()) == pytest.approx([NS_PER_S], abs=1000)
    clock.advance(NS_PER_S)
    before_ns = clock.wall_ns()
    clock.step_wall(step_ns)
    clock.advance(NS_PER_S // 10)
    after_ns = clock.wall_ns()
    clock.advance(NS_PER_S // 10)
    # One was stamped by the old clock, one by the new: the first came no later than the second.
    assert read(before_ns, after_ns) == pytest.approx([2_100_000_000] * 2, abs=1000)
    clock.advance(NS_PER_S)
    assert read(clock.wall_ns()) == pytest.approx([3_200_000_000], abs=1000)


@pytest.mark.parametrize("step_ns", STEPS)
def test_an_adapter_that_goes_on_by_the_old_clock_is_believed_no_more(stepped, step_ns):
    clock, read = stepped
    clock.step_wall(step_ns)
    for second in (1, 2, 3):
        clock.advance(NS_PER_S)
        assert read(clock.wall_ns() - step_ns) == [second * NS_PER_S]


def test_small_steps_move_a_frame_by_no_more_than_the_way_from_the_adapter(stepped):
    clock, read = stepped
    clock.advance(NS_PER_S)
    read(clock.wall_ns())
    clock.advance(1_000_000)
    stamp_ns = clock.wall_ns()
    clock.step_wall(30 * NS_PER_S)
    assert read(stamp_ns) == [NS_PER_S + 1_000_000]


@pytest.mark.parametrize("step_s", [-3600, -86400])
def test_a_silent_bus_is_waited_for_no_longer_because_the_clock_is_set_back(mocker, step_s):
    times = iter([WALL_NS / NS_PER_S])
    mocker.patch("can.bus.time", side_effect=lambda: next(times, WALL_NS / NS_PER_S + step_s))
    section = CanConfig(name="a", interface="virtual", channel="silent")
    reader = choose_reader(section, FakeClock(), Counters())
    reader.open()
    try:
        assert reader.read_into(np.zeros(1, FRAME), 1_000_000) == 0
    finally:
        reader.close()


def test_a_garbled_line_of_an_adapter_is_counted_and_passed_over(read):
    frames, counters = read(message(), ValueError("invalid literal"), IndexError(), message())
    assert len(frames) == 2
    assert counters == Counters(received=2, lost={"malformed": 2})


def test_an_adapter_that_sends_noise_does_not_hold_up_its_reader(mocker):
    bus = StubBus(ValueError("invalid literal"), ValueError("invalid literal"))
    mocker.patch.object(bus, "fileno", side_effect=NotImplementedError)
    mocker.patch("can.Bus", return_value=bus)
    config = CanConfig(name="a", interface="serial", channel="x")
    reader = PythonCanReader(config, FakeClock(NOW_NS, WALL_NS), Counters())
    reader.open()
    assert reader.read_into(np.zeros(100, FRAME), NS_PER_S) == 0
    assert bus.timeouts == [1.0, 0.0, 0.0]
    reader.close()


def test_frames_before_the_loss_of_an_adapter_are_delivered(read):
    assert len(read(message(), message(), OSError(19, "no such device"))[0]) == 2


@pytest.mark.parametrize(
    "error", [can.CanOperationError("bus-off"), OSError(100, "Network is down")]
)
def test_the_loss_of_an_adapter_is_a_lost_link(read, error):
    with pytest.raises(LinkLostError, match=r"stub x is gone: .*(bus-off|Network is down)"):
        read(error)


def test_what_finds_no_room_comes_next_time(source, peer, monkeypatch):
    monkeypatch.setattr("gateway.sources.can_bus.BATCH", 2)
    with source() as car:
        car.select([signal.index for signal in car.signals])
        for speed in range(5):
            peer.send(message(arbitration_id=0x200, data=bytes([speed, 0])))
        assert [len(car.read(0)) for _ in range(4)] == [2, 2, 1, 0]


def test_an_unknown_interface_is_refused_before_anything_is_opened():
    section = CanConfig(name="a", interface="no_such", channel="/dev/no")
    with pytest.raises(FieldError) as caught:
        choose_reader(section, FakeClock(), Counters())
    assert (caught.value.key, caught.value.got) == ("interface", "'no_such'")
    assert "'slcan', 'socketcan', " in caught.value.expected


def test_an_adapter_that_is_not_there_is_a_link_error():
    section = CanConfig(name="a", interface="slcan", channel="/dev/no")
    reader = choose_reader(section, FakeClock(), Counters())
    with pytest.raises(LinkError, match=r"slcan /dev/no: .*could not open port"):
        reader.open()


@pytest.mark.parametrize(
    "error", [TypeError("no such option"), NameError("PCANBasic"), OSError(16)]
)
def test_whatever_a_backend_raises_is_a_link_error(mocker, error):
    mocker.patch("can.Bus", side_effect=error)
    section = CanConfig(name="a", interface="pcan", channel="x")
    with pytest.raises(LinkError, match=f"pcan x: {error}"):
        choose_reader(section, FakeClock(), Counters()).open()


def test_settings_reach_python_can_and_no_file_of_its_own_does(mocker):
    bus = mocker.patch("can.Bus", return_value=StubBus())
    section = CanConfig(
        name="a", interface="pcan", channel="PCAN_USBBUS1", bitrate=250_000, fd=True,
        options={"auto_reset": True},
    )  # fmt: skip
    reader = choose_reader(section, FakeClock(), Counters())
    reader.open()
    reader.close()
    bus.assert_called_once_with(
        interface="pcan", channel="PCAN_USBBUS1", bitrate=250_000, fd=True, auto_reset=True,
        ignore_config=True,
    )  # fmt: skip


def test_constructing_a_source_touches_no_device(source):
    assert source(interface="slcan", channel="/dev/no").fileno() is None
