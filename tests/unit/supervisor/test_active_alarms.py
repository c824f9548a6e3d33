"""Which alarms are on, and at which value they were raised."""

import mmap

import numpy as np
import pytest

from gateway.analysis.resumable import ResumableEngine
from gateway.analysis.rules import Rule
from gateway.config.model import RuleConfig
from gateway.record import ALARM, SAMPLE
from gateway.ring import ReaderSpec, Ring
from gateway.signals import SignalTable
from gateway.supervisor.active_alarms import READER, ActiveAlarms


class Bench:
    """One analyzer with two rules on one signal, above 10 and above 20, and its ring of events."""

    def __init__(self):
        signal = SignalTable().add("oven", "line", "TOP")
        self.rules = [
            Rule.from_config(RuleConfig(name=name, signal="TOP", above=limit), index, signal, 0)
            for index, (name, limit) in enumerate([("warm", 10.0), ("hot", 20.0)])
        ]
        size = ResumableEngine.size(len(self.rules), 1)
        memory = np.frombuffer(mmap.mmap(-1, size), np.uint8)
        self.engine = ResumableEngine(self.rules, 1, memory)
        self.ring = Ring.create(ALARM, 64, 1, [ReaderSpec(name=READER, lossless=False)])
        self.events = self.ring.writer(0)
        self.active = ActiveAlarms(self.rules, [(self.rules, memory)], 1, self.ring)
        self.active.read_events()
        self._fed = 0

    def feed(self, value):
        sample = np.zeros(1, SAMPLE)
        sample["t_ns"], sample["value"] = self._fed, value
        alarms = self.engine.feed(sample, 0, self._fed)
        self.engine.commit()
        self._fed += 1
        return alarms

    def current(self):
        return [(rule.name, value) for rule, value in self.active.current()]


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.active.close()
    bench.events.close()
    bench.active = bench.events = None  # they hold the ring's memory
    bench.ring.close()


def test_an_alarm_is_on_from_its_raising_to_its_clearing(bench):
    bench.events.put(bench.feed(15.0))
    assert bench.active.flags().tolist() == [True, False]
    assert bench.current() == [("warm", 15.0)]
    bench.events.put(bench.feed(25.0))
    assert bench.current() == [("warm", 15.0), ("hot", 25.0)]
    bench.events.put(bench.feed(5.0))
    assert bench.current() == []


def test_the_value_is_that_of_the_last_raising(bench):
    for value in (15.0, 5.0, 12.0):
        bench.events.put(bench.feed(value))
    assert bench.current() == [("warm", 12.0)]


def test_an_alarm_whose_event_was_missed_is_on_without_a_value(bench):
    bench.feed(15.0)  # and its event is overtaken
    assert bench.current() == [("warm", None)]


def test_a_flood_of_events_does_not_hold_whoever_asks(bench):
    reader = bench.active._reader
    get, flood = reader.get, iter(range(1000))

    def get_while_more_come(**limits):
        next(flood)
        bench.events.put(bench.feed(15.0))
        bench.events.put(bench.feed(5.0))
        return get(**limits)

    reader.get = get_while_more_come
    assert bench.current() == []
    assert next(flood) < 10
    del reader.get
