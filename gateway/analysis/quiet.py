"""What may come without changing anything, written down where the producers can read it.

Nearly all samples leave every rule as it stands, so nobody has to be woken for them. Which ones do
so is the *quiet* of a rule: an interval of values, or for a rule on silence an interval of times.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.analysis.rules import Condition, Rule
from gateway.analysis.state import RuleStates
from gateway.analysis.states import WAITING, RuleState
from gateway.record import Samples, look_up

_FIRST = int(np.iinfo(np.int64).min)
_LAST = int(np.iinfo(np.int64).max)
_NO_STATE = 255


class Quiet(NamedTuple):
    """What leaves a rule in its state: samples with values *and* times within these intervals.

    Both ends belong to them; where the first is greater than the last, there is nothing in
    between. A sample that is not valid leaves a rule on a value as it is, whatever its value.

    Attributes:
        low: The least value of the signal.
        high: The greatest.
        since_ns: The first time on the source's time line.
        until_ns: The last.
    """

    low: float = -math.inf
    high: float = math.inf
    since_ns: int = _FIRST
    until_ns: int = _LAST

    def __and__(self, other: Quiet) -> Quiet:
        """Return what is quiet for both."""
        return Quiet(
            max(self.low, other.low),
            min(self.high, other.high),
            max(self.since_ns, other.since_ns),
            min(self.until_ns, other.until_ns),
        )


def quiet_of(rule: Rule, row: np.void) -> Quiet | None:
    """Return what leaves *rule* in its state, a row of `RULE_STATE`.

    None if that cannot be said: while a delay runs, and for a rule on the rate, which depends on
    the sample before.
    """
    state = RuleState(row["state"])
    if state in WAITING or rule.condition is Condition.RATE_ABOVE:
        return None
    if rule.condition is Condition.STALE_AFTER:
        return _quiet_of_silence(rule, row, state)
    if state is RuleState.NORMAL:
        return Quiet(rule.low, rule.high)
    # What does not clear may lie on both sides of what does: then the side counts on which it was.
    if rule.high == math.inf or row["last_value"] < rule.clear_low:
        return Quiet(high=math.nextafter(rule.clear_low, -math.inf))
    return Quiet(low=math.nextafter(rule.clear_high, math.inf))


def _quiet_of_silence(rule: Rule, row: np.void, state: RuleState) -> Quiet:
    if state is RuleState.ACTIVE:
        return Quiet(low=math.inf, high=-math.inf)  # any value ends the silence
    if not row["seen"]:
        return Quiet(until_ns=_FIRST)
    last_ns = int(row["last_ns"])
    return Quiet(since_ns=last_ns, until_ns=last_ns + rule.stale_after_ns - 1)


class QuietTable:
    """The quiet of all rules, by signal and by source, in memory that several processes share.

    Each analyzer writes what concerns its own rules, and the producers read. There is no lock: an
    analyzer writes while it is awake, when nobody asks on its behalf, and before it says under the
    ring's guard that it dozes; a producer asks under that guard, see `gateway.ring.lane.Lane`.

        offset          size   field
        0               8 S    for each of S signals the least value that is quiet
        8 S             8 S    the greatest; the last signal stands for ticks
        16 S            8 N A  for each of N sources and A analyzers the first time
        16 S + 8 N A    8 N A  the last

    Args:
        memory: `size` writable bytes, aligned to 8.
        rules: All rules.
        owner: For each signal the number of the analyzer that judges it.
        sources: How many sources there are.
        analyzers: How many analyzers there are, 1..64.
    """

    def __init__(
        self,
        memory: NDArray[np.uint8],
        rules: Sequence[Rule],
        owner: NDArray[np.uint8],
        sources: int,
        analyzers: int,
    ) -> None:
        signals = len(owner) + 1
        self._low, self._high = memory[: 16 * signals].view(np.float64).reshape(2, signals)
        times = memory[16 * signals : self.size(len(owner), sources, analyzers)].view(np.int64)
        self._since_ns, self._until_ns = times.reshape(2, sources, analyzers)
        self._low[:], self._high[:] = -math.inf, math.inf
        self._since_ns[:], self._until_ns[:] = _FIRST, _LAST
        self._bit = np.append(np.uint64(1) << owner.astype(np.uint64), np.uint64(0))
        self._timed: list[set[int]] = [set() for _ in range(sources)]
        for rule in rules:
            if rule.condition is Condition.STALE_AFTER:
                self._timed[rule.source].add(int(owner[rule.signal.index]))

    @staticmethod
    def size(signals: int, sources: int, analyzers: int) -> int:
        """Return how many bytes of memory it takes."""
        return 16 * (signals + 1) + 16 * sources * analyzers

    def write_values(self, signal: int, quiet: Quiet) -> None:
        """Write down what values are quiet for all rules on *signal*."""
        self._low[signal], self._high[signal] = quiet.low, quiet.high

    def write_times(self, source: int, analyzer: int, quiet: Quiet) -> None:
        """Write down what times are quiet for all rules of *analyzer* on *source*'s silence."""
        self._since_ns[source, analyzer] = quiet.since_ns
        self._until_ns[source, analyzer] = quiet.until_ns

    def stirs(self, source: int, samples: Samples) -> int:
        """Return which analyzers cannot pass over *samples* of *source*: bit a for number a."""
        signal, value = samples["signal"], samples["value"]
        # NaN, which is no value, is neither below nor above.
        outside = value < look_up(self._low, signal)
        outside |= value > look_up(self._high, signal)
        bits = 0
        if 1 in outside.tobytes():
            bits = int(np.bitwise_or.reduce(look_up(self._bit, signal[outside])))
        if self._timed[source]:
            t_ns = samples["t_ns"]
            first, last = t_ns.min(initial=_LAST), t_ns.max(initial=_FIRST)
            for analyzer in self._timed[source]:
                at = source, analyzer
                if first < self._since_ns[at] or last > self._until_ns[at]:
                    bits |= 1 << analyzer
        return bits


