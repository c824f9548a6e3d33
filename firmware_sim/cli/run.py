"""``firmware-sim run`` and ``firmware-sim bus``."""

from __future__ import annotations

from pathlib import Path

import click

from firmware_sim.cli import options
from firmware_sim.errors import RequestError, ScenarioError
from firmware_sim.scenario import MAX_BIT_RATE, BusSection, Scenario, load_scenario
from firmware_sim.simulation import Simulation


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@options.seconds
@click.option(
    "--ports",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the links to serial ports, whatever the scenario says.",
)
@click.option(
    "--namespace",
    metavar="NAME",
    default="",
    help="Put NAME and a dot before the names of buses, so that several runs do not meet.",
)
@click.option(
    "--control",
    metavar="NAME",
    help="Take requests under NAME rather than the namespace's, or the process's number.",
)
@options.ready_fd
@options.die_with_parent
@options.log_format
def run(
    scenario: Path,
    seconds: float | None,
    ports: Path | None,
    namespace: str,
    control: str | None,
    ready_fd: int | None,
    die_with_parent: bool,
    log_format: str,
) -> None:
    """Run the devices of SCENARIO, a TOML file, until SIGINT or SIGTERM."""
    loaded = load_scenario(scenario)
    if control is not None:
        options.check_name(control, "--control")
    if namespace:
        for name in (namespace, *(f"{namespace}.{each.name}" for each in loaded.bus)):
            options.check_name(name, "--namespace")
    if ports is None and loaded.scenario.ports is not None:
        ports = scenario.parent / Path(loaded.scenario.ports).expanduser()
    simulation = Simulation(
        loaded,
        ports=ports,
        namespace=namespace,
        control=control,
        base=scenario.parent,
        log_format=log_format,
    )
    try:
        simulation.run(seconds=seconds, ready_fd=ready_fd, die_with_parent=die_with_parent)
    except RequestError as error:
        raise ScenarioError(scenario, error.where, error.got, error.expected) from None


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--bit-rate",
    type=click.IntRange(0, MAX_BIT_RATE),
    default=0,
    metavar="N",
    help="Have them behave as buses of N bits a second; 0 is unlimited, without errors.",
)
@click.option(
    "--data-bit-rate",
    type=click.IntRange(0, MAX_BIT_RATE),
    default=0,
    metavar="N",
    help="That of CAN FD frames that switch, if another.",
)
@options.seconds
@options.ready_fd
@options.die_with_parent
@options.log_format
def bus(
    names: tuple[str, ...],
    bit_rate: int,
    data_bit_rate: int,
    seconds: float | None,
    ready_fd: int | None,
    die_with_parent: bool,
    log_format: str,
) -> None:
    """Run empty CAN buses with these names, until SIGINT or SIGTERM."""
    for name in names:
        options.check_name(name, "NAME")
    if len(set(names)) < len(names):
        raise click.BadParameter("got the same name twice", param_hint="NAME")
    if data_bit_rate and not bit_rate:
        raise click.BadParameter("got it alone, expected --bit-rate", param_hint="--data-bit-rate")
    empty = Scenario(
        bus=tuple(
            BusSection(name=name, bit_rate=bit_rate, data_bit_rate=data_bit_rate) for name in names
        )
    )
    Simulation(empty, log_format=log_format).run(
        seconds=seconds, ready_fd=ready_fd, die_with_parent=die_with_parent
    )
