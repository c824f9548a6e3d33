import numpy as np
import pytest

from firmware_sim import wire
from firmware_sim.devices.load import Load
from firmware_sim.records import to_bus

SECOND = 1_000_000_000


def frames(load, seconds=None):
    """Everything *load* sends, or what it sends in its first *seconds*."""
    sent = []
    while load.due_ns is not None and (seconds is None or load.due_ns < seconds * SECOND):
        sent.append(load.step(load.due_ns))
    return np.frombuffer(b"".join(sent), wire.RECORD)


def numbers(records):
    return np.ascontiguousarray(records["data"][:, :4]).view("<u4").ravel().tolist()


@pytest.mark.parametrize("rate", [1, 7, 333, 9000, 20_000])
def test_the_rate_is_kept_to_the_frame_over_any_number_of_seconds(rate):
    assert len(frames(Load("load", rate=rate), 3)) == 3 * rate


def test_frames_are_numbered_without_a_gap():
    sent = frames(Load("load", rate=9000), 1)
    assert numbers(sent) == list(range(9000))


def test_a_count_ends_the_load_with_exactly_that_many():
    load = Load("load", rate=9000, count=12_345)
    assert len(frames(load)) == 12_345
    assert load.due_ns is None


def test_ids_go_round():
    sent = frames(Load("load", rate=1000, first_id=0x200, ids=3, count=7))
    assert sent["can_id"].tolist() == [0x200, 0x201, 0x202, 0x200, 0x201, 0x202, 0x200]


def test_ids_above_eleven_bits_are_extended():
    sent = frames(Load("load", rate=1000, first_id=0x800, count=1))
    assert sent["can_id"].tolist() == [wire.EXTENDED | 0x800]


def test_the_saw_tooth_rises_by_sixteen_a_frame_and_wraps():
    sent = frames(Load("load", rate=9000, count=5000))
    tooth = np.ascontiguousarray(sent["data"][:, 4:6]).view("<u2").ravel()
    assert tooth.tolist() == [n * 16 % 65536 for n in range(5000)]


@pytest.mark.parametrize(
    ("length", "fd"), [(0, False), (3, False), (8, False), (12, True), (64, True)]
)
def test_frames_have_the_length_asked_for_and_nothing_beyond(length, fd):
    sent = frames(Load("load", rate=1000, length=length, count=50))
    assert set(sent["len"].tolist()) == {length}
    assert set(sent["flags"].tolist()) == {wire.FD if fd else 0}
    assert not sent["data"][:, length:].any()
    if length == 64:
        assert sent["data"][:, 8:].any()


def test_what_it_sends_crosses_the_bus_unchanged():
    load = Load("load", rate=1000, first_id=0x18FEF100, ids=5, length=64, count=100)
    sent = frames(load).tobytes()
    assert bytes(to_bus(sent, 0)) == sent


def test_equal_seeds_send_equal_frames_and_other_seeds_others():
    def sent(seed, name="load"):
        return frames(Load(name, rate=1000, seed=seed, count=100)).tobytes()

    assert sent(1) == sent(1)
    assert sent(1) != sent(2)
    assert sent(1) != sent(1, "other")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"length": 9}, "got 9 bytes"),
        ({"first_id": 0x7FF, "ids": 2}, "ids 0x7ff to 0x800, expected all of one kind"),
        ({"first_id": 0x1FFFFFFF, "ids": 2}, "expected all of one kind"),
    ],
)
def test_a_load_of_frames_that_can_does_not_have_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Load("load", rate=1, **options)
