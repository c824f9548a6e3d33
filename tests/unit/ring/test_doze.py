"""A reader that dozes sleeps on while records come, until one stirs it."""

import threading

import numpy as np
import pytest

from gateway.clock import NS_PER_S
from gateway.errors import RingClosed, RingEvicted, RingTimeout
from gateway.ring import ReaderSpec, Ring

NUMBER = np.dtype([("n", np.int64)])
LONG_NS = 3600 * NS_PER_S
PATIENCE_S = 20
"""More than a test takes; who waits for so long will not be woken any more."""


def numbers(*values):
    return np.array([(value,) for value in values], NUMBER)


def stirs(records):
    """Tens stir the first reader, hundreds the second."""
    tens, hundreds = records["n"] // 10 % 10, records["n"] // 100
    return bool(tens.any()) | bool(hundreds.any()) << 1


class Sleeper:
    """A reader in a thread of its own: dozes once, and then takes what there is."""

    def __init__(self, ring, name):
        self.records = []
        self._awake = threading.Event()
        self._reader = None
        self._thread = threading.Thread(target=self._run, args=(ring, name), daemon=True)
        self._thread.start()

    def _run(self, ring, name):
        with ring.reader(name) as reader:
            reader.doze(LONG_NS)
            self._awake.set()
            try:
                while True:
                    # Not 0: it may wake before what wakes it can be seen, but under the guard.
                    self.records += reader.get(timeout_ns=1).records["n"].tolist()
            except (RingTimeout, RingClosed, RingEvicted) as end:
                self.end = type(end)

    def is_awake(self):
        return self._awake.is_set()

    def join(self):
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "still asleep"


@pytest.fixture
def ring():
    readers = [ReaderSpec(name="one"), ReaderSpec(name="two")]
    with Ring.create(NUMBER, 8, 2, readers) as ring:
        yield ring


@pytest.fixture
def doze(ring):
    """Have a reader doze; at the end it is woken in any case."""
    sleepers = []

    def doze(name):
        sleeper = Sleeper(ring, name)
        sleepers.append((name, sleeper))
        flag = 1 << 8 + [spec.name for spec in ring.readers].index(name)
        while not all(lane.dozing & flag for lane in ring._lanes):
            threading.Event().wait(0.001)
        return sleeper

    yield doze
    for name, sleeper in sleepers:
        ring.evict(name)
        sleeper.join()


def test_records_that_do_not_stir_it_let_it_sleep(ring, doze):
    sleeper = doze("one")
    with ring.writer(0, stirs) as writer:
        writer.put(numbers(1, 2))
        writer.put(numbers(3))
        assert ring.statistics().reader("one").waiting == 3
        assert not sleeper.is_awake()


def test_one_that_stirs_it_wakes_it_and_it_gets_all(ring, doze):
    sleeper = doze("one")
    with ring.writer(0, stirs) as writer:
        writer.put(numbers(1))
        writer.put(numbers(2, 13))
        sleeper.join()
    assert sleeper.records == [1, 2, 13]


def test_only_who_is_stirred_wakes(ring, doze):
    one, two = doze("one"), doze("two")
    with ring.writer(0, stirs) as writer:
        writer.put(numbers(100))
        two.join()
        assert not one.is_awake()


def test_without_a_word_on_what_stirs_everything_does(ring, doze):
    one, two = doze("one"), doze("two")
    with ring.writer(1) as writer:
        writer.put(numbers(1))
        one.join()
        two.join()


def test_half_a_lane_wakes_it(ring, doze):
    sleeper = doze("one")
    with ring.writer(0, stirs) as writer:
        writer.put(numbers(1, 2, 3))
        assert not sleeper.is_awake()
        writer.put(numbers(4))
        sleeper.join()
    assert sleeper.records == [1, 2, 3, 4]


@pytest.mark.parametrize("by", ["its producer", "the supervisor"])
def test_the_end_of_a_stream_wakes_it(ring, doze, by):
    sleeper = doze("one")
    if by == "its producer":
        ring.writer(1, stirs).close()
    else:
        ring.close_lane(1)
    sleeper.join()


def test_who_is_evicted_wakes_and_is_told(ring, doze):
    sleeper = doze("one")
    ring.evict("one")
    sleeper.join()
    assert sleeper.end is RingEvicted


def test_with_records_to_take_or_after_the_end_it_does_not_sleep(ring):
    with ring.writer(0, stirs) as writer, ring.reader("one") as reader:
        writer.put(numbers(1))
        reader.doze(LONG_NS)
        assert reader.get().records["n"].tolist() == [1]
        writer.close()
        ring.close_lane(1)
        reader.doze(LONG_NS)


def test_it_wakes_by_itself(ring):
    with ring.reader("one") as reader:
        reader.doze(1)
        with pytest.raises(RingTimeout):
            reader.peek(timeout_ns=0)


@pytest.mark.parametrize(
    "end_it", [lambda reader: reader.stay_awake(), lambda reader: reader.arm()]
)
def test_producers_ask_what_stirs_it_until_it_stays_awake(ring, end_it):
    asked = []
    producer = ring.writer(0, lambda records: asked.append(len(records)) or 0)
    with producer as writer, ring.reader("one") as reader:
        reader.doze(1)
        writer.put(numbers(1, 2))
        assert asked == [2]
        assert ring.consumed(["one"]) == [2, 0]
        end_it(reader)
        writer.put(numbers(3))
        assert asked == [2]
        assert ring.consumed(["one"]) == [0, 0]
        assert ring.statistics().reader("one").waiting == 3


def test_what_was_published_since_does_not_concern_who_dozes(ring, doze):
    sleeper = doze("one")
    with ring.writer(0, stirs) as writer:
        writer.put(numbers(1, 2, 3))
        assert ring.consumed(["one"]) == [3, 0]
        assert ring.consumed(["one", "two"]) == [0, 0]
        writer.put(numbers(14))
        sleeper.join()


def test_what_stirs_concerns_it_before_it_has_taken_it(ring):
    with ring.writer(0, stirs) as writer, ring.reader("one") as reader:
        writer.put(numbers(1))
        reader.get()
        reader._cursors[0].doze()
        writer.put(numbers(2))
        assert ring.consumed(["one"]) == [2, 0]
        writer.put(numbers(13))
        assert ring.consumed(["one"]) == [1, 0]


def test_a_successor_of_one_that_died_in_its_sleep_gets_what_came_meanwhile(ring):
    with ring.writer(0, stirs) as writer:
        dead = ring.reader("one")
        for cursor in dead._cursors:
            cursor.doze()
        dead.detach()
        writer.put(numbers(1))
        assert ring.consumed(["one"]) == [1, 0]
        with ring.reader("one") as successor:
            assert ring.consumed(["one"]) == [0, 0]
            assert successor.get().records["n"].tolist() == [1]
