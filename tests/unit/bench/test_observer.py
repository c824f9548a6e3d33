"""Several links seen as one: what has come on any of them, merged by time."""

from pathlib import Path

import numpy as np
import pytest

from gateway.bench.observer import Observer
from gateway.config.model import Config
from gateway.counters import Counters
from gateway.record import SAMPLE


class Hand:
    """A clock set by hand."""

    now_ns = 1_000

    def monotonic_ns(self):
        return self.now_ns


class Link:
    """A source that delivers what it is given: one list of times a read, then nothing."""

    def __init__(self, name, number):
        self.name, self.number = name, number
        self.signals = ()
        self.counters = Counters()
        self.reads = []

    def select(self, wanted):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def fileno(self):
        return None

    def read(self, _timeout_ns):
        if not self.reads:
            return None
        samples = np.zeros(len(times := self.reads.pop(0)), SAMPLE)
        samples["t_ns"], samples["source"] = times, self.number
        self.counters.received += len(samples)
        return samples


@pytest.fixture
def links():
    return [Link(name, number) for number, name in enumerate(("can0", "gps", "second"))]


@pytest.fixture
def observer(links):
    class Bench(Observer):
        def _make_sources(self, _config, _signals):
            return links

    made = Bench(Config(file=Path("car.toml")), Hand())
    made.open()
    yield made
    made.close()


def seen(observer, begin=0):
    return [int(t) for part in observer.samples.batches(begin) for t in part["t_ns"]]


def test_what_has_come_on_several_links_is_merged_by_time(observer, links):
    links[0].reads = [[100, 400], [700]]
    links[1].reads = [[300]]
    links[2].reads = [[100, 200, 900]]
    observer.pump(0)
    assert seen(observer) == [100, 100, 200, 300, 400, 700, 900]
    [batch] = observer.samples.batches(0)
    assert batch["source"][:2].tolist() == [0, 2], "of one moment, the configuration's order"


def test_what_comes_while_the_links_are_read_one_by_one_waits_for_what_came_before_it(
    observer, links
):
    links[2].reads = [[900, 1_200]]  # after the round began, when can0 had been read
    observer.pump(0)
    assert seen(observer) == [900]
    links[0].reads = [[1_100]]
    observer._clock.now_ns = 2_000
    observer.pump(0)
    assert seen(observer) == [900, 1_100, 1_200]
