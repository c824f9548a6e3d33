"""What a ring does within one process, where every step is the test's own."""

import select

import numpy as np
import pytest

from gateway.clock import NS_PER_MS
from gateway.errors import RingClosed, RingError, RingTimeout
from gateway.ring import ReaderSpec, ReaderStatistics, Ring

LOSSY = ReaderSpec(name="lossy", lossless=False)


def values(batch):
    return list(batch.records["number"])


def everything(reader):
    """All that there is, by `get`."""
    found = []
    while True:
        try:
            found += values(reader.get(timeout_ns=0))
        except (RingTimeout, RingClosed):
            return found


def fail_after(end, use):
    """Leave the ``with`` block of *end* by an exception, after *use* of it."""

    def fail():
        with end:
            use(end)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_records_come_out_as_they_went_in(make_ring, numbers):
    ring = make_ring("reader")
    with ring.writer(0) as writer, ring.reader("reader") as reader:
        assert writer.put(numbers(0, 5)) == 5
        batch = reader.get()
        assert values(batch) == [0, 1, 2, 3, 4]
        assert (batch.lane, batch.start, batch.end, batch.lost) == (0, 0, 5, 0)
        assert list(batch.positions) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("size", [1, 3, 7, 8])
def test_records_keep_their_order_however_often_the_slots_are_used_again(make_ring, numbers, size):
    ring = make_ring("reader")
    with ring.writer(0) as writer, ring.reader("reader") as reader:
        found = []
        for start in range(0, 100 * size, size):
            writer.put(numbers(start, start + size), timeout_ns=0)
            found += everything(reader)
        assert found == list(range(100 * size))


def test_every_reader_is_given_every_record(make_ring, numbers):
    ring = make_ring("one", "two", LOSSY)
    with ring.writer(0) as writer:
        writer.put(numbers(0, 6))
        for name in ("one", "two", "lossy"):
            with ring.reader(name) as reader:
                assert everything(reader) == list(range(6))


def test_a_reader_is_given_no_more_than_it_asks_for(make_ring, numbers):
    ring = make_ring("reader")
    with ring.writer(0) as writer, ring.reader("reader") as reader:
        writer.put(numbers(0, 5))
        assert values(reader.get(2)) == [0, 1]
        assert values(reader.get(1)) == [2]
        assert values(reader.get(9)) == [3, 4]


def test_a_reader_is_given_only_the_lanes_that_it_reads(make_ring, numbers):
    ring = make_ring(ReaderSpec(name="reader", lanes=[1]), lanes=2)
    with ring.writer(0) as zero, ring.writer(1) as one, ring.reader("reader") as reader:
        zero.put(numbers(0, 50), timeout_ns=0)
        one.put(numbers(50, 52))
        assert everything(reader) == [50, 51]


def test_a_busy_lane_does_not_keep_the_others_waiting(make_ring, numbers):
    ring = make_ring("reader", lanes=3)
    writers = [ring.writer(lane) for lane in range(3)]
    with ring.reader("reader") as reader:
        writers[0].put(numbers(0, 8))
        writers[1].put(numbers(0, 2))
        writers[2].put(numbers(0, 1))
        assert [reader.get(1).lane for _ in range(8)] == [0, 1, 2, 0, 1, 0, 0, 0]
    for writer in writers:
        writer.close()


