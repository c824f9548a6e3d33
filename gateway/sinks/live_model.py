"""What the live view shows, without showing it: last values, a little history, the warnings.

No I/O and no clock. A batch costs a few passes of numpy, however many signals it holds; nothing is
kept for each sample.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.record import TICK, AlarmKind, Alarms, Quality, Samples
from gateway.signals import Signal

COLUMNS = 32
COLUMN_NS = 500 * NS_PER_MS
"""A trend is so many columns of so long each: 16 s in all."""

RATE_WINDOW_NS = 2 * NS_PER_S
"""Rates are means over this; over less, those of slow signals would flicker."""

QUIET_NS = 2 * NS_PER_S
QUIET_INTERVALS = 4
"""A signal is stale when it has been silent for both: so long, and so many of its intervals."""

NOTICES_KEPT = 200

SEVERITIES = ("", "info", "warning", "critical")
"""By weight; "" is no alarm."""


class State(IntEnum):
    """How a signal is, apart from its alarms."""

    WAITING = 0
    """Nothing has come yet."""
    OK = 1
    OUT_OF_RANGE = 2
    STALE = 3
    INVALID = 4


@dataclass(frozen=True, slots=True)
class Notice:
    """A line below the table.

    Attributes:
        text: What it says, its time included.
        severity: One of `SEVERITIES`.
        over: Whether it tells of an end: an alarm that cleared.
    """

    text: str
    severity: str = ""
    over: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """How the gateway is, for the line at the bottom.

    Attributes:
        running: How many processes run as they should.
        away: The names of those that do not: their device is away, or they are.
        lost: All that was lost since the start, at any stage.
    """

    running: int
    away: tuple[str, ...] = ()
    lost: int = 0


class LiveModel:
    """The state of the live view.

    Args:
        signals: Those to be shown.
        rules: For each rule, in the configuration's order, the index of its signal and its
            severity.

    Attributes:
        signals: The rows: signals with rules first, in the order of the rules, then the others.
        values: The last value of each row; NaN where it was invalid or none has come.
        lows: The least value of each row so far; NaN where none has come.
        highs: The greatest, likewise.
        trends: The values of the last `COLUMNS` columns, oldest first, shape
            ``(len(signals), COLUMNS)``; NaN where there was none.
        rates: Samples a second of each row.
        states: The `State` of each row.
        severities: The gravest active alarm of each row, as an index into `SEVERITIES`.
        sample_rate: Samples a second of all signals, shown or not.
        active: How many alarms are on.
        notices: The newest notices, newest last.
        noticed: How many there have been in all.
        status: How the gateway is. Assigned from outside; None until then.
    """

    def __init__(self, signals: Iterable[Signal], rules: Sequence[tuple[int, str]] = ()) -> None:
        first_rule: dict[int, int] = {}
        for rule, (index, _) in enumerate(rules):
            first_rule.setdefault(index, rule)
        self.signals = tuple(
            sorted(signals, key=lambda s: (first_rule.get(s.index, len(rules)), s.index))
        )
        count = len(self.signals)
        # Every array has one row more than is shown: what the ticks and all other signals go to.
        self._row_of = np.full(max([-1, *(s.index for s in self.signals)]) + 2, count)
        self._row_of[[signal.index for signal in self.signals]] = np.arange(count)
        self._values = np.full(count + 1, np.nan)
        self._qualities = np.zeros(count + 1, np.uint8)
        self._counts = np.zeros(count + 1, np.int64)
        self._total = 0

        self.lows: NDArray[np.float64] = np.full(count, np.nan)
        self.highs: NDArray[np.float64] = np.full(count, np.nan)
        self.trends = np.full((count, COLUMNS), np.nan)
        self.rates: NDArray[np.floating] = np.zeros(count)
        self.states = np.zeros(count, np.int64)
        self.sample_rate = 0.0
        self._next_column_ns: int | None = None
        self._first_ns = np.zeros(count, np.int64)
        self._last_ns = np.zeros(count, np.int64)
        self._seen = np.zeros(count, np.int64)
        self._window: deque[tuple[int, int, NDArray[np.int64]]] = deque()

        self._rule_rows = self._rows_of(np.array([signal for signal, _ in rules], np.int64))
        self._rule_severities = np.array([SEVERITIES.index(s) for _, s in rules], np.int64)
        self.active = 0
        self._severities = np.zeros(count + 1, np.int64)
        self.notices: deque[Notice] = deque(maxlen=NOTICES_KEPT)
        self.noticed = 0
        self.status: Status | None = None

    @property
    def values(self) -> NDArray[np.float64]:
        """See the class."""
        return self._values[:-1]

    @property
    def severities(self) -> NDArray[np.int64]:
        """See the class."""
        return self._severities[:-1]

    def feed_samples(self, samples: Samples) -> None:
        """Take a batch of `SAMPLE` records, in order; ticks and unknown signals are allowed."""
        signals = samples["signal"]
        qualities = samples["quality"]
        rows = self._rows_of(signals)
        # Where a row occurs several times in an assignment by index, the last one stays.
        self._values[rows] = np.where(qualities == Quality.INVALID, np.nan, samples["value"])
        self._qualities[rows] = qualities
        self._counts += np.bincount(rows, minlength=len(self._counts))
        self._total += len(samples) - int(np.count_nonzero(signals == TICK))

    def feed_alarms(self, alarms: Alarms, texts: Iterable[str]) -> None:
        """Take `ALARM` records, in order, and for each what people shall read."""
        raised = alarms["kind"] == AlarmKind.RAISED
        for rule, up, text in zip(alarms["rule"].tolist(), raised.tolist(), texts, strict=True):
            self.note(Notice(text, SEVERITIES[self._rule_severities[rule]], over=not up))

    def set_active(self, active: NDArray[np.bool_]) -> None:
        """Take for each rule whether its alarm is on.

        Not known from the events: of those some may be missed, or be older than the view.
        """
        self.active = int(np.count_nonzero(active))
        self._severities[:] = 0
        on = np.flatnonzero(active)
        np.maximum.at(self._severities, self._rule_rows[on], self._rule_severities[on])

    def note(self, notice: Notice) -> None:
        """Add a line below the table that is no alarm's: a link that was lost."""
        # Nothing that would move the cursor: a rule's message may hold any character.
        text = "".join(c if c.isprintable() else " " for c in notice.text)
        self.notices.append(replace(notice, text=text))
        self.noticed += 1

    def tick(self, now_ns: int) -> None:
        """Bring rates, states and trends up to *now_ns*, on CLOCK_MONOTONIC.

        Called once a picture. Times are those of arrival, not the samples' own: the view tells
        what comes in now, also while a recording is played.
        """
        counts = self._counts[:-1].copy()
        arrived = counts > self._seen
        self._first_ns[arrived & (self._seen == 0)] = now_ns
        self._last_ns[arrived] = now_ns
        self._seen = counts
        self.lows = np.fmin(self.lows, self.values)
        self.highs = np.fmax(self.highs, self.values)
        self._measure_rates(now_ns, counts)
        self.states = self._judge(now_ns)
        self._extend_trends(now_ns)

    def _measure_rates(self, now_ns: int, counts: NDArray[np.int64]) -> None:
        window = self._window
        window.append((now_ns, self._total, counts))
        while len(window) > 2 and now_ns - window[1][0] >= RATE_WINDOW_NS:
            window.popleft()
        then_ns, then_total, then_counts = window[0]
        if elapsed_ns := now_ns - then_ns:
            self.rates = (counts - then_counts) * (NS_PER_S / elapsed_ns)
            self.sample_rate = (self._total - then_total) * (NS_PER_S / elapsed_ns)

    def _judge(self, now_ns: int) -> NDArray[np.int64]:
        interval_ns = (self._last_ns - self._first_ns) / np.maximum(self._seen - 1, 1)
        silent_ns = now_ns - self._last_ns
        qualities = self._qualities[:-1]
        # In order of weight; the first that is true names the state.
        return np.select(
            [
                self._seen == 0,
                qualities == Quality.INVALID,
                (silent_ns > QUIET_NS) & (silent_ns > QUIET_INTERVALS * interval_ns),
                qualities == Quality.OUT_OF_RANGE,
            ],
            [State.WAITING, State.INVALID, State.STALE, State.OUT_OF_RANGE],
            State.OK,
        )

    def _extend_trends(self, now_ns: int) -> None:
        if self._next_column_ns is None:
            self._next_column_ns = now_ns
        due = (now_ns - self._next_column_ns) // COLUMN_NS + 1
        if due <= 0:
            return
        self._next_column_ns += due * COLUMN_NS
        width = min(due, COLUMNS)
        self.trends[:, :-width] = self.trends[:, width:]
        current = np.where(self.states == State.STALE, np.nan, self.values)
        self.trends[:, -width:] = current[:, np.newaxis]

    def _rows_of(self, signals: NDArray[np.integer]) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = self._row_of[np.minimum(signals, len(self._row_of) - 1)]
        return rows
