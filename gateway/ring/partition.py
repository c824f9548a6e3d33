"""How the members of a group share the records among them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.record import look_up


@dataclass(frozen=True, eq=False)
class Partition:
    """The share of one member of a group of readers.

    A record whose field holds a number below ``len(owner)`` is handled by that number's owner and
    nobody else; a greater number (such as `gateway.record.TICK`) concerns every member.

    Attributes:
        field: The field that decides, of an unsigned integer type.
        owner: The member's number, by the field's value.
        member: Which member this is.
    """

    field: str
    owner: NDArray[np.uint8]
    member: int
    _mine: NDArray[np.bool_] = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        mine = np.append(np.asarray(self.owner) == self.member, True)
        object.__setattr__(self, "_mine", mine)

    def select(self, records: NDArray[np.void]) -> NDArray[np.intp]:
        """Return the indices of those *records* that this member handles, ascending."""
        kept: NDArray[np.intp] = look_up(self._mine, records[self.field]).nonzero()[0]
        return kept
