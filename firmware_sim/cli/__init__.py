"""The command ``firmware-sim``."""

from __future__ import annotations

import sys

import click

from firmware_sim.cli import options
from firmware_sim.cli.control import clear, inject, release, reset, set_, state
from firmware_sim.cli.record import record
from firmware_sim.cli.run import bus, run
from firmware_sim.cli.watch import bridge, dump
from firmware_sim.errors import RequestError, ScenarioError, SimError

EXIT_INPUT = 2
EXIT_FAILED = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="embedded-gateway", prog_name="firmware-sim")
def cli() -> None:
    """Simulated hardware: CAN buses, serial devices, a Formula 1 car.

    Any python-can program joins a bus by its name: can.Bus("can0", interface="firmware_sim").
    """


for _command in (run, bus, dump, bridge, record, state, set_, release, reset, inject, clear):
    cli.add_command(_command)


def main() -> None:
    """Run the command line; end the process with its exit status."""
    try:
        cli(prog_name="firmware-sim", standalone_mode=False)
    except (ScenarioError, RequestError) as error:
        _end(str(error), EXIT_INPUT)
    except SimError as error:
        _end(str(error), EXIT_FAILED)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        _end(error.format_message(), EXIT_INPUT)
    except click.Abort:
        sys.exit(EXIT_FAILED)
    except OSError as error:
        # The machine said no: a disk that is full, a folder that may not be written.
        options.drop_output()
        place = f"{error.filename}: " if error.filename else ""
        _end(f"{place}{error.strerror or error}", EXIT_FAILED)
    sys.exit(0)


def _end(message: str, status: int) -> None:
    print(f"firmware-sim: {message}", file=sys.stderr)
    sys.exit(status)
