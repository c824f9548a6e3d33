"""``firmware-sim dump`` and ``firmware-sim bridge``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from functools import partial

import click

from firmware_sim import candump
from firmware_sim.bridge import Bridge, Traffic
from firmware_sim.cli import options
from firmware_sim.dump import ALL_ERRORS, Dump
from firmware_sim.errors import BridgeError
from firmware_sim.parent import announce, stop_with_parent


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
    options.check_name(name, "BUS")
    try:
        filters = candump.Filters.parse(rules + (f",#{ALL_ERRORS:X}" if errors else ""))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="FILTER") from None
    if die_with_parent:
        stop_with_parent()
    node = Dump(name, filters, count=count, out=sys.stdout)
    try:
        node.run(seconds=seconds, ready=partial(_announce, ready_fd, die_with_parent))
    except BrokenPipeError:
        options.drop_output()  # whoever read has had enough, as `head` has
    if node.lost:
        click.echo(f"firmware-sim: dump missed {node.lost} frames of {name}", err=True)


@click.command()
@click.argument("bus", metavar="BUS")
@click.argument("interface", metavar="INTERFACE")
@options.seconds
@options.ready_fd
@options.die_with_parent
@options.log_format
def bridge(
    bus: str,
    interface: str,
    seconds: float | None,
    ready_fd: int | None,
    die_with_parent: bool,
    log_format: str,
) -> None:
    """Join BUS and a SocketCAN interface (vcan0, say) to one, until SIGINT or SIGTERM.

    Frames go both ways, CAN FD too; error frames stay where they arise. At the end it prints how
    many went which way, and how many were lost.
    """
    options.check_name(bus, "BUS")
    if die_with_parent:
        stop_with_parent()
    node = Bridge(bus, interface)
    ended = node.run(seconds=seconds, ready=partial(_announce, ready_fd, die_with_parent))
    _account(bus, interface, node.to_interface, log_format)
    _account(interface, bus, node.to_bus, log_format)
    if ended:
        raise BridgeError(ended)


def _announce(fd: int | None, die_with_parent: bool) -> None:
    if fd is not None:
        announce(fd, die_with_parent=die_with_parent)


def _account(source: str, target: str, traffic: Traffic, log_format: str) -> None:
    facts = {"source": source, "target": target, **asdict(traffic)}
    if log_format == "json":
        click.echo(json.dumps({"event": "bridged", **facts}))
    else:
        click.echo("bridged " + " ".join(f"{key}={value}" for key, value in facts.items()))
