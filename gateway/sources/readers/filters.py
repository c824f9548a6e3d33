"""Which frames of a bus are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gateway.decode.database import Message, parameter_group
from gateway.record import CanId

MOST = 512
"""Filters that the kernel takes: CAN_RAW_FILTER_MAX."""

INVERTED = 0x20000000
"""CAN_INV_FILTER of <linux/can.h>, in an id: what does not match passes. No data frame has it."""

_ERROR = int(CanId.ERROR)  # numpy takes 10 us to make a number of an IntFlag
_ID_BITS = 0x7FF
_EXTENDED_ID_BITS = 0x1FFFFFFF
_GROUP_BITS = 0x03FFFF00  # see `parameter_group`
_ADDRESSED_GROUP_BITS = 0x03FF0000


class FrameFilters:
    """Lets a frame pass if its id agrees with that of any filter in all bits of the filter's mask.

    Error frames always pass.

    Args:
        pairs: Ids and masks as in struct can_filter of <linux/can.h>. Without any, no data frame
            passes.

    Attributes:
        pairs: As given, each once.
    """

    def __init__(self, pairs: Iterable[tuple[int, int]]) -> None:
        self.pairs = tuple(dict.fromkeys(pairs))
        by_mask: dict[tuple[np.uint32, bool], list[int]] = {}
        for can_id, mask in self.pairs:
            key = np.uint32(mask), bool(can_id & INVERTED)
            by_mask.setdefault(key, []).append(can_id & mask)
        self._by_mask = {key: np.array(ids, np.uint32) for key, ids in by_mask.items()}

    @classmethod
    def parse(cls, texts: Iterable[str]) -> FrameFilters:
        """Return the filters that candump makes of *texts*: "ID:MASK", or inverted "ID~MASK".

        As for candump, an id of eight digits is one of 29 bits, and one with fewer digits matches
        ids of 29 bits, too, unless the mask says otherwise.
        """
        pairs = []
        for text in texts:
            can_id, sign, mask = re.split("([:~])", text)
            flags = CanId.EXTENDED if len(can_id) == len("1FFFFFFF") else 0
            flags |= INVERTED if sign == "~" else 0
            pairs.append((int(can_id, 16) | flags, int(mask, 16) & ~CanId.ERROR))
        return cls(pairs)

    @classmethod
    def of(cls, messages: Iterable[Message]) -> FrameFilters:
        """Return filters for the data frames of *messages*."""
        pairs = []
        for message in messages:
            can_id, mask = message.can_id, _ID_BITS
            if message.by_group:
                addressed = (can_id >> 16) & 0xFF < 240
                can_id = parameter_group(can_id)
                mask = _ADDRESSED_GROUP_BITS if addressed else _GROUP_BITS
            elif can_id & CanId.EXTENDED:
                mask = _EXTENDED_ID_BITS
            pairs.append((can_id, mask | CanId.EXTENDED | CanId.REMOTE))
        return cls(pairs)

    def may_pass(self, message: Message) -> bool:
        """Tell whether any data frame of *message* passes."""
        ((can_id, bits),) = FrameFilters.of([message]).pairs
        if not message.by_group:
            bits |= _EXTENDED_ID_BITS  # an id of 11 bits has no others
        for wanted, mask in self.pairs:
            differs = (wanted & ~INVERTED) ^ can_id
            # Bits that the message leaves open may be those that the filter asks for.
            if wanted & INVERTED:
                passes = differs & mask & bits or mask & ~bits
            else:
                passes = not differs & mask & bits
            if passes:
                return True
        return False

    def passes(self, ids: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Tell of each id, as in ``FRAME["can_id"]``, whether it passes."""
        passing: NDArray[np.bool_] = ids & _ERROR != 0
        for (mask, inverted), wanted in self._by_mask.items():
            if inverted:
                for can_id in wanted:
                    passing |= ids & mask != can_id
            else:
                passing |= np.isin(ids & mask, wanted)
        return passing
