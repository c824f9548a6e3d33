import numpy as np
import pytest

from gateway.errors import RingTimeout
from gateway.record import SAMPLE, TICK
from gateway.ring import Partition, ReaderSpec, Ring

OWNER = np.array([0, 1, 2, 0, 1, 2, 2], np.uint8)


def samples(signals):
    records = np.zeros(len(signals), SAMPLE)
    records["signal"] = signals
    return records


def members():
    return [Partition("signal", OWNER, member) for member in range(3)]


def test_every_record_goes_to_exactly_one_member_of_a_group():
    records = samples(list(range(7)) * 5)
    shares = np.concatenate([member.select(records) for member in members()])
    assert sorted(shares) == list(range(35))


def test_a_signal_goes_to_its_owner():
    records = samples([6, 0, 6, 3, 1])
    assert [list(member.select(records)) for member in members()] == [[1, 3], [4], [0, 2]]


def test_a_number_that_nobody_owns_goes_to_every_member():
    records = samples([7, TICK])
    assert [list(member.select(records)) for member in members()] == [[0, 1]] * 3


def test_a_member_is_given_its_records_in_order_with_their_positions_and_nobody_elses():
    specs = [
        ReaderSpec(name=f"member {number}", partition=member)
        for number, member in enumerate(members())
    ]
    signals = [0, 1, 6, TICK, 6, 0, 2]
    with Ring.create(SAMPLE, 16, 1, specs) as ring, ring.writer(0) as writer:
        writer.put(samples([1, 1]))
        writer.put(samples(signals))
        with ring.reader("member 2") as reader:
            batch = reader.peek()
            assert list(batch.records["signal"]) == [6, TICK, 6, 2]
            assert list(batch.positions) == [4, 5, 6, 8]
            reader.commit()
        with ring.reader("member 0") as reader:
            assert list(reader.get(4).positions) == [2]
            assert list(reader.get().positions) == [5, 7]


def test_a_batch_without_any_of_its_records_is_taken_by_itself():
    specs = [ReaderSpec(name="m", partition=Partition("signal", OWNER, 0))]
    with (
        Ring.create(SAMPLE, 4, 1, specs) as ring,
        ring.writer(0) as writer,
        ring.reader("m") as reader,
    ):
        for _ in range(10):
            writer.put(samples([1, 2, 1]), timeout_ns=0)
            with pytest.raises(RingTimeout):
                reader.peek(timeout_ns=0)
        assert ring.consumed(["m"]) == [30]
