"""Which fields a frame carries: those of its message, and those that its multiplexers select."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.decode.can_field import Field


@dataclass(frozen=True, slots=True, eq=False)
class Switch:
    """A multiplexer, and what its raw values select; any other value selects nothing."""

    field: Field
    branches: Mapping[int, Node]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Fields that come together, each with the number of its signal, and the switches among them.

    The order of a frame's samples is: the node's own fields, then what each switch selects, in
    the order of the switches, and so on downwards; the order in which cantools gives them.
    """

    fields: tuple[tuple[Field, int], ...] = ()
    switches: tuple[Switch, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fields or self.switches)

    @property
    def need(self) -> int:
        """Bytes that a frame must have so that nothing below this node is cut off."""
        own = [field.end_byte for field, _ in self.fields]
        for switch in self.switches:
            own.append(switch.field.end_byte)
            own.extend({node.need for node in switch.branches.values()})
        return max(own, default=0)


def build_tree(fields: Iterable[Field], wanted: Mapping[str, int]) -> Node:
    """Return what of *fields* is wanted, as a tree from which nothing unwanted can be reached.

    Args:
        fields: All fields of one message, in the database's order.
        wanted: The signal's number by the field's name.
    """
    selected_by: dict[str | None, list[Field]] = {}
    for field in fields:
        selected_by.setdefault(field.switch, []).append(field)

    def branches(switch: Field) -> dict[int, Node]:
        by_number: dict[int, list[Field]] = {}
        for field in selected_by.get(switch.name, ()):
            for number in field.switch_values:
                by_number.setdefault(number, []).append(field)
        # A range of numbers often selects the same fields: one node serves them all.
        nodes: dict[tuple[Field, ...], Node] = {}
        found = {}
        for number, group in by_number.items():
            key = tuple(group)
            if key not in nodes:
                nodes[key] = node(group)
            if nodes[key]:
                found.update(dict.fromkeys(switch.raws(number), nodes[key]))
        return found

    def node(group: list[Field]) -> Node:
        switches = (Switch(field, branches(field)) for field in group if field.is_switch)
        return Node(
            fields=tuple((field, wanted[field.name]) for field in group if field.name in wanted),
            switches=tuple(switch for switch in switches if switch.branches),
        )

    return node(selected_by.get(None, []))
