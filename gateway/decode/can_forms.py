"""What a frame of one length can carry: a tree with its multiplexers, unfolded into lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.decode.can_field import Field
from gateway.decode.can_tree import Node, Switch

MOST_FORMS = 1000
"""Forms of one message. Multiplexers side by side multiply, and this many are not worth it."""

MOST_SWITCH_BITS = 16
"""Bits of a multiplexer whose values are looked up in an array that has a place for each."""

Wanted = tuple[Field, int]
"""A field and its signal's number."""


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What a frame carries, as far as its multiplexers have been looked at.

    Attributes:
        fields: In the order of the samples; none while there is a *switch* to look at.
        switch: The multiplexer to look at next; None: nothing is left to look at.
        branches: The form of a frame by the multiplexer's raw value.
        otherwise: The form at all other values.
    """

    fields: tuple[Wanted, ...] = ()
    switch: Field | None = None
    branches: Mapping[int, Form] = field(default_factory=dict)
    otherwise: Form | None = None


def unfold(tree: Node, length: int) -> Form | None:
    """Return the form of frames with *length* bytes of what *tree* says; None: it has too many.

    Fields and multiplexers that do not lie wholly inside are left out.
    """
    made: dict[tuple[tuple[Wanted, ...], tuple[Switch, ...]], Form] = {}

    def extend(fields: tuple[Wanted, ...], node: Node, rest: tuple[Switch, ...]) -> Form:
        more = tuple(pair for pair in node.fields if pair[0].end_byte <= length)
        inside = tuple(switch for switch in node.switches if switch.field.end_byte <= length)
        return form(fields + more, inside + rest)

    def form(fields: tuple[Wanted, ...], switches: tuple[Switch, ...]) -> Form:
        known = made.get((fields, switches))
        if known is None:
            known = made[fields, switches] = new(fields, switches)
            if len(made) > MOST_FORMS:
                raise _TooManyError
        return known

    def new(fields: tuple[Wanted, ...], switches: tuple[Switch, ...]) -> Form:
        if not switches:
            return Form(fields)
        first, *others = switches
        if first.field.length > MOST_SWITCH_BITS:
            raise _TooManyError
        rest = tuple(others)
        nodes = dict.fromkeys(first.branches.values())
        forms = {node: extend(fields, node, rest) for node in nodes}
        branches = {raw: forms[node] for raw, node in first.branches.items()}
        return Form(switch=first.field, branches=branches, otherwise=form(fields, rest))

    try:
        return extend((), tree, ())
    except _TooManyError:
        return None


class _TooManyError(Exception):
    """There are too many forms, or a multiplexer has too many values."""
