"""Signals, samples and histories without a link."""

import numpy as np
import pytest

from gateway.bench.expression import parse_expression
from gateway.bench.history import History
from gateway.bench.watch import Watch
from gateway.clock import NS_PER_MS
from gateway.record import SAMPLE, Quality
from gateway.signals import SignalTable


@pytest.fixture
def signals():
    table = SignalTable()
    for name in ("RPM", "ENGINE_TEMP", "LIMP_HOME"):
        table.add("can0", "EngineStatus", name)
    table.add("can0", "LapStatus", "IN_PIT")
    table.add("can1", "EngineStatus", "BOOST")
    return table


@pytest.fixture
def words():
    return lambda signal: {"track": 0.0, "pit": 1.0} if signal.name == "IN_PIT" else {}


@pytest.fixture
def parse(signals, words):
    return lambda text: parse_expression(text, signals.resolve, words)


@pytest.fixture
def batch(signals):
    """Samples from a story: "12 RPM=4000 T=90, 14 RPM=4100": times in ms; nan is invalid."""

    def build(story):
        rows = []
        for moment in filter(None, story.split(",")):
            time, *values = moment.split()
            for each in values:
                name, value = each.split("=")
                quality = Quality.INVALID if value == "nan" else Quality.GOOD
                index = signals.resolve(name).index
                rows.append((int(time) * NS_PER_MS, float(value), index, 0, quality, 0))
        return np.array(rows, SAMPLE)

    return build


@pytest.fixture
def watching(parse, batch):
    """What a watch from 10 to 100 ms makes of a story, told in one batch or in several."""

    def watch(text, *stories, since=10, until=100):
        history = History()
        found = Watch(parse(text), history, since * NS_PER_MS, until * NS_PER_MS)
        for story in stories:
            history.append(batch(story))
            found.look()
        return found

    return watch
