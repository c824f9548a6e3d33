"""The kernel's and the controller's times on CLOCK_MONOTONIC."""

import numpy as np
import pytest

from gateway.clock import NS_PER_S, FakeClock
from gateway.sources.readers.socketcan.times import HardwareTimes, WallTimes

START_NS = 1_800_000_000 * NS_PER_S
HOUR_NS = 3600 * NS_PER_S


@pytest.fixture
def clock():
    return FakeClock(monotonic_ns=5 * NS_PER_S, wall_ns=START_NS)


class Bus:
    """Frames that the kernel stamps, with the moments at which they really came."""

    def __init__(self, clock):
        self.clock = clock
        self.times = WallTimes(clock)
        self.stamps, self.moments = [], []

    def frame(self, after_ns=1_000_000):
        self.clock.advance(after_ns)
        self.stamps.append(self.clock.wall_ns())
        self.moments.append(self.clock.monotonic_ns())

    def read(self, many=None):
        """How far off the next times are, all of them or so many."""
        self.times.look()
        many = len(self.stamps) if many is None else many
        converted = np.array(self.stamps[:many], np.int64)
        self.times.convert(converted)
        errors = converted - self.moments[:many]
        del self.stamps[:many], self.moments[:many]
        return errors.tolist()


def test_times_are_exact_while_the_clock_only_goes_on(clock):
    bus = Bus(clock)
    for _ in range(3):
        bus.frame()
        bus.frame()
        clock.advance(NS_PER_S)
        assert bus.read() == [0, 0]


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS, 24 * HOUR_NS, -24 * HOUR_NS])
def test_frames_from_before_and_after_a_step_in_one_reading_are_right(clock, step_ns):
    bus = Bus(clock)
    bus.frame()
    assert bus.read() == [0]
    for _ in range(3):
        bus.frame()
    clock.step_wall(step_ns)
    for _ in range(3):
        bus.frame()
    assert bus.read() == [0] * 6
    bus.frame()
    assert bus.read() == [0]


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS])
def test_a_backlog_from_before_a_step_is_right_in_however_many_readings(clock, step_ns):
    bus = Bus(clock)
    for _ in range(5):
        bus.frame()
    clock.step_wall(step_ns)
    bus.frame()
    assert bus.read(2) == [0, 0]
    clock.advance(NS_PER_S)
    assert bus.read(2) == [0, 0]
    assert bus.read() == [0, 0]


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS])
def test_two_steps_with_a_reading_in_between_are_two_steps(clock, step_ns):
    bus = Bus(clock)
    for _ in range(2):
        bus.frame()
        clock.step_wall(step_ns)
        bus.frame()
        assert bus.read() == [0, 0]
        bus.frame()
        assert bus.read() == [0]


@pytest.mark.parametrize("step_ns", [50_000_000, -50_000_000])
def test_a_step_shorter_than_the_time_between_readings_is_off_by_the_step_once(clock, step_ns):
    bus = Bus(clock)
    clock.advance(NS_PER_S)
    bus.frame()
    clock.step_wall(step_ns)
    clock.advance(NS_PER_S)
    bus.frame()
    assert bus.read() == [-step_ns, 0]
    bus.frame()
    assert bus.read() == [0]


def test_a_clock_that_is_slewed_is_followed(clock):
    bus = Bus(clock)
    for _ in range(100):
        clock.step_wall(5_000)
        bus.frame()
        (error_ns,) = bus.read()
        assert abs(error_ns) <= 1


def test_interruptions_between_the_clocks_do_not_put_frames_out_of_order():
    class Interrupted(FakeClock):
        """Somebody else runs for up to 50 us after every look at a clock."""

        pauses = 0

        def monotonic_ns(self):
            now_ns = super().monotonic_ns()
            self.pauses += 1
            self.advance(self.pauses * 7_919 % 50_000)
            return now_ns

    clock = Interrupted(monotonic_ns=5 * NS_PER_S, wall_ns=START_NS)
    times = WallTimes(clock)
    converted = []
    for _ in range(1000):
        stamp = np.array([clock.wall_ns()])
        times.look()
        times.convert(stamp)
        converted += stamp.tolist()
        clock.advance(1)
    assert converted == sorted(converted)


class Controller:
    """A controller whose clock runs *ppm* fast, and a host that stamps with a delay."""

    def __init__(self, ppm=0.0, started_ns=0):
        self.times = HardwareTimes()
        self.rate = 1 + ppm * 1e-6
        self.started_ns = started_ns

    def errors(self, moments_ns, delays_ns):
        moments = np.array(moments_ns, np.int64)
        hardware = ((moments - self.started_ns) * self.rate).astype(np.int64)
        return (self.times.convert(hardware, moments + np.array(delays_ns)) - moments).tolist()


def test_a_controllers_times_are_free_of_the_hosts_delays():
    controller = Controller()
    assert controller.errors([1000, 2000, 3000], [70, 20, 500]) == [20, 20, 20]
    assert controller.errors([4000, 5000], [300, 90]) == [20, 20]


@pytest.mark.parametrize("ppm", [-80, 80])
def test_a_controllers_clock_may_drift(ppm):
    controller = Controller(ppm)
    for second in range(1000):
        (error_ns,) = controller.errors([second * NS_PER_S], [1000])
        assert 0 <= error_ns <= 100_000  # 100 ppm of a second, at most


def test_a_controller_that_is_started_anew_counts_from_zero():
    controller = Controller()
    controller.errors([100 * NS_PER_S], [20])
    controller.started_ns = 200 * NS_PER_S
    assert controller.errors([300 * NS_PER_S], [30]) == [30]
    controller.started_ns = 0
    assert controller.errors([400 * NS_PER_S], [40]) == [40]
