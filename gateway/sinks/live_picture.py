"""The live view as lines of text for any size: a table, the warnings, a line of status.

Drawn from few, long segments rather than by `rich.table.Table`, which measures every cell anew for
every picture: the view must not take the CPU from what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from gateway.sinks.live_model import COLUMNS, SEVERITIES, LiveModel, Notice, State
from gateway.sinks.live_text import (
    ASCII_BLOCKS,
    BLOCKS,
    VALUE_WIDTH,
    alarms_text,
    decimals_of,
    declared_span,
    loss_text,
    processes_text,
    rate_text,
    short_names,
    traffic_text,
    trend_texts,
    value_text,
)

RATE_WIDTH = 7
STATE_WIDTH = 12
LONGEST_NAME = 40
LONGEST_UNIT = 8
NARROWEST_TREND = 8
GAP = "  "

FEWEST_ROWS = 3
MOST_NOTICES = 8
FEWEST_NOTICES = 3
"""So many stay however many signals there are, unless they would be more than a fifth."""

PLAIN = Style()
DIM = Style(dim=True)
BOLD = Style(bold=True)
GOOD = Style(color="green")
TREND = Style(color="cyan")
SEVERITY_STYLES = (
    PLAIN,
    Style(color="cyan", bold=True),
    Style(color="yellow", bold=True),
    Style(color="red", bold=True),
)
STATES = {
    State.WAITING: ("no data", DIM),
    State.OK: ("ok", GOOD),
    State.OUT_OF_RANGE: ("out of range", Style(color="magenta")),
    State.STALE: ("stale", Style(color="yellow")),
    State.INVALID: ("INVALID", Style(color="magenta", bold=True)),
}
SILENT = {State.WAITING, State.STALE, State.INVALID}
"""States that an alarm colours, but does not replace: they say that its value is not current."""

Line = list[Segment]


class Picture:
    """One picture, which rich can print.

    Attributes:
        lines: The segments of each line, without line ends.
    """

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See rich's console protocol."""
        for line in self.lines:
            yield from line
            yield Segment.line()


@dataclass(frozen=True, slots=True)
class Columns:
    """How many cells wide each column is; 0 leaves it out."""

    name: int
    unit: int
    trend: int
    rate: int

    @classmethod
    def fit(cls, width: int, name: int, unit: int) -> Columns:
        """Share out *width* cells. First the trend gives way, then the rate, then the unit.

        Args:
            width: Of the terminal.
            name: The longest name.
            unit: The longest unit, 0 where there is none.
        """
        name, unit = min(name, LONGEST_NAME), min(unit, LONGEST_UNIT)
        fixed = len(GAP) + VALUE_WIDTH + len(GAP) + STATE_WIDTH
        for_unit = 1 + unit if unit else 0
        for_rate = len(GAP) + RATE_WIDTH
        rest = width - name - fixed - for_unit - for_rate
        trend = min(rest - len(GAP), COLUMNS)
        if trend >= NARROWEST_TREND:
            return cls(name, unit, trend, RATE_WIDTH)
        if rest >= 0:
            return cls(name, unit, 0, RATE_WIDTH)
        if rest + for_rate >= 0:
            return cls(name, unit, 0, 0)
        return cls(max(min(name, width - fixed), 1), 0, 0, 0)

    def head(self, name: str, value: str, unit: str) -> str:
        """Return the first three cells of a row, padded or cut."""
        text = set_cell_size(name, self.name) + GAP + value.rjust(VALUE_WIDTH)
        return f"{text} {set_cell_size(unit, self.unit)}" if self.unit else text

    def middle(self, trend: str) -> str:
        """Return the trend's cell."""
        return GAP + trend.ljust(self.trend) if self.trend else ""

    def tail(self, rate: str) -> str:
        """Return the rate's cell, and the gap before the state."""
        return (GAP + rate.rjust(self.rate) if self.rate else "") + GAP


