"""Options that several commands share."""

from __future__ import annotations

import os
import sys

import click

from firmware_sim import wire

_LONGEST_S = 1e9


def finite(
    _context: click.Context, _parameter: click.Parameter, seconds: float | None
) -> float | None:
    """Check seconds."""
    # Not click.FloatRange, which lets NaN through.
    if seconds is not None and not 0 <= seconds <= _LONGEST_S:
        raise click.BadParameter(f"got {seconds:g}, expected 0 to {_LONGEST_S:g} seconds")
    return seconds


ready_fd = click.option(
    "--ready-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Write READY and a newline to descriptor N, and close it, once everything has started.",
)
seconds = click.option(
    "--seconds",
    type=float,
    metavar="S",
    callback=finite,
    help="End by itself after S seconds.",
)
die_with_parent = click.option(
    "--die-with-parent", is_flag=True, help="End when the process that started this one ends."
)
log_format = click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print what was started and, at the end, who sent, got and lost how much.",
)


def drop_output() -> None:
    """Have what Python would still write to standard output at the end go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def check_name(name: str, hint: str) -> None:
    """End the command where *name*, which *hint* gave, cannot be a bus's, or a scenario's."""
    try:
        wire.address(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=hint) from None
