"""An expression over a stretch of time, sample by sample."""

from __future__ import annotations

import math

import numpy as np

from gateway.bench.expression import Expression
from gateway.bench.history import History
from gateway.record import Quality, Samples

_INVALID = np.uint8(Quality.INVALID)


class Watch:
    """Looks for the first moment at which an expression holds.

    It is judged each time one of its signals comes, once a frame, by each signal's latest value;
    first when all of them have come since *since_ns*, so that nothing older has a say. Invalid
    values are passed over, as rules do.

    Args:
        expression: What is looked for.
        history: Where the samples are.
        since_ns: When the stretch begins; what comes at this very moment belongs to it.
        until_ns: When it ends, likewise.

    Attributes:
        held_ns: When it first held; None as long as it has not.
        judged: How often it was judged.
        latest: The latest value of each signal, NaN for none.
        nearest: The least distance at which it was, see `Expression.distance`; inf for none.
        nearest_values: The values then, and
        nearest_ns: when.
    """

    def __init__(
        self, expression: Expression, history: History, since_ns: int, until_ns: int
    ) -> None:
        self.expression = expression
        self.since_ns = since_ns
        self.until_ns = until_ns
        self.held_ns: int | None = None
        self.judged = 0
        self.latest = [math.nan] * len(expression.signals)
        self.nearest = math.inf
        self.nearest_values: tuple[float, ...] = ()
        self.nearest_ns = 0
        self._history = history
        self._slots = {signal.index: slot for slot, signal in enumerate(expression.signals)}
        self._indices = np.array(list(self._slots), np.uint32)
        self._missing = set(range(len(expression.signals)))
        self._cursor = history.at(since_ns)

    @property
    def missing(self) -> list[str]:
        """The full names of the signals that have not come yet."""
        return [self.expression.signals[slot].full_name for slot in sorted(self._missing)]

    def look(self) -> bool:
        """Take what the history has that is new; tell whether the expression has held."""
        for batch in self._history.batches(self._cursor):
            if self.held_ns is None:
                self._feed(batch)
        self._cursor = self._history.end
        return self.held_ns is not None

    def _feed(self, samples: Samples) -> None:
        mine = np.isin(samples["signal"], self._indices)
        mine &= (samples["t_ns"] >= self.since_ns) & (samples["t_ns"] <= self.until_ns)
        samples = samples[mine & (samples["quality"] != _INVALID)]
        times = samples["t_ns"].tolist()
        values, signals = samples["value"].tolist(), samples["signal"].tolist()
        for n, (t_ns, value, signal) in enumerate(zip(times, values, signals, strict=True)):
            slot = self._slots[signal]
            self.latest[slot] = value
            self._missing.discard(slot)
            # A frame's signals have one time, and only together are they what was sent.
            if (n + 1 == len(times) or times[n + 1] != t_ns) and not self._missing:
                self._judge(t_ns)
                if self.held_ns is not None:
                    return

    def _judge(self, t_ns: int) -> None:
        self.judged += 1
        distance = self.expression.distance(self.latest)
        if distance < self.nearest:
            self.nearest, self.nearest_ns = distance, t_ns
            self.nearest_values = tuple(self.latest)
        if self.expression.holds(self.latest):
            self.held_ns = t_ns
