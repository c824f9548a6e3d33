"""Options that several commands share."""

from __future__ import annotations

import click

LONGEST_S = 1e9


def _finite(
    _context: click.Context, _parameter: click.Parameter, seconds: float | None
) -> float | None:
    # Not click.FloatRange, which lets NaN through.
    if seconds is not None and not 0 <= seconds <= LONGEST_S:
        raise click.BadParameter(f"got {seconds:g}, expected 0 to {LONGEST_S:g} seconds")
    return seconds


seconds = click.option(
    "--seconds", type=float, metavar="S", callback=_finite, help="Stop after S seconds."
)
