"""Memory for samples, used again unless somebody still holds what was written there."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.decode.can_room import Room
from gateway.record import SAMPLE


@pytest.fixture
def room():
    made = Room()
    made.reserve(100)
    return made


def memory(room):
    return room.samples.__array_interface__["data"]


def test_there_is_none_before_it_is_needed():
    assert len(Room().samples) == 0


def test_there_is_a_quarter_more_than_is_needed(room):
    assert len(room.samples) == 125


def test_memory_that_nobody_holds_is_used_again(room):
    before = memory(room)
    for size in (100, 3, 125):
        room.reserve(size)
        assert memory(room) == before


def test_memory_that_is_too_small_is_replaced(room):
    room.reserve(126)
    assert len(room.samples) == 157


def test_memory_that_somebody_holds_is_left_alone(room):
    held = room.samples[3:7]
    held["value"] = 5.0
    room.reserve(100)
    assert not np.shares_memory(held, room.samples)
    assert held["value"].tolist() == [5.0] * 4


def test_samples_are_written_from_a_place_on(room):
    samples = np.zeros(3, SAMPLE)
    samples["t_ns"], samples["value"], samples["signal"] = [5, 6, 7], [0.5, -0.0, 1e300], [1, 2, 3]
    words = samples.view(np.int64).reshape(3, 3)
    room.put(10, words[:, 0], np.stack([words[:, 2], words[:, 1]]))
    assert room.samples[10:13].tobytes() == samples.tobytes()
