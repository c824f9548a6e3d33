import mmap
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.errors import RingClosed, RingTimeout
from gateway.ring import ReaderSpec, ReaderStatistics, Ring

RECORD = np.dtype([("lane", np.int64), ("number", np.int64), ("copies", np.int64, (4,))])


def records(lane, start, count):
    made = np.zeros(count, RECORD)
    made["lane"] = lane
    made["number"] = np.arange(start, start + count)
    made["copies"] = made["number"][:, None]
    return made


def is_intact(batch):
    """Whether the records are those that stand at their positions, and whole."""
    expected = records(batch.lane, batch.start, batch.end - batch.start)
    return batch.records.tobytes() == expected.tobytes()


def produce(ring, lane, count, size):
    with ring.writer(lane) as writer:
        for start in range(0, count, size):
            writer.put(records(lane, start, min(size, count - start)))


def consume(ring, name, max_records):
    with ring.reader(name) as reader:
        positions = [0] * len(ring.statistics().lanes)
        try:
            while True:
                batch = reader.get(max_records)
                assert is_intact(batch)
                assert batch.start - batch.lost == positions[batch.lane]
                positions[batch.lane] = batch.end
        except RingClosed:
            pass
        # Told here, as leaving the block frees the place: whatever is left would count as lost.
        assert ring.consumed([name]) == positions


@pytest.mark.parametrize(("size", "max_records"), [(1, 1), (64, 64), (1000, 7), (3, 1000)])
def test_producers_and_readers_in_many_processes_lose_nothing_and_keep_the_order(
    children, size, max_records
):
    names = ["one", "two", "three"]
    count = 5_000 if size == 1 else 50_000
    with Ring.create(RECORD, 256, 3, [ReaderSpec(name=name) for name in names]) as ring:
        for lane in range(3):
            children.fork(produce, ring, lane, count, size)
        for name in names:
            children.fork(consume, ring, name, max_records)
        children.go()
        children.join()
        for name in names:
            assert ring.statistics().reader(name) == ReaderStatistics(3 * count, 0, 0)


def test_a_lapped_reader_is_never_given_torn_records(children):
    with Ring.create(RECORD, 64, 1, [ReaderSpec(name="lossy", lossless=False)]) as ring:
        children.fork(produce, ring, 0, 2_000_000, 48)
        children.fork(consume, ring, "lossy", 1000)
        children.go()
        children.join()
        account = ring.statistics().reader("lossy")
        assert account.waiting == 0
        assert account.lost > 0, "not lapped: nothing was tested"


def put_one(ring):
    with ring.writer(0) as writer:
        writer.put(records(0, 0, 1))


def get_one(ring, name="reader"):
    with ring.reader(name) as reader:
        assert is_intact(reader.get(1))


def test_a_reader_that_sleeps_is_woken_by_a_put(children):
    with Ring.create(RECORD, 8, 1, [ReaderSpec(name="reader")]) as ring:
        sleeper = children.fork(get_one, ring)
        children.go()
        children.await_sleep(sleeper)
        put_one(ring)
        children.join()


def test_a_producer_that_sleeps_is_woken_when_a_reader_takes(children):
    with Ring.create(RECORD, 8, 1, [ReaderSpec(name="reader")]) as ring:
        producer = children.fork(produce, ring, 0, 9, 9)
        children.go()
        with ring.reader("reader") as reader:
            assert len(reader.peek()) == 8
            children.await_sleep(producer)
            reader.commit()
            assert len(reader.get()) == 1
            children.join()


def wait_for_records(ring):
    with ring.reader("reader") as reader:
        reader.get()


def wait_for_room(ring):
    with ring.writer(0) as writer:
        writer.put(records(0, 0, 9))


@pytest.mark.slow
@pytest.mark.parametrize("wait", [wait_for_records, wait_for_room])
def test_waiting_burns_no_processor_time(children, cpu_ns_in_a_second, wait):
    with Ring.create(RECORD, 8, 1, [ReaderSpec(name="reader")]) as ring:
        waiting = children.fork(wait, ring)
        children.go()
        children.await_sleep(waiting)
        assert cpu_ns_in_a_second(waiting) < 0.1 * NS_PER_S  # one that spins takes all of it
        children.kill(waiting)


