"""The command ``firmware-sim``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from firmware_sim import wire
from firmware_sim.errors import ScenarioError, SimError
from firmware_sim.scenario import BusSection, Scenario, load_scenario
from firmware_sim.simulation import Simulation

EXIT_INPUT = 2
EXIT_FAILED = 3

_LONGEST_S = 1e9


def _finite(
    _context: click.Context, _parameter: click.Parameter, seconds: float | None
) -> float | None:
    # Not click.FloatRange, which lets NaN through.
    if seconds is not None and not 0 <= seconds <= _LONGEST_S:
        raise click.BadParameter(f"got {seconds:g}, expected 0 to {_LONGEST_S:g} seconds")
    return seconds


_ready_fd = click.option(
    "--ready-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Write READY and a newline to descriptor N, and close it, once everything has started.",
)
_seconds = click.option(
    "--seconds",
    type=float,
    metavar="S",
    callback=_finite,
    help="End by itself after S seconds.",
)
_die_with_parent = click.option(
    "--die-with-parent", is_flag=True, help="End when the process that started this one ends."
)
_log_format = click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print what was started and, at the end, who sent, got and lost how much.",
)


def _check_name(name: str, hint: str) -> None:
    try:
        wire.address(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=hint) from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="embedded-gateway", prog_name="firmware-sim")
def cli() -> None:
    """Simulated hardware: CAN buses, serial devices, a Formula 1 car.

    Any python-can program joins a bus by its name: can.Bus("can0", interface="firmware_sim").
    """


@cli.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@_seconds
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
@_ready_fd
@_die_with_parent
@_log_format
def run(
    scenario: Path,
    seconds: float | None,
    ports: Path | None,
    namespace: str,
    ready_fd: int | None,
    die_with_parent: bool,
    log_format: str,
) -> None:
    """Run the devices of SCENARIO, a TOML file, until SIGINT or SIGTERM."""
    loaded = load_scenario(scenario)
    for bus_section in loaded.bus if namespace else ():
        _check_name(f"{namespace}.{bus_section.name}", "--namespace")
    if ports is None and loaded.scenario.ports is not None:
        ports = scenario.parent / Path(loaded.scenario.ports).expanduser()
    Simulation(loaded, ports=ports, namespace=namespace, log_format=log_format).run(
        seconds=seconds, ready_fd=ready_fd, die_with_parent=die_with_parent
    )


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_seconds
@_ready_fd
@_die_with_parent
@_log_format
def bus(
    names: tuple[str, ...],
    seconds: float | None,
    ready_fd: int | None,
    die_with_parent: bool,
    log_format: str,
) -> None:
    """Run empty CAN buses with these names, until SIGINT or SIGTERM."""
    for name in names:
        _check_name(name, "NAME")
    if len(set(names)) < len(names):
        raise click.BadParameter("got the same name twice", param_hint="NAME")
    empty = Scenario(bus=tuple(BusSection(name=name) for name in names))
    Simulation(empty, log_format=log_format).run(
        seconds=seconds, ready_fd=ready_fd, die_with_parent=die_with_parent
    )


def main() -> None:
    """Run the command line; end the process with its exit status."""
    try:
        cli(prog_name="firmware-sim", standalone_mode=False)
    except ScenarioError as error:
        _end(str(error), EXIT_INPUT)
    except SimError as error:
        _end(str(error), EXIT_FAILED)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        _end(error.format_message(), EXIT_INPUT)
    except click.Abort:
        sys.exit(EXIT_FAILED)
    sys.exit(0)


def _end(message: str, status: int) -> None:
    print(f"firmware-sim: {message}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
