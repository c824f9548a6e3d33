"""Which kind each frame of a batch is of, and what is remembered of it."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.decode.can_ids import Ids
from gateway.record import FRAME


@pytest.fixture
def ids():
    """Kinds whose form is the id, and a list of what was looked up."""
    asked = []

    def look_up(*kind: int) -> int:
        asked.append(kind)
        return kind[1] % 1000

    made = Ids(look_up)
    made.asked = asked
    return made


@pytest.fixture
def kinds_of(can):
    """The second words of frames with these ids."""

    def kinds_of(can_ids, length=2, channel=0):
        frames = can.make_frames([(int(can_id), bytes(length)) for can_id in can_ids], channel)
        return frames.view(np.int64).reshape(-1, FRAME.itemsize // 8)[:, 1].copy()

    return kinds_of


def test_a_kind_is_looked_up_once_when_its_first_frame_comes(ids, kinds_of):
    first = kinds_of([5, 7, 5])
    assert ids.find(first).tolist() == [5, 7, 5]
    assert sorted(ids.asked) == [(0, 5, 2, 1), (0, 7, 2, 1)]
    assert ids.find(first).tolist() == [5, 7, 5]
    assert ids.find(kinds_of([7, 9])).tolist() == [7, 9]
    assert len(ids.asked) == 3


def test_a_kind_is_an_id_on_a_channel_of_a_length_and_an_origin(ids, kinds_of):
    ids.find(kinds_of([5]))
    ids.find(kinds_of([5], length=3))
    ids.find(kinds_of([5], channel=2))
    assert ids.asked == [(0, 5, 2, 1), (0, 5, 3, 1), (2, 5, 2, 1)]


def test_which_forms_were_seen_is_known(ids, kinds_of):
    assert not ids.knows(5)
    ids.find(kinds_of([5, 7]))
    assert ids.knows(5)
    assert ids.knows(7)
    assert not ids.knows(6)
    ids.find(kinds_of([6]))
    assert ids.knows(5)
    assert ids.knows(6)


def test_frames_are_counted_by_their_ids(ids, kinds_of):
    ids.find(kinds_of(range(100)))
    assert list(ids.counted(kinds_of([70, 5, 70, 99]))) == [(5, 1), (70, 2), (99, 1)]
    assert list(ids.counted(kinds_of([]))) == []


@pytest.mark.parametrize("many", [1, 2, 1000, 1023, 1024, 1025, 5000])
def test_any_number_of_kinds_is_told_apart(ids, kinds_of, many):
    can_ids = np.random.default_rng(many).permutation(0x20000)[:many]
    for part in np.array_split(can_ids, 3):
        ids.find(kinds_of(part))
    assert ids.find(kinds_of(can_ids)).tolist() == (can_ids % 1000).tolist()
    assert len(ids.asked) == many
    assert sum(count for _, count in ids.counted(kinds_of(can_ids))) == many


def test_only_so_many_kinds_are_remembered(ids, kinds_of, monkeypatch):
    monkeypatch.setattr("gateway.decode.can_ids.MOST_LEARNED", 10)
    for start in range(0, 40, 4):
        part = range(start, start + 4)
        assert ids.find(kinds_of(part)).tolist() == list(part)
    assert len(ids.asked) == 40
    # Three batches are twelve kinds, too many for a fourth; so the last one is remembered alone.
    ids.find(kinds_of(range(36, 40)))
    assert len(ids.asked) == 40
    ids.find(kinds_of([35]))
    assert len(ids.asked) == 41


def test_all_of_a_batch_is_learned_again_when_what_was_known_is_forgotten(
    ids, kinds_of, monkeypatch
):
    monkeypatch.setattr("gateway.decode.can_ids.MOST_LEARNED", 10)
    ids.find(kinds_of(range(12)))
    assert ids.find(kinds_of([3, 50, 4])).tolist() == [3, 50, 4]
    assert sorted(kind[1] for kind in ids.asked[12:]) == [3, 4, 50]
