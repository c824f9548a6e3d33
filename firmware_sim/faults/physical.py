"""Faults of a CAN bus's physical layer, by the hooks of `firmware_sim.line`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from firmware_sim.bus import ErrorState, Line, Node
from firmware_sim.faults.effect import Context
from firmware_sim.faults.kinds import Corrupt
from firmware_sim.outlets import BusLine

Act = Callable[[Line, Sequence[Node], bool, int], None]
"""Puts a fault on nodes of a line, or takes it back, at CLOCK_MONOTONIC."""


def hold(line: BusLine, act: Act, nodes: Sequence[Node], now_ns: int) -> Callable[[int], None]:
    """Put a fault on nodes of a bus with a bit rate at *now_ns*; return what takes it back.

    Of faults that overlap, those that go on when one ends are put on again, so that its end is
    not theirs.
    """
    wire = line.bus.line
    assert wire is not None  # noqa: S101 - refused without

    def put_on(at_ns: int) -> None:
        act(wire, nodes, True, at_ns)
        line.touched = True

    def take_back(at_ns: int) -> None:
        line.holds.remove(put_on)
        act(wire, nodes, False, at_ns)
        line.touched = True
        for each in line.holds:
            each(at_ns)

    line.holds.append(put_on)
    put_on(now_ns)
    return take_back


class LineEffect:
    """A fault on the wire, or at the controllers of nodes.

    It counts the nodes that it was put on, and the transmissions that fail, or are discarded,
    meanwhile.

    Args:
        context: Its circumstances.
        act: What it does.
    """

    def __init__(self, context: Context, act: Act) -> None:
        assert context.target.line is not None  # noqa: S101 - so is the table
        self._context = context
        self._act = act
        self._line: BusLine = context.target.line
        self._counted = 0
        self._failed: int | None = None
        self._nodes: list[Node] = []
        self._take_back: Callable[[int], None]

    @property
    def count(self) -> int:
        """See `Effect`."""
        return self._counted + (0 if self._failed is None else self._failures() - self._failed)

    def start(self, _now_ns: int) -> None:
        """See `Effect`."""
        # Those that are there now: the nodes of a bus come and go.
        self._nodes = list(self._context.target.nodes) or list(self._line.bus.nodes)
        self._failed = self._failures()
        self._counted += len(self._nodes)
        now_ns = self._context.rig.schedule.monotonic_ns()
        self._take_back = hold(self._line, self._act, self._nodes, now_ns)

    def stop(self, _now_ns: int) -> None:
        """See `Effect`."""
        self._counted, self._failed = self.count, None
        self._take_back(self._context.rig.schedule.monotonic_ns())

    def _failures(self) -> int:
        return self._line.bus.errors + sum(node.unsent for node in self._nodes)


def short(line: Line, _nodes: Sequence[Node], begins: bool, now_ns: int) -> None:
    """Short the line, whoever is on it."""
    line.short(begins, now_ns)


def bus_off(line: Line, nodes: Sequence[Node], begins: bool, now_ns: int) -> None:
    """Hold nodes bus-off."""
    for node in nodes:
        line.force(node, ErrorState.BUS_OFF if begins else None, now_ns)


def error_passive(line: Line, nodes: Sequence[Node], begins: bool, now_ns: int) -> None:
    """Hold nodes error-passive."""
    for node in nodes:
        line.force(node, ErrorState.PASSIVE if begins else None, now_ns)


def no_ack(line: Line, nodes: Sequence[Node], begins: bool, now_ns: int) -> None:
    """Keep nodes from acknowledging."""
    for node in nodes:
        line.mute(node, begins, now_ns)


def destroy(context: Context) -> LineEffect:
    """Destroy a share of the transmissions of nodes on the wire."""
    rate = context.spec.rate if isinstance(context.spec, Corrupt) else 1.0

    def act(line: Line, nodes: Sequence[Node], begins: bool, now_ns: int) -> None:
        for node in nodes:
            line.corrupt(node, rate if begins else 0.0, now_ns)

    return LineEffect(context, act)


def mute_and_destroy(context: Context) -> LineEffect:
    """Have nodes send at a wrong speed: each of their frames is an error to the others."""

    def act(line: Line, nodes: Sequence[Node], begins: bool, now_ns: int) -> None:
        for node in nodes:
            line.corrupt(node, 1.0 if begins else 0.0, now_ns)
            line.mute(node, begins, now_ns)

    return LineEffect(context, act)
