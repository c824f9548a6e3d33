"""``firmware-sim dump`` and ``firmware-sim bridge``."""

from __future__ import annotations

import os
import sys

import click

from firmware_sim import candump
from firmware_sim.cli import options
from firmware_sim.dump import ALL_ERRORS, Dump
from firmware_sim.simulation import announce, stop_with_parent


@click.command()
@click.argument("bus", metavar="BUS[,FILTER...]")
@click.option(
    "--count", type=click.IntRange(min=1), metavar="N", help="End by itself after N lines."
)
@click.option("--errors", is_flag=True, help="Show error frames, too: the filter #1FFFFFFF.")
@options.seconds
@options.ready_fd
@options.die_with_parent
def dump(
    bus: str,
    count: int | None,
    errors: bool,
    seconds: float | None,
    ready_fd: int | None,
    die_with_parent: bool,
) -> None:
    """Print what crosses BUS as `candump -L` does, until the bus ends or SIGINT or SIGTERM.

    Filters are candump's: ID:MASK for frames whose id is ID where MASK has ones, ID~MASK for all
    others, #CLASSES for error frames, j to ask for all rather than one; all in hex, an ID of eight
    digits is an extended one. The output is a candump log, which the gateway replays.
    """
    name, _, rules = bus.partition(",")
    options.check_bus_name(name, "BUS")
    try:
        filters = candump.Filters.parse(rules + (f",#{ALL_ERRORS:X}" if errors else ""))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="FILTER") from None
    if die_with_parent:
        stop_with_parent()
    node = Dump(name, filters, count=count, out=sys.stdout)
    if ready_fd is not None:
        announce(ready_fd)
    try:
        node.run(seconds=seconds)
    except BrokenPipeError:
        # Whoever read has had enough, as `head` has; what Python would flush at the end is dropped.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if node.lost:
        click.echo(f"firmware-sim: dump missed {node.lost} frames of {name}", err=True)
