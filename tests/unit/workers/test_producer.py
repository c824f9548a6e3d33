"""A producer reads, publishes, tells the rules that time goes on, and comes back after an outage.

The source is scripted and the clock belongs to the test: nothing here waits for real time.
"""

import logging

import numpy as np
import pytest

from gateway.clock import NS_PER_MS, FakeClock
from gateway.counters import Counters
from gateway.errors import LinkError, LinkLostError, RingClosed, RingTimeout
from gateway.record import SAMPLE, TICK
from gateway.ring import Event, ReaderSpec, Ring
from gateway.workers.board import Board, Row, RowState
from gateway.workers.producer import DRAIN_READS, MANY, Producer
from gateway.workers.rhythm import Rhythm


def sample(value):
    record = np.zeros(1, SAMPLE)
    record["value"], record["signal"] = value, 7
    return record


NOTHING = np.empty(0, SAMPLE)


class ScriptedSource:
    """Does what its script says, a step a read: samples, an error to raise, None for the end,
    or what is the matter with the link from now on.

    An error as the first step after an opening is raised by the opening itself.
    """

    name = "can0"
    signals = ()
    unit = "frames"

    def __init__(self, clock, steps, live=True, step_ns=10 * NS_PER_MS):
        self.counters = Counters()
        self.live = live
        self.opened = 0
        self.states = {}
        self._clock = clock
        self._steps = list(steps)
        self._step_ns = step_ns

    def select(self, wanted):
        pass

    def __enter__(self):
        self.opened += 1
        if self._steps and type(self._steps[0]) is LinkError:
            raise self._steps.pop(0)
        return self

    def __exit__(self, *_):
        pass

    def fileno(self):
        return None

    def link_states(self):
        return self.states

    def read(self, _):
        self._clock.advance(self._step_ns)
        step = self._steps.pop(0) if self._steps else None
        if isinstance(step, Exception):
            raise step
        if isinstance(step, dict):
            self.states = step
            return NOTHING
        if step is not None:
            self.counters.received += len(step)
            self.counters.delivered += len(step)
        return step


