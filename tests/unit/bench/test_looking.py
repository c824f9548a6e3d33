"""What was seen in a stretch of time, also in one that is longer than what is kept of it."""

from types import SimpleNamespace

import numpy as np
import pytest

from gateway.bench.errors import BenchError
from gateway.bench.history import KEPT_NS, History
from gateway.bench.looking import Looker
from gateway.clock import NS_PER_S
from gateway.record import FRAME, SAMPLE

HOUR_NS = 3600 * NS_PER_S


class Car:
    """A rig on which a second passes with each pump, and brings a temperature and a frame."""

    first_frame, last_frame = 0, 1 << 40

    def __init__(self, signals, values):
        self.signals, self.values = signals, values
        bus = SimpleNamespace(
            name="can0", messages=["Engine"], carried=lambda frames, _: frames["len"] == 8
        )
        self.observer = SimpleNamespace(samples=History(), frames=History(), buses=[bus], seen_ns=0)

    def signal(self, name):
        return self.signals.resolve(name)

    def pump(self, _until_ns):
        self.observer.seen_ns += NS_PER_S
        second = self.observer.seen_ns // NS_PER_S
        sample, frame = np.zeros(1, SAMPLE), np.zeros(2, FRAME)
        frame["len"] = 8 if self.first_frame <= second <= self.last_frame else 2, 1
        sample["t_ns"] = frame["t_ns"] = self.observer.seen_ns
        sample["signal"] = self.signal("ENGINE_TEMP").index
        sample["value"] = self.values.get(second, 90.0)
        self.observer.samples.append(sample)
        self.observer.frames.append(frame)


@pytest.fixture
def car(signals):
    return lambda **values: Car(signals, {int(at[1:]): value for at, value in values.items()})


def test_a_signal_that_is_steady_for_an_hour(car):
    found = Looker(car()).steady("ENGINE_TEMP", NS_PER_S, HOUR_NS, 1.0)
    assert found
    assert found.seen == "90 to 90 in 3,601 samples"


def test_one_that_was_off_at_the_beginning_of_the_hour(car):
    found = Looker(car(_7=125.0)).steady("ENGINE_TEMP", NS_PER_S, HOUR_NS, 1.0)
    assert not found
    assert found.after_s == 6.0


def test_the_frames_of_an_hour_are_all_counted(car):
    rate = Looker(car()).rate("Engine", NS_PER_S, HOUR_NS)
    assert (rate, rate.count) == (1.0, 3601)


def test_a_message_that_falls_silent_has_a_lower_rate(car):
    rig = car()
    rig.last_frame = 10
    rate = Looker(rig).rate("Engine", NS_PER_S, 100 * NS_PER_S)
    assert (rate.count, rate.longest_s) == (10, 1.0)
    assert rate == pytest.approx(10 / 100, rel=0.1)


def test_so_has_one_that_begins_late(car):
    rig = car()
    rig.first_frame = 91
    rate = Looker(rig).rate("Engine", NS_PER_S, 100 * NS_PER_S)
    assert rate.count == 11
    assert rate == pytest.approx(11 / 100, rel=0.1)


def test_a_single_frame_is_a_rate_too(car):
    rig = car()
    rig.last_frame = 1
    assert Looker(rig).rate("Engine", NS_PER_S, 10 * NS_PER_S) == 0.1


def test_the_latest_value_is_the_last_one_that_came(car):
    rig = car(_3=125.0)
    looker = Looker(rig)
    looker.wait(2 * NS_PER_S, lambda: False)
    assert looker.latest("ENGINE_TEMP", NS_PER_S, NS_PER_S, rig.observer.seen_ns)[0] == 90.0
    looker.wait(HOUR_NS, lambda: False)
    rig.values[rig.observer.seen_ns // NS_PER_S + 2] = 70.0
    values = [looker.latest("ENGINE_TEMP", NS_PER_S, NS_PER_S, 0)[0] for _ in range(3)]
    assert values == [90.0, 70.0, 90.0]


def test_what_is_forgotten_is_not_judged(car):
    rig = car(_7=125.0)
    looker = Looker(rig)
    looker.wait(HOUR_NS, lambda: False)
    for look in (
        lambda: looker.steady("ENGINE_TEMP", NS_PER_S, HOUR_NS, 1.0),
        lambda: looker.rate("Engine", NS_PER_S, HOUR_NS),
        lambda: looker.expect("ENGINE_TEMP > 100", NS_PER_S, HOUR_NS, "a stimulus"),
        lambda: looker.never("ENGINE_TEMP > 100", NS_PER_S, HOUR_NS),
    ):
        with pytest.raises(BenchError, match="began more than 300 s ago"):
            look()
    assert looker.steady("ENGINE_TEMP", rig.observer.seen_ns - KEPT_NS, KEPT_NS, 1.0)