class TestTwoPhases:
    def test_a_peek_shows_the_same_again_until_it_is_committed(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            writer.put(numbers(0, 3))
            assert values(reader.peek(2)) == [0, 1]
            writer.put(numbers(3, 5))
            assert values(reader.peek()) == [0, 1]
            reader.commit()
            assert values(reader.peek()) == [2, 3, 4]

    def test_what_is_not_committed_keeps_its_slots(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            writer.put(numbers(0, 8))
            reader.peek()
            with pytest.raises(RingTimeout):
                writer.put(numbers(8, 9), timeout_ns=0)
            reader.commit()
            assert writer.put(numbers(8, 9), timeout_ns=0) == 1

    def test_a_successor_begins_where_its_predecessor_committed(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer:
            writer.put(numbers(0, 6))
            first = ring.reader("reader")
            first.get(2)
            first.peek(2)
            first.detach()
            with ring.reader("reader") as second:
                assert everything(second) == [2, 3, 4, 5]

    def test_a_reader_that_fails_leaves_its_place_to_a_successor(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer:
            writer.put(numbers(0, 3))
            fail_after(ring.reader("reader"), lambda reader: reader.peek())
            with ring.reader("reader") as reader:
                assert everything(reader) == [0, 1, 2]

    def test_a_commit_without_a_peek_changes_nothing(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            writer.put(numbers(0, 3))
            reader.commit()
            assert everything(reader) == [0, 1, 2]

    def test_consumed_is_what_the_slowest_of_the_named_readers_has_committed(
        self, make_ring, numbers
    ):
        ring = make_ring("fast", "slow", "other", lanes=2)
        with (
            ring.writer(0) as writer,
            ring.reader("fast") as fast,
            ring.reader("slow") as slow,
        ):
            writer.put(numbers(0, 6))
            fast.get()
            slow.get(2)
            slow.peek()
            assert ring.consumed(["fast"]) == [6, 0]
            assert ring.consumed(["fast", "slow"]) == [2, 0]
            ring.evict("slow")
            assert ring.consumed(["fast", "slow"]) == [6, 0]


class TestFull:
    def test_a_full_lane_takes_what_fits_and_says_how_much_that_was(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            writer.put(numbers(0, 5))
            with pytest.raises(RingTimeout) as timeout:
                writer.put(numbers(5, 15), timeout_ns=0)
            assert timeout.value.published == 3
            assert everything(reader) == list(range(8))

    def test_a_put_gives_up_when_its_time_is_over(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer:
            writer.put(numbers(0, 8))
            with pytest.raises(RingTimeout) as timeout:
                writer.put(numbers(8, 9), timeout_ns=3 * NS_PER_MS)
            assert timeout.value.published == 0

    def test_a_lane_waits_for_a_lossless_reader_that_has_not_come_yet(self, make_ring, numbers):
        ring = make_ring(ReaderSpec(name="late", orphan_timeout_ns=0))
        with ring.writer(0) as writer:
            writer.put(numbers(0, 8))
            with pytest.raises(RingTimeout):
                writer.put(numbers(8, 9), timeout_ns=0)
            with ring.reader("late") as reader:
                assert everything(reader) == list(range(8))

    def test_capacity_is_rounded_up_to_a_power_of_two(self, make_ring):
        assert make_ring(capacity=9).capacity == 16
        assert make_ring(capacity=1).capacity == 1

    def test_a_lane_without_readers_never_fills(self, make_ring, numbers):
        ring = make_ring()
        with ring.writer(0) as writer:
            assert writer.put(numbers(0, 1000), timeout_ns=0) == 1000


class TestLapping:
    def test_a_lossy_reader_is_told_exactly_how_many_it_missed(self, make_ring, numbers):
        ring = make_ring(LOSSY)
        with ring.writer(0) as writer, ring.reader("lossy") as reader:
            writer.put(numbers(0, 3))
            assert values(reader.get(1)) == [0]
            writer.put(numbers(3, 20), timeout_ns=0)
            batch = reader.get(1)
            assert (values(batch), batch.start, batch.lost) == ([12], 12, 11)
            assert everything(reader) == list(range(13, 20))

    def test_what_was_peeked_before_the_lapping_counts_as_delivered(self, make_ring, numbers):
        ring = make_ring(LOSSY)
        with ring.writer(0) as writer, ring.reader("lossy") as reader:
            writer.put(numbers(0, 4))
            reader.peek()
            writer.put(numbers(4, 20))
            reader.commit()
            batch = reader.get(1)
            assert (values(batch), batch.lost) == ([12], 8)
            assert everything(reader) == list(range(13, 20))
            assert ring.statistics().reader("lossy") == ReaderStatistics(12, 8, 0)

    def test_a_lossless_reader_is_not_lapped_by_what_a_lossy_one_misses(self, make_ring, numbers):
        ring = make_ring("lossless", LOSSY)
        with ring.writer(0) as writer, ring.reader("lossless") as reader:
            for start in range(0, 40, 8):
                writer.put(numbers(start, start + 8), timeout_ns=0)
                assert everything(reader) == list(range(start, start + 8))
            assert ring.statistics().reader("lossless") == ReaderStatistics(40, 0, 0)
            assert ring.statistics().reader("lossy") == ReaderStatistics(0, 32, 8)


class TestEndOfStream:
    def test_the_end_comes_when_all_lanes_are_closed_and_drained(self, make_ring, numbers):
        ring = make_ring("reader", lanes=2)
        with ring.reader("reader") as reader:
            one, two = ring.writer(0), ring.writer(1)
            one.put(numbers(0, 1))
            one.close()
            assert values(reader.get()) == [0]
            with pytest.raises(RingTimeout):
                reader.get(timeout_ns=0)
            two.put(numbers(1, 2))
            two.close()
            assert values(reader.get()) == [1]
            for _ in range(2):
                with pytest.raises(RingClosed):
                    reader.get()

    def test_nothing_can_be_put_after_the_end(self, make_ring, numbers):
        ring = make_ring("reader")
        writer = ring.writer(0)
        writer.close()
        writer.close()
        with pytest.raises(RingClosed):
            writer.put(numbers(0, 1))

    def test_a_writer_whose_lane_was_closed_is_told_so(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            writer.put(numbers(0, 2))
            ring.close_lane(0)
            with pytest.raises(RingClosed):
                writer.put(numbers(2, 3))
            assert everything(reader) == [0, 1]

    def test_a_restarted_producer_goes_on_where_the_lane_stands(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.reader("reader") as reader:
            with ring.writer(0) as first:
                first.put(numbers(0, 3))
            with ring.writer(0) as second:
                assert second.position == 3
                second.put(numbers(3, 5))
                batch = reader.get()
                assert values(batch) == [0, 1, 2, 3, 4]

    def test_a_producer_that_fails_leaves_its_lane_open_for_a_successor(self, make_ring, numbers):
        ring = make_ring("reader")
        writer = ring.writer(0)
        fail_after(writer, lambda writer: writer.put(numbers(0, 1)))
        assert not ring.statistics().lanes[0].closed
        with pytest.raises(RingClosed):
            writer.put(numbers(1, 2))
        with ring.writer(0):
            pass
        assert ring.statistics().lanes[0].closed


class TestPlaces:
    def test_a_lane_has_one_living_producer(self, make_ring):
        ring = make_ring()
        with ring.writer(0), pytest.raises(RingError, match="lane 0"):
            ring.writer(0)

    def test_a_name_has_one_living_reader(self, make_ring):
        ring = make_ring("reader")
        with ring.reader("reader"), pytest.raises(RingError, match="reader"):
            ring.reader("reader")

    def test_a_reader_that_leaves_frees_its_place(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer:
            with ring.reader("reader") as reader:
                writer.put(numbers(0, 8))
                reader.get(3)
            assert writer.put(numbers(8, 30), timeout_ns=0) == 22
            assert ring.statistics().reader("reader") == ReaderStatistics(3, 27, 0)
            with ring.reader("reader") as reader:
                writer.put(numbers(30, 31))
                assert values(reader.get()) == [30]
            assert ring.statistics().reader("reader") == ReaderStatistics(4, 27, 0)

    def test_a_reader_closed_twice_does_not_free_its_successors_place(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer:
            first = ring.reader("reader")
            first.close()
            with ring.reader("reader") as second:
                first.close()
                writer.put(numbers(0, 3))
                assert everything(second) == [0, 1, 2]

    def test_an_evicted_reader_is_told_so_and_may_come_back(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer:
            reader = ring.reader("reader")
            writer.put(numbers(0, 8))
            reader.peek()
            ring.evict("reader")
            assert writer.put(numbers(8, 16), timeout_ns=0) == 8
            for use in (reader.commit, reader.get, reader.peek, reader.arm):
                with pytest.raises(RingError, match="freed"):
                    use()
            reader.detach()
            with ring.reader("reader") as again:
                writer.put(numbers(16, 17))
                assert everything(again) == [16]
            assert ring.statistics().reader("reader") == ReaderStatistics(1, 16, 0)

    def test_a_reader_that_begins_late_is_not_overrun(self, make_ring, numbers):
        ring = make_ring("reader")
        ring.evict("reader")
        with ring.writer(0) as writer:
            writer.put(numbers(0, 3))  # it knows of room for 8, as nobody is waited for
            with ring.reader("reader") as reader:
                with pytest.raises(RingTimeout) as timeout:
                    writer.put(numbers(3, 20), timeout_ns=0)
                assert timeout.value.published == 8
                assert everything(reader) == list(range(3, 11))


class TestStatistics:
    def test_published_is_delivered_lost_and_waiting(self, make_ring, numbers):
        ring = make_ring("lossless", LOSSY, lanes=2)
        with ring.writer(0) as writer, ring.reader("lossless") as lossless:
            writer.put(numbers(0, 8))
            lossless.get(5)
            writer.put(numbers(8, 12))
        statistics = ring.statistics()
        assert statistics.published == 12
        assert statistics.lanes[0].closed
        assert statistics.lanes[0].capacity == 8
        assert not statistics.lanes[1].closed
        assert statistics.lanes[0].readers == {
            "lossless": ReaderStatistics(delivered=5, lost=7, waiting=0),
            "lossy": ReaderStatistics(delivered=0, lost=4, waiting=8),
        }
        assert statistics.lanes[1].readers["lossy"] == ReaderStatistics(0, 0, 0)


class TestSelector:
    def test_arm_says_whether_there_is_a_need_to_wait(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            assert not reader.arm()
            writer.put(numbers(0, 1))
            assert reader.arm()
            reader.peek()
            assert reader.arm()

    def test_the_descriptor_is_readable_once_something_comes(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            poll = select.poll()
            poll.register(reader, select.POLLIN)
            reader.arm()
            assert poll.poll(0) == []
            writer.put(numbers(0, 1))
            assert poll.poll(0) != []
            reader.get()
            assert not reader.arm()
            assert poll.poll(0) == []

    def test_a_producer_may_wake_readers_later(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            poll = select.poll()
            poll.register(reader, select.POLLIN)
            reader.arm()
            writer.put(numbers(0, 1), wake=False)
            assert poll.poll(0) == []
            writer.wake_readers()
            assert poll.poll(0) != []
            reader.get()
            assert not reader.arm()
            writer.wake_readers()
            assert poll.poll(0) != [], "a wake-up too many is possible"

    def test_who_is_not_waiting_is_not_woken(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            poll = select.poll()
            poll.register(reader, select.POLLIN)
            writer.put(numbers(0, 1))
            assert poll.poll(0) == []

    def test_who_only_looks_is_not_woken(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            poll = select.poll()
            poll.register(reader, select.POLLIN)
            with pytest.raises(RingTimeout):
                reader.peek(timeout_ns=0)
            writer.put(numbers(0, 1))
            assert poll.poll(0) == []
            assert values(reader.get(timeout_ns=0)) == [0]

    def test_the_end_of_the_stream_wakes_too(self, make_ring):
        ring = make_ring("reader")
        with ring.reader("reader") as reader:
            poll = select.poll()
            poll.register(reader, select.POLLIN)
            assert not reader.arm()
            ring.close_lane(0)
            assert poll.poll(0) != []
            with pytest.raises(RingClosed):
                reader.arm()


class TestWrongUse:
    def test_a_put_of_another_type_is_refused(self, make_ring):
        with make_ring().writer(0) as writer, pytest.raises(ValueError, match="expected"):
            writer.put(np.zeros(1, np.int64))

    def test_a_put_of_a_single_record_is_refused(self, make_ring, numbers):
        with make_ring().writer(0) as writer, pytest.raises(ValueError, match="dimension"):
            writer.put(numbers(0, 1)[0])

    def test_records_that_do_not_lie_side_by_side_are_put_all_the_same(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            writer.put(numbers(0, 8)[::2])
            assert everything(reader) == [0, 2, 4, 6]

    def test_no_records_at_all_are_no_batch(self, make_ring, numbers):
        ring = make_ring("reader")
        with ring.writer(0) as writer, ring.reader("reader") as reader:
            assert writer.put(numbers(0, 0)) == 0
            with pytest.raises(RingTimeout):
                reader.get(timeout_ns=0)

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            pytest.param((np.dtype("O"), 8, 1, []), "objects", id="objects cannot be shared"),
            pytest.param((np.dtype("i8"), 0, 1, []), "capacity=0", id="no room"),
            pytest.param((np.dtype("i8"), 8, 0, []), "lanes=0", id="no lanes"),
            pytest.param((np.dtype("i8"), 8, 1, [LOSSY, LOSSY]), "different", id="name twice"),
        ],
    )
    def test_a_ring_that_cannot_be_is_refused(self, arguments, fault):
        with pytest.raises(ValueError, match=fault):
            Ring.create(*arguments)