class TestDeath:
    def test_a_dead_readers_place_is_kept_for_its_successor(self, children):
        with Ring.create(RECORD, 8, 1, [ReaderSpec(name="reader")]) as ring:
            victim = children.fork(peek_and_stay, ring, "reader")
            children.go()
            with ring.writer(0) as writer:
                writer.put(records(0, 0, 8))
                children.await_sleep(victim)
                children.kill(victim)
                with pytest.raises(RingTimeout):
                    writer.put(records(0, 8, 1), timeout_ns=30 * NS_PER_MS)
                with ring.reader("reader") as successor:
                    assert successor.get().start == 0
            assert ring.statistics().reader("reader") == ReaderStatistics(8, 0, 0)

    def test_a_dead_readers_place_is_freed_after_its_time(self, children):
        specs = [ReaderSpec(name="reader", orphan_timeout_ns=50 * NS_PER_MS)]
        with Ring.create(RECORD, 8, 1, specs) as ring:
            victim = children.fork(peek_and_stay, ring, "reader")
            children.go()
            with ring.writer(0) as writer:
                writer.put(records(0, 0, 8))
                children.await_sleep(victim)
                children.kill(victim)
                with pytest.raises(RingTimeout):
                    writer.put(records(0, 8, 1), timeout_ns=0)
                writer.put(records(0, 8, 8))
            assert ring.statistics().reader("reader") == ReaderStatistics(0, 16, 0)

    def test_a_producer_that_waits_for_a_reader_which_dies_goes_on(self, children):
        specs = [ReaderSpec(name="reader", orphan_timeout_ns=0)]
        with Ring.create(RECORD, 8, 1, specs) as ring:
            victim = children.fork(peek_and_stay, ring, "reader")
            producer = children.fork(produce, ring, 0, 100, 100)
            children.go()
            children.await_sleep(victim)
            children.await_sleep(producer)
            children.kill(victim)
            children.join()
            assert ring.statistics().reader("reader") == ReaderStatistics(0, 100, 0)

    def test_a_living_reader_is_waited_for_however_slow_it_is(self, children):
        specs = [ReaderSpec(name="reader", orphan_timeout_ns=0)]
        with Ring.create(RECORD, 8, 1, specs) as ring:
            sleeper = children.fork(peek_and_stay, ring, "reader")
            children.go()
            with ring.writer(0) as writer:
                writer.put(records(0, 0, 8))
                children.await_sleep(sleeper)
                with pytest.raises(RingTimeout):
                    writer.put(records(0, 8, 1), timeout_ns=60 * NS_PER_MS)
            children.kill(sleeper)

    def test_a_dead_producers_lane_is_taken_over_or_closed(self, children):
        with Ring.create(RECORD, 8, 2, [ReaderSpec(name="reader")]) as ring:
            told = np.frombuffer(mmap.mmap(-1, mmap.PAGESIZE), np.int64, 2)
            victims = [children.fork(put_and_stay, ring, lane, told) for lane in range(2)]
            children.go()
            for victim in victims:
                children.await_sleep(victim)
                children.kill(victim)
            assert list(told) == [3, 3]
            ring.close_lane(1)
            with ring.writer(0) as successor:
                successor.put(records(0, successor.position, 2))
            with ring.reader("reader") as reader:
                batches = [reader.get(), reader.get()]
                assert [(batch.lane, batch.end) for batch in batches] == [(0, 5), (1, 3)]
                assert all(is_intact(batch) for batch in batches)
                with pytest.raises(RingClosed):
                    reader.get()


def peek_and_stay(ring, name):
    reader = ring.reader(name)
    reader.peek()
    stay()


def put_and_stay(ring, lane, told):
    writer = ring.writer(lane)
    told[lane] = writer.put(records(lane, 0, 3))
    stay()


def stay():
    signal.pause()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_ring_reaches_multiprocessing_children_however_they_are_started(method):
    script = Path(__file__).with_name("passed_to_children.py")
    ran = subprocess.run([sys.executable, script, method], capture_output=True, text=True)
    assert ran.stderr == ""
    assert sorted(ran.stdout.splitlines()) == [
        "published 2000 [True, True]",
        f"r0 {2 * 100 * (0 + 2 + 4 + 6 + 8)}",
        f"r1 {2 * 100 * (1 + 3 + 5 + 7 + 9)}",
    ]