def share_height(height: int, signals: int, notices: int) -> tuple[int, int | None]:
    """Share out the lines of a terminal.

    Returns:
        How many lines the table has below its head, and how many notices are shown; None leaves
        their heading out, too.
    """
    status, table_head, notices_head = 1, 1, 2
    notices = min(notices, MOST_NOTICES)
    room = height - status - table_head - notices_head
    missing = max(signals + notices - room, 0)
    notices = max(notices - missing, min(notices, FEWEST_NOTICES, height // 5))
    if room - notices >= min(signals, FEWEST_ROWS if notices else signals):
        return min(signals, room - notices), notices
    return min(signals, max(height - status - table_head, 0)), None


class LiveRenderer:
    """Draws a `LiveModel`; keeps what does not change from picture to picture.

    Args:
        model: What is drawn.
        ascii_only: Whether the terminal can show nothing but ASCII.
    """

    def __init__(self, model: LiveModel, *, ascii_only: bool = False) -> None:
        self._model = model
        self._ascii_only = ascii_only
        self._names = [self._clean(name) for name in short_names(model.signals)]
        self._units = [self._clean(signal.unit) for signal in model.signals]
        self._name_width = max([len("signal"), *map(cell_len, self._names)])
        self._unit_width = max([0, *map(cell_len, self._units)])
        self._spans = np.array([declared_span(signal) for signal in model.signals])
        self._decimals = [0] * len(model.signals)

    def render(self, width: int, height: int) -> Picture:
        """Return the model as it is now, in at most *height* lines of at most *width* cells."""
        model = self._model
        rows, notices = share_height(height, len(model.signals), len(model.notices))
        lines = self._table(rows, Columns.fit(width, self._name_width, self._unit_width))
        if notices is not None:
            heading = f"warnings ({model.noticed:,})" if model.noticed else "no warnings"
            newest = list(model.notices)[len(model.notices) - notices :]
            lines += [[], [Segment(heading, BOLD)], *(self._notice(each, width) for each in newest)]
        lines.append(self._status())
        return Picture([_crop(line, width) for line in lines])

    def _table(self, room: int, columns: Columns) -> list[Line]:
        if not room:
            return []
        model = self._model
        left_out = len(model.signals) - room
        shown = room - 1 if left_out > 0 else room
        head = columns.head("signal", "value", "unit") + columns.middle("trend")
        lines = [[Segment(head + columns.tail("rate/s") + "state", BOLD)]]
        trends = trend_texts(
            model.trends[:shown, COLUMNS - columns.trend :],
            model.lows[:shown],
            model.highs[:shown],
            self._spans[:shown],
            ASCII_BLOCKS if self._ascii_only else BLOCKS,
        )
        values, rates = model.values[:shown].tolist(), model.rates[:shown].tolist()
        states, severities = model.states[:shown].tolist(), model.severities[:shown].tolist()
        for row in range(shown):
            head = columns.head(self._names[row], self._value(row, values[row]), self._units[row])
            state, severity = State(states[row]), severities[row]
            text, style = STATES[state]
            if severity:
                style = SEVERITY_STYLES[severity]
                text = text if state in SILENT else SEVERITIES[severity]
            lines.append(
                [
                    Segment(head, SEVERITY_STYLES[severity]),
                    Segment(columns.middle(trends[row]), TREND),
                    Segment(columns.tail(rate_text(rates[row])), PLAIN),
                    Segment(text, style),
                ]
            )
        if left_out > 0:
            lines.append([Segment(f"and {left_out + 1:,} more signals", DIM)])
        return lines

    def _value(self, row: int, value: float) -> str:
        # The most that were ever needed, so that the decimal point stays where it is.
        self._decimals[row] = max(self._decimals[row], decimals_of(value))
        return value_text(value, self._decimals[row])

    def _notice(self, notice: Notice, width: int) -> Line:
        style = GOOD if notice.over else SEVERITY_STYLES[SEVERITIES.index(notice.severity)]
        text = self._clean(notice.text)
        if cell_len(text) > width:
            # Half a number would be read as a whole one.
            text = set_cell_size(text, width - 1) + (">" if self._ascii_only else "…")
        return [Segment(text, style)]

    def _status(self) -> Line:
        model = self._model
        status = model.status
        parts = [
            (processes_text(model), SEVERITY_STYLES[2] if status and status.away else GOOD),
            (loss_text(model), SEVERITY_STYLES[3] if status and status.lost else PLAIN),
            (alarms_text(model), BOLD if model.active else PLAIN),
            (traffic_text(model), PLAIN),
        ]
        line: Line = []
        for text, style in parts:
            if text:
                line += [Segment(" | ", DIM)] if line else []
                line.append(Segment(text, style))
        return line

    def _clean(self, text: str) -> str:
        """Return *text* with nothing in it that would move the cursor or cannot be shown."""
        text = "".join(c if c.isprintable() else " " for c in text)
        return text.encode("ascii", "replace").decode() if self._ascii_only else text


def _crop(line: Line, width: int) -> Line:
    if sum(segment.cell_length for segment in line) <= width:
        return line
    return Segment.adjust_line_length(line, width, pad=False)
