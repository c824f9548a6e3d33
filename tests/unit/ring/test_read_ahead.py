"""A reader that gathers from several lanes takes nothing before it is done with all of it."""

import numpy as np
import pytest

from gateway.errors import RingTimeout
from gateway.ring import Partition, ReaderSpec, Ring

NUMBER = np.dtype([("n", np.uint32)])


def numbers(*values):
    return np.array([(value,) for value in values], NUMBER)


@pytest.fixture
def ring():
    with Ring.create(NUMBER, 4, 2, [ReaderSpec(name="sink")]) as ring:
        yield ring


def read_all(reader):
    found = []
    while True:
        try:
            found += reader.read(timeout_ns=0).records["n"].tolist()
        except RingTimeout:
            return found


def test_each_read_goes_on_behind_the_last(ring):
    with ring.writer(0) as first, ring.writer(1) as second, ring.reader("sink") as reader:
        first.put(numbers(1, 2))
        second.put(numbers(3))
        assert sorted(read_all(reader)) == [1, 2, 3]
        first.put(numbers(4))
        assert read_all(reader) == [4]


def test_what_was_read_and_not_committed_comes_again_to_a_successor(ring):
    with ring.writer(0) as writer:
        writer.put(numbers(1, 2))
        reader = ring.reader("sink")
        read_all(reader)
        reader.commit()
        writer.put(numbers(3))
        assert read_all(reader) == [3]
        reader.detach()
        with ring.reader("sink") as successor:
            assert read_all(successor) == [3]


def test_slots_are_free_only_after_the_commit(ring):
    with ring.writer(0) as writer, ring.reader("sink") as reader:
        writer.put(numbers(1, 2, 3, 4))
        read_all(reader)
        with pytest.raises(RingTimeout):
            writer.put(numbers(5), timeout_ns=0)
        reader.commit()
        assert writer.put(numbers(5), timeout_ns=0) == 1


def test_the_account_adds_up_after_the_commit(ring):
    with ring.writer(0) as writer, ring.reader("sink") as reader:
        writer.put(numbers(1, 2, 3))
        read_all(reader)
        account = ring.statistics().reader("sink")
        assert (account.delivered, account.waiting) == (0, 3)
        reader.commit()
        account = ring.statistics().reader("sink")
        assert (account.delivered, account.lost, account.waiting) == (3, 0, 0)


def test_what_a_lossy_reader_missed_is_counted_with_the_commit():
    spec = ReaderSpec(name="view", lossless=False)
    with (
        Ring.create(NUMBER, 4, 1, [spec]) as ring,
        ring.writer(0) as writer,
        ring.reader("view") as reader,
    ):
        writer.put(numbers(*range(10)))
        assert read_all(reader) == [6, 7, 8, 9]
        reader.commit()
        account = ring.statistics().reader("view")
        assert (account.delivered, account.lost, account.waiting) == (4, 6, 0)


def test_records_of_others_are_passed_over_without_committing_what_was_read():
    spec = ReaderSpec(name="even", partition=Partition("n", np.array([0, 1] * 4, np.uint8), 0))
    with (
        Ring.create(NUMBER, 8, 1, [spec]) as ring,
        ring.writer(0) as writer,
        ring.reader("even") as reader,
    ):
        writer.put(numbers(2))
        assert read_all(reader) == [2]
        writer.put(numbers(3))
        assert read_all(reader) == []
        assert ring.statistics().reader("even").delivered == 0
