"""The arrays in which samples are computed."""

from __future__ import annotations

import pytest

from gateway.decode.can_pieces import SLOTS
from gateway.decode.can_work import Works


@pytest.fixture
def works():
    return Works(["scale", "low"], ["up", "down", "mask", "tail"], most=100)


def test_the_arrays_for_so_many_pieces_are_cut_out_once(works):
    assert works[7] is works[7]
    assert works[7].known.shape == (6, 7, SLOTS)
    assert works[7].value.shape == (7 * SLOTS,)


def test_only_so_many_are_kept(works):
    kept = []
    for pieces in range(1, 101):
        _ = works[pieces]
        kept.append(len(works))
    assert max(kept) == 64


def test_what_is_known_is_reached_by_its_name(works):
    work = works[1]
    work.known[:] = 0
    for number, name in enumerate(("scale", "low")):
        work.real[name][:] = number + 0.5
        assert work.known.view("f8")[number].tolist() == [[number + 0.5] * SLOTS]
    for number, name in enumerate(("up", "down", "mask", "tail"), 2):
        work.integer[name][:] = number
        assert work.known[number].tolist() == [[number] * SLOTS]
    assert [step[0] for step in work.steps] == [2, 3, 4, 0.5]
