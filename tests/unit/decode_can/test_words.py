"""Where in 64-bit words of the payload a field's bits are."""

from __future__ import annotations

import pytest

from gateway.decode.can_field import Field
from gateway.decode.can_words import WordReader, moves


def little(start: int, length: int, **facts: bool) -> Field:
    return Field("S", start, length, **facts)


def big(start: int, length: int, **facts: bool) -> Field:
    return Field("S", start, length, little_endian=False, **facts)


@pytest.mark.parametrize(
    ("made", "shift", "expected"),
    [
        pytest.param(little(8, 12), 8, (44, 52, 0xFFF), id="in the middle"),
        pytest.param(little(8, 12, signed=True), 8, (44, 52, -1), id="with a sign"),
        pytest.param(little(0, 64), 0, (0, 0, -1), id="all of it"),
        pytest.param(little(0, 63), 0, (1, 1, 2**63 - 1), id="all but one bit"),
        pytest.param(little(63, 1), 63, (0, 63, 1), id="the highest bit"),
        pytest.param(little(1, 64), 0, (0, 0, 0), id="nine bytes"),
    ],
)
def test_two_shifts_and_a_mask_leave_the_raw_value(made, shift, expected):
    assert moves(made, shift) == expected


def test_a_field_is_placed_in_a_window_of_its_byte_order():
    fields = [little(4, 16), big(4, 16), little(70, 16), big(70, 16), little(12, 16)]
    words = WordReader(fields)
    assert [words.place(field) for field in fields] == [(0, 4), (1, 44), (2, 6), (3, 42), (0, 12)]


@pytest.mark.parametrize(("order", "shifts"), [(little, [2, 20, 58]), (big, [58, 44, 2])])
def test_a_field_within_one_byte_is_placed_in_a_window_of_the_others(order, shifts):
    words = WordReader([order(0, 16), little(18, 4), big(18, 4)])
    assert words.place(order(0, 16))[0] == 0
    # Bits 2..5 of bytes 0, 2 and 7, counted from either end of a byte.
    assert words.place(little(2, 4)) == (0, shifts[0])
    assert words.place(big(18, 4)) == (0, 42 if order is big else 18)
    assert words.place(little(58, 4)) == (0, shifts[2])


def test_fields_within_one_byte_alone_are_read_in_one_window():
    fields = [big(0, 3), little(0, 3), big(9, 1)]
    words = WordReader(fields)
    assert [words.place(field)[0] for field in fields] == [0, 0, 0]


def test_a_field_in_nine_bytes_is_given_a_window_that_holds_none_of_it():
    words = WordReader([little(0, 16), little(1, 64)])
    words.place(little(0, 16))
    assert words.place(little(1, 64)) == (0, 0)