class HastyEvent(Event):
    """An event whose waiting takes the test's time instead of real time."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def wait(self, timeout_ns=None):
        self._clock.advance(timeout_ns or 0)
        return super().wait(0)


class Bench:
    def __init__(self, capacity=1024):
        self.clock = FakeClock(monotonic_ns=10**12)
        self.ring = Ring.create(SAMPLE, capacity, 1, [ReaderSpec(name="analyzer")])
        self.reader = self.ring.reader("analyzer")
        self.board = Board(["can0"])
        self.start, self.stop = Event(), HastyEvent(self.clock)
        self.start.set()

    @property
    def row(self):
        return self.board["can0"]

    def produce(self, steps, ticks=True, make=ScriptedSource, **options):
        self.source = make(self.clock, steps, **options)
        Producer(
            self.source,
            3,
            self.ring.writer(0),
            self.row,
            self.start,
            self.stop,
            self.clock,
            Rhythm(self.clock, 0),
            ticks=ticks,
        ).run()

    def stopped_at_once(self, *arguments, **options):
        """Return a source in the first read of which the stop comes."""
        source = ScriptedSource(*arguments, **options)
        read = source.read
        source.read = lambda timeout_ns: (self.stop.set(), read(timeout_ns))[1]
        return source

    def published(self):
        batches = []
        while True:
            try:
                batches.append(self.reader.get(timeout_ns=0).records)
            except (RingTimeout, RingClosed) as end:
                self.ended = type(end) is RingClosed
                return np.concatenate([NOTHING, *batches])

    def values(self):
        records = self.published()
        return records["value"][records["signal"] != TICK].tolist()

    def ticks(self):
        records = self.published()
        return records[records["signal"] == TICK]

    def close(self):
        for each in (self.reader, self.ring, self.board, self.start, self.stop):
            each.close()
        del self.ring, self.board, self.reader


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


def test_what_was_read_is_published_in_order_and_the_lane_closed_at_the_end(bench):
    bench.produce([sample(1), sample(2), NOTHING, sample(3)])
    assert bench.values() == [1, 2, 3]
    assert bench.ended
    assert bench.row.state is RowState.DONE


def test_a_live_source_tells_every_50_ms_that_time_goes_on(bench):
    bench.produce([NOTHING] * 20)  # 200 ms
    ticks = bench.ticks()
    # At once, and then at the same moments as all other sources.
    assert (ticks["t_ns"] % (50 * NS_PER_MS) // NS_PER_MS).tolist() == [10, 0, 0, 0, 0]
    assert np.diff(ticks["t_ns"][1:]).tolist() == [50 * NS_PER_MS] * 3
    assert set(ticks["source"].tolist()) == {3}


def test_where_no_rule_waits_for_silence_there_are_no_ticks(bench):
    bench.produce([NOTHING] * 20, ticks=False)
    assert len(bench.ticks()) == 0


def test_a_recording_gets_no_ticks_of_the_clock(bench):
    bench.produce([NOTHING] * 20, live=False)
    assert len(bench.ticks()) == 0


def test_time_goes_on_while_the_link_is_lost(bench):
    bench.produce([LinkError("absent")] * 3)
    assert len(bench.ticks()) > 10  # three retries take 0.7 s


def test_an_outage_is_told_once_when_it_begins_and_once_when_it_ends(bench, caplog):
    caplog.set_level(logging.INFO)
    bench.produce(
        [sample(1), LinkLostError("unplugged"), LinkError("absent"), LinkError("absent"), sample(2)]
    )
    assert [record.message for record in caplog.records] == [
        "link lost: unplugged",
        "link restored, no longer lost, after 0.7 s",
    ]
    assert bench.values() == [1, 2]
    assert bench.row.read_facts()["outages"] == 1


@pytest.fixture
def roomy():
    bench = Bench(capacity=1 << 16)
    yield bench
    bench.close()


def test_after_the_stop_all_that_had_arrived_is_taken(roomy):
    many = np.repeat(sample(0), MANY)
    roomy.produce([many, many, many, sample(1), sample(2)], make=roomy.stopped_at_once)
    # Fewer than many were all there was; what is read after them came after the stop.
    assert roomy.row.numbers["delivered"] == 3 * MANY + 1


def test_a_link_that_never_falls_silent_does_not_hold_up_the_stop(roomy):
    many = np.repeat(sample(0), MANY)
    roomy.produce([many] * 100, make=roomy.stopped_at_once)
    assert roomy.row.numbers["delivered"] == (1 + DRAIN_READS) * MANY


def test_each_outage_is_told(bench, caplog):
    bench.produce([LinkLostError("first"), sample(1), LinkLostError("second"), sample(2)])
    said = [record.message.partition(",")[0] for record in caplog.records]
    assert said == ["link lost: first", "link restored", "link lost: second", "link restored"]


def test_a_link_that_opens_and_does_not_work_is_not_restored(bench, caplog):
    bench.produce([LinkLostError("is down")] * 4 + [sample(1)])
    said = [record.message.partition(",")[0] for record in caplog.records]
    assert said == ["link lost: is down", "link restored"]
    assert bench.row.read_facts()["outages"] == 1


def test_retries_come_ever_later_up_to_half_a_second(bench):
    began_ns = bench.clock.monotonic_ns()
    bench.produce([LinkError("absent")] * 8)
    # 0.1 + 0.2 + 0.4 + 5 * 0.5 seconds, and the read at the end
    assert (bench.clock.monotonic_ns() - began_ns) // NS_PER_MS == 3_210


def test_stop_ends_it_between_two_retries(bench):
    bench.stop.set()
    bench.produce([LinkError("absent")] * 8)
    assert bench.source.opened == 0
    assert bench.row.state is RowState.DONE


def test_what_came_in_is_on_the_board(bench):
    bench.produce([sample(1), sample(2)])
    numbers = bench.row.numbers
    assert (numbers["received"], numbers["delivered"], numbers["lost"]) == (2, 2, 0)


def test_a_successor_counts_on(bench):
    bench.produce([sample(1), sample(2)])
    bench.produce([sample(3)])
    assert bench.row.numbers["received"] == 3


class LossySource(ScriptedSource):
    """Loses three before each that it reads."""

    def read(self, timeout_ns):
        samples = super().read(timeout_ns)
        if samples is not None:
            self.counters.received += 3
            self.counters.lost["overrun"] += 3
        return samples


class HalfRead(ScriptedSource):
    """Has begun to read one more when it is closed."""

    def __exit__(self, *_):
        self.counters.received += 1
        self.counters.lost["incomplete"] += 1


@pytest.mark.parametrize("openings", [1, 2])
def test_what_was_half_read_when_the_link_was_closed_is_on_the_board(bench, openings):
    outage = [LinkLostError("gone"), NOTHING] if openings == 2 else []
    bench.produce([sample(1), *outage], make=HalfRead)
    assert bench.source.opened == openings
    numbers = bench.row.numbers
    assert (numbers["received"], numbers["lost"]) == (1 + openings, openings)
    assert bench.row.read_facts()["lost"] == {"incomplete": openings}


def test_a_successor_keeps_the_reasons_of_what_was_lost(bench):
    bench.produce([sample(1)], make=LossySource)
    bench.produce([sample(2)])
    assert bench.row.read_facts()["lost"] == {"overrun": 3}
    assert bench.row.numbers["lost"] == 3


def test_what_was_lost_to_a_process_that_was_killed_before_it_said_why_stays_lost(bench):
    bench.produce([sample(1)])
    bench.row.numbers["received"] += 2
    bench.row.numbers["lost"] += 2
    bench.produce([sample(2)])
    assert bench.row.read_facts()["lost"] == {"before restart": 2}
    numbers = bench.row.numbers
    assert (numbers["received"], numbers["delivered"], numbers["lost"]) == (4, 2, 2)


def test_a_full_ring_is_waited_for_and_costs_nothing(mocker):
    bench = Bench(capacity=64)
    many = np.repeat(sample(0), 1000)
    many["value"] = np.arange(1000)
    taken = []
    # The heart beats on while the producer waits for room; that is when the reader takes here.
    mocker.patch.object(Row, "beat", side_effect=lambda _: taken.extend(bench.values()))
    bench.produce([many], live=False)
    taken.extend(bench.values())
    bench.close()
    assert taken == list(range(1000))
