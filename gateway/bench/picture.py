"""A failure as a picture: signals over time with threshold and event, in SVG without a library."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from gateway.clock import NS_PER_S

WIDTH, LEFT, RIGHT = 960, 90, 20
PANEL, GAP, TOP, BOTTOM = 130, 26, 44, 34
MOST_PANELS = 6
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.title{font-size:14px;font-weight:bold}"
    ".name{paint-order:stroke;stroke:#fff;stroke-width:4px}"
    ".axis{stroke:#999;fill:none}.grid{stroke:#e4e4e4}.line{stroke:#1f6fb4;fill:none;"
    "stroke-width:1.5}.threshold{stroke:#c22;stroke-dasharray:6 4}.event{stroke:#c22;"
    "stroke-width:1.5}.stimulus{stroke:#2a2;stroke-width:1.5}.end{stroke:#888;"
    "stroke-dasharray:2 3}.looked{fill:#f4f4ea}.small{font-size:11px;fill:#666}"
)


@dataclass(frozen=True, slots=True)
class Trace:
    """A signal.

    Attributes:
        name: What it is called.
        unit: "" for none.
        t_ns: Its samples' times, rising, shape ``(n,)``.
        values: Their values, shape ``(n,)``.
        thresholds: Horizontal lines.
    """

    name: str
    unit: str
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    thresholds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """A vertical line.

    Attributes:
        t_ns: When.
        text: What happened.
        style: "stimulus", "event" or "end".
    """

    t_ns: int
    text: str
    style: str


def draw(
    title: str,
    traces: Sequence[Trace],
    moments: Sequence[Moment],
    looked_ns: tuple[int, int],
    span_ns: tuple[int, int],
) -> str:
    """Return an SVG document: a panel a signal, all over the same time.

    Args:
        title: Above it.
        traces: The first `MOST_PANELS` are drawn. A value holds until the next one.
        moments: Drawn through all panels.
        looked_ns: The stretch that was judged, shaded; second 0 is its beginning.
        span_ns: The stretch that is drawn.
    """
    traces = traces[:MOST_PANELS]
    height = TOP + max(1, len(traces)) * (PANEL + GAP) + BOTTOM
    axis = _Axis(span_ns, looked_ns[0])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}"><style>{_STYLE}</style>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>',
    ]
    bottom = height - BOTTOM - GAP + 8
    begin, end = (axis.x(t_ns) for t_ns in looked_ns)
    parts.append(
        f'<rect class="looked" x="{begin:.1f}" y="{TOP}" width="{max(0.0, end - begin):.1f}" '
        f'height="{bottom - TOP}"/>'
    )
    for second in axis.ticks():
        x = axis.x(second)
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>')
        label = f"{(second - axis.zero_ns) / NS_PER_S:.4g}"
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{label}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{bottom + 30}" text-anchor="end">seconds</text>')
    for number, trace in enumerate(traces):
        parts += _panel(trace, axis, TOP + number * (PANEL + GAP) + 8)
    parts += _moments(moments, axis, bottom)
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Axis:
    """The axis of time."""

    def __init__(self, span_ns: tuple[int, int], zero_ns: int) -> None:
        self.begin_ns = span_ns[0]
        self.end_ns = max(span_ns[1], span_ns[0] + 1)
        self.zero_ns = zero_ns

    def x(self, t_ns: float) -> float:
        """Return where *t_ns* is, kept inside the panel."""
        share = (t_ns - self.begin_ns) / (self.end_ns - self.begin_ns)
        return LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[int]:
        """Return round moments, six to twelve of them."""
        step = _round_step((self.end_ns - self.begin_ns) / NS_PER_S / 8)
        step_ns = max(1, round(step * NS_PER_S))
        first = -(-(self.begin_ns - self.zero_ns) // step_ns)
        last = (self.end_ns - self.zero_ns) // step_ns
        return [self.zero_ns + n * step_ns for n in range(first, last + 1)]


def _panel(trace: Trace, axis: _Axis, top: float) -> list[str]:
    least, greatest = _extremes(trace)
    room = (greatest - least) * 0.08 or max(abs(greatest) * 0.05, 0.5)
    low, high = least - room, greatest + room
    height = PANEL - 8

    def y(value: float) -> float:
        return top + height * (1 - (value - low) / (high - low))

    unit = f" [{trace.unit}]" if trace.unit else ""
    parts = [
        f'<rect class="axis" x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" '
        f'height="{height}"/>',
    ]
    parts += [
        f'<text class="small" x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">'
        f"{value:.6g}</text>"
        for value in dict.fromkeys((least, greatest))
    ]
    for threshold in trace.thresholds:
        at = y(threshold)
        parts.append(f'<path class="threshold" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text class="small" x="{WIDTH - RIGHT - 4}" y="{at - 4:.1f}" text-anchor="end">'
            f"{threshold:.6g}</text>"
        )
    if len(trace.values):
        parts.append(f'<path class="line" d="{_line(trace, axis, y)}"/>')
    else:
        middle = top + height / 2
        parts.append(f'<text x="{LEFT + 60}" y="{middle}">nothing came</text>')
    # Last, so that no line goes through it.
    name = escape(trace.name + unit)
    parts.append(f'<text class="name" x="{LEFT + 6}" y="{top + 15}">{name}</text>')
    return parts


def _line(trace: Trace, axis: _Axis, y: Callable[[float], float]) -> str:
    """Return the path of the values: steps, no more than two for each point across."""
    points: dict[int, list[float]] = {}
    for t_ns, value in zip(trace.t_ns.tolist(), trace.values.tolist(), strict=True):
        points.setdefault(round(axis.x(t_ns) * 2), []).append(value)
    path = ""
    for x, values in points.items():
        shown = (values[0], min(values), max(values), values[-1])
        for value in dict.fromkeys(shown) if len(values) > 1 else values:
            at = y(value)
            path += f"H{x / 2:.1f}V{at:.1f}" if path else f"M{x / 2:.1f} {at:.1f}"
    return f"{path}H{WIDTH - RIGHT}"


def _moments(moments: Sequence[Moment], axis: _Axis, bottom: float) -> list[str]:
    parts = []
    for number, moment in enumerate(moments):
        if not axis.begin_ns <= moment.t_ns <= axis.end_ns:
            continue
        x = axis.x(moment.t_ns)
        parts.append(f'<path class="{moment.style}" d="M{x:.1f} {TOP - 4}V{bottom}"/>')
        right = x > WIDTH * 0.7
        place = f'x="{x - 3 if right else x + 3:.1f}" y="{TOP - 8 + 11 * (number % 2)}"'
        anchor = ' text-anchor="end"' if right else ""
        parts.append(f'<text class="small" {place}{anchor}>{escape(moment.text)}</text>')
    return parts


def _extremes(trace: Trace) -> tuple[float, float]:
    """Return the least and the greatest of the values and thresholds, 0 for none."""
    known = [*trace.thresholds]
    if len(trace.values):
        known += [float(trace.values.min()), float(trace.values.max())]
    known = [value for value in known if math.isfinite(value)] or [0.0]
    return min(known), max(known)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(max(step, 1e-9)))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * 0.999)
