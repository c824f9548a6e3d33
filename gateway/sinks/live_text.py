"""The words and numbers of the live view, as plain text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.signals import Signal
from gateway.sinks.live_model import LiveModel

VALUE_WIDTH = 11
"""Characters that `value_text` needs at most: a latitude, a sign, or an exponent fit."""

SIGNIFICANT = 7
MOST_DECIMALS = 5

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-:=+*#"

FLAT = 0.05
"""A trend is at least this part of the declared range high, so that noise looks flat."""


def short_names(signals: Sequence[Signal]) -> list[str]:
    """Return for each signal the shortest of its names that no other of them has."""
    names = [(s.name, f"{s.message}.{s.name}", s.full_name) for s in signals]
    uses = Counter(name for each in names for name in each)
    return [next((n for n in each if uses[n] == 1), each[-1]) for each in names]


def decimals_of(value: float) -> int:
    """Return how many decimals *value* has, looked at with seven digits; at most five."""
    return min(len(f"{value:.{SIGNIFICANT}g}".partition(".")[2].partition("e")[0]), MOST_DECIMALS)


def value_text(value: float, decimals: int) -> str:
    """Return *value* with so many decimals, or shorter where it is too long; "-" for NaN."""
    if math.isnan(value):
        return "-"
    text = f"{value:.{decimals}f}"
    return text if len(text) <= VALUE_WIDTH else f"{value:.4g}"


def rate_text(rate: float) -> str:
    """Return samples a second, with a decimal where there are few."""
    return f"{rate:.1f}" if 0 < rate < 100 else f"{rate:.0f}"


def declared_span(signal: Signal) -> float:
    """Return the width of the range that its database declares, 0 where it declares none."""
    if signal.minimum is None or signal.maximum is None:
        return 0.0
    return max(signal.maximum - signal.minimum, 0.0)


def trend_texts(
    trends: NDArray[np.float64],
    lows: NDArray[np.float64],
    highs: NDArray[np.float64],
    spans: NDArray[np.float64],
    blocks: str = BLOCKS,
) -> list[str]:
    """Return a sparkline a row, a character a column.

    Args:
        trends: The values, shape ``(rows, columns)``; NaN becomes a blank.
        lows: The least value that each row has had.
        highs: The greatest.
        spans: `declared_span` of each row.
        blocks: Eight characters, the lowest first.
    """
    if not trends.size:
        return [""] * len(trends)
    with np.errstate(all="ignore"):  # values at the ends of what a float holds
        span = np.fmax(highs - lows, FLAT * spans)
        span = np.where(span > 0, span, 1.0)
        bottom = lows / 2 + highs / 2 - span / 2
        levels = (trends - bottom[:, np.newaxis]) / span[:, np.newaxis] * len(blocks)
    top = len(blocks) - 1
    levels = np.clip(np.nan_to_num(levels, nan=0.0, posinf=top, neginf=0), 0, top)
    levels = np.where(np.isnan(trends), len(blocks), levels).astype(np.int8)
    characters = np.array([*blocks, " "])[levels]
    rows: list[str] = characters.view(f"U{trends.shape[1]}")[:, 0].tolist()
    return rows


def processes_text(model: LiveModel) -> str:
    """Return how many processes run and which do not; "" before that is known."""
    status = model.status
    if status is None:
        return ""
    text = f"{status.running} process{'es' * (status.running != 1)} ok"
    return text + (f", away: {', '.join(status.away)}" if status.away else "")


def traffic_text(model: LiveModel) -> str:
    """Return how much comes in."""
    return f"{model.sample_rate:,.0f} samples/s"


def alarms_text(model: LiveModel) -> str:
    """Return how many alarms are active."""
    return f"{model.active or 'no'} alarm{'s' * (model.active != 1)} active"


def loss_text(model: LiveModel) -> str:
    """Return how much was lost; "" before that is known."""
    if model.status is None:
        return ""
    return f"{model.status.lost:,} lost"
