"""A message's multiplexers as a tree, and the tree unfolded into the forms that frames can have."""

from __future__ import annotations

import pytest

from gateway.decode.can_field import Field
from gateway.decode.can_forms import Form, unfold
from gateway.decode.can_tree import Node, build_tree


def byte(name: str, number: int, switch: str | None = None, *values: int) -> Field:
    """A field of one byte; perhaps only there at these values of a switch."""
    return Field(name, 8 * number, 8, switch=switch, switch_values=values)


def switch(name: str, number: int, bits: int = 8) -> Field:
    return Field(name, 8 * number, bits, is_switch=True)


def tree(*fields: Field) -> Node:
    """The tree of a message of which all but the multiplexers is wanted."""
    wanted = [field.name for field in fields if not field.is_switch]
    return build_tree(fields, {name: number for number, name in enumerate(wanted)})


def names(form: Form) -> list[str]:
    return [field.name for field, _ in form.fields]


def test_a_tree_of_nothing_needs_no_bytes():
    assert not tree()
    assert tree().need == 0


def test_a_multiplexer_that_selects_nothing_is_no_part_of_a_tree():
    assert not tree(switch("S", 0))
    assert tree(switch("S", 0), byte("A", 1)).switches == ()


def test_a_tree_needs_the_bytes_of_all_that_it_can_select():
    assert tree(byte("A", 3)).need == 4
    assert tree(switch("S", 0), byte("A", 5, "S", 1), byte("B", 2)).need == 6
    assert tree(switch("S", 6), byte("A", 5, "S", 1)).need == 7


def test_a_message_without_multiplexers_has_one_form_of_each_length():
    plain = tree(byte("A", 0), byte("B", 1))
    assert [names(unfold(plain, length)) for length in (2, 1, 0)] == [["A", "B"], ["A"], []]
    assert unfold(plain, 2).switch is None


def test_a_multiplexer_leads_to_a_form_for_each_of_its_values_and_for_all_others():
    mode = switch("MODE", 0)
    form = unfold(tree(mode, byte("ALWAYS", 1), byte("A", 2, "MODE", 1, 3)), 8)
    assert form.switch is mode
    assert names(form) == []
    assert list(form.branches) == [1, 3]
    assert names(form.branches[1]) == ["ALWAYS", "A"]
    assert form.branches[3] is form.branches[1]
    assert names(form.otherwise) == ["ALWAYS"]


def test_branches_that_a_short_frame_cannot_carry_are_one_form():
    short = tree(switch("ONE", 0), byte("A", 6, "ONE", 1), switch("TWO", 1), byte("B", 7, "TWO", 2))
    form = unfold(short, 6)
    assert form.branches[1] is form.otherwise
    assert names(form.otherwise.branches[2]) == names(form.otherwise.otherwise) == []


@pytest.mark.parametrize(("count", "unfolded"), [(998, True), (999, False)])
def test_a_message_has_at_most_a_thousand_forms(count, unfolded):
    # Besides one for each value: before the multiplexer is looked at, and at all other values.
    fields = (byte(f"F{value}", 2, "S", value) for value in range(count))
    assert bool(unfold(tree(switch("S", 0, bits=16), *fields), 8)) is unfolded


@pytest.mark.parametrize(("bits", "unfolded"), [(16, True), (17, False)])
def test_a_multiplexer_of_more_than_16_bits_is_not_unfolded(bits, unfolded):
    assert bool(unfold(tree(switch("S", 0, bits), byte("A", 4, "S", 1)), 8)) is unfolded
