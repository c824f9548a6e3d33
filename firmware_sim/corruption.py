"""Bit errors on the wire: which transmissions they hit, and where."""

from __future__ import annotations

import random
from dataclasses import dataclass

from firmware_sim.frame import Frame
from firmware_sim.node import Node


@dataclass(slots=True)
class _Fault:
    probability: float
    count: int | None


class Corruptions:
    """The senders of a line whose transmissions are hit.

    Args:
        seed: Of what is hit; each sender has its own sequence, whatever the others send.
    """

    def __init__(self, seed: int | str) -> None:
        self._seed = seed
        self._faults: dict[Node, _Fault] = {}
        self._rngs: dict[Node, random.Random] = {}

    def set(self, node: Node, probability: float, count: int | None) -> None:
        """See `line.Line.corrupt`."""
        if node.mailbox:
            node.mailbox[0].hit = None
        self._faults.pop(node, None)
        if probability:
            self._faults[node] = _Fault(probability, count)
            seeded = random.Random(f"{self._seed}/{node.name}")  # noqa: S311 - to be repeatable
            self._rngs.setdefault(node, seeded)

    def place(self, node: Node, frame: Frame) -> float:
        """Return where *frame*, which *node* sends, is hit: 0 to 1; 1 for nowhere."""
        if frame.hit is None:
            fault = self._faults.get(node)
            if fault is None:
                return 1.0
            # Drawn once for each transmission, however often it is asked.
            rng = self._rngs[node]
            frame.hit = rng.random() if rng.random() < fault.probability else 1.0
        return frame.hit

    def struck(self, node: Node) -> None:
        """Count a transmission of *node* that was hit."""
        fault = self._faults.get(node)
        if fault is not None and fault.count is not None:
            fault.count -= 1
            if fault.count <= 0:
                del self._faults[node]