class QuietRules:
    """The rules of one analyzer, which writes down what is quiet for them before it dozes.

    Args:
        table: Where to.
        analyzer: The analyzer's number.
        rules: Its rules.
        state: Their rows, which somebody else changes.
    """

    def __init__(
        self, table: QuietTable, analyzer: int, rules: Sequence[Rule], state: RuleStates
    ) -> None:
        self._table = table
        self._analyzer = analyzer
        self._rules = tuple(rules)
        self._state = state
        silences = [n for n, rule in enumerate(rules) if rule.condition is Condition.STALE_AFTER]
        self._silences = frozenset(silences)
        self._on_signal = _grouped(range(len(rules)), [rule.signal.index for rule in rules])
        self._on_source = _grouped(silences, [rule.source for rule in rules])
        self._states = bytes([_NO_STATE]) * len(rules)
        self._quiets: list[Quiet | None] = [None] * len(rules)
        self._unwritten: set[int] = set()

    def write(self) -> bool:
        """Write down what is quiet by now; return False if for one of the rules that is unknown."""
        states = self._state["state"].tobytes()
        changed = self._silences
        if states != self._states:
            # Of many rules, few change at a time.
            pairs = enumerate(zip(states, self._states, strict=True))
            changed = changed.union(n for n, (now, before) in pairs if now != before)
            self._states = states
        for number in changed:
            self._quiets[number] = quiet_of(self._rules[number], self._state[number])
        self._unwritten |= changed
        if None in self._quiets:
            return False
        for signal in {self._rules[number].signal.index for number in self._unwritten}:
            self._table.write_values(signal, self._quiet_of_all(self._on_signal[signal]))
        for source, numbers in self._on_source.items():
            self._table.write_times(source, self._analyzer, self._quiet_of_all(numbers))
        self._unwritten.clear()
        return True

    def _quiet_of_all(self, numbers: Sequence[int]) -> Quiet:
        quiets = (quiet for number in numbers if (quiet := self._quiets[number]) is not None)
        return functools.reduce(operator.and_, quiets)


def _grouped(numbers: Iterable[int], keys: Sequence[int]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for number in numbers:
        groups.setdefault(keys[number], []).append(number)
    return groups
