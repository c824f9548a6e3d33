"""What is known of samples before their frames come."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.decode.can_field import Field
from gateway.decode.can_pieces import SLOTS, make_piece, shifts
from gateway.decode.can_tables import Tables
from gateway.decode.can_words import WordReader


def test_a_piece_has_a_slot_for_each_of_its_fields():
    field = Field("S", 0, 8)
    made = make_piece([(field, 3)], WordReader([field]), source=7, origin=2)
    assert made["used"].tolist() == [[True] + [False] * (SLOTS - 1)]


@pytest.mark.parametrize(
    ("facts", "shifted"),
    [
        pytest.param({}, False, id="as it is"),
        pytest.param({"scale": 0.5}, False, id="scaled"),
        pytest.param({"scale": 0.5, "offset": 1}, True, id="moved up"),
        pytest.param({"scale": 0.5, "offset": -40}, True, id="moved down"),
        pytest.param({"scale": -1}, True, id="0, or else it becomes -0"),
        pytest.param({"length": 16, "floating": True, "scale": 2}, True, id="-0, which becomes 0"),
    ],
)
def test_something_is_added_where_it_changes_a_value(facts, shifted):
    field = Field("S", 0, **({"length": 8} | facts))
    words = WordReader([field])
    unused, used = (make_piece(group, words, 7, 2) for group in ([], [(field, 3)]))
    assert shifts(unused) is False
    assert shifts(used) is shifted
    assert shifts(np.concatenate([unused, used])) is shifted


def test_nothing_is_added_to_frames_without_an_offset():
    field = Field("S", 0, 8, scale=0.5)
    words = WordReader([field])
    tables = Tables(words, source=7)
    tables.add((), 1)
    tables.add([(field, 3)], 1)
    tables._lay_out()
    assert "offset" not in tables._works[1].real
