"""``firmware-sim record``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from firmware_sim.cli import options
from firmware_sim.errors import RequestError, ScenarioError
from firmware_sim.recording import Recording
from firmware_sim.scenario import load_scenario


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--seconds",
    type=float,
    required=True,
    metavar="S",
    callback=options.finite,
    help="How much of the scenario: S seconds.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder for can.log, and for a file for each serial port.",
)
def record(scenario: Path, seconds: float, out: Path) -> None:
    """Run the devices of SCENARIO in simulated time, as fast as it goes, and record them.

    `gateway backtest` runs rules over what is recorded.
    """
    loaded = load_scenario(scenario)
    began = time.monotonic()
    try:
        totals = Recording(loaded, out).run(seconds)
    except RequestError as error:
        raise ScenarioError(scenario, error.where, error.got, error.expected) from None
    took = time.monotonic() - began
    click.echo(
        f"{seconds:g} s recorded in {took:.1f} s: {totals.frames} frames,"
        f" {totals.bytes} bytes on serial ports"
    )
