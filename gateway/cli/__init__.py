"""The command line.

The commands import what they need when they run: a `--help` need not wait for numpy.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from gateway import __version__
from gateway.cli.streams import finish_output, prepare_streams
from gateway.errors import ConfigError, GatewayError, InputError

EXIT_FINDING = 1
EXIT_USAGE = 2
EXIT_FAILED = 3


class _LazyGroup(click.Group):
    """A group whose commands live in modules of their own, imported on use."""

    commands_by_module = ("run", "demo", "check", "backtest", "decode", "status", "send", "doctor")

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands_by_module)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.commands_by_module:
            return None
        module = __import__(f"gateway.cli.{cmd_name}", fromlist=["command"])
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; that whoever read our output (head, less) has seen enough is no error.

        Told here, as click itself would make status 1 of it, which is that of a finding.
        """
        status: object = 0
        with suppress(BrokenPipeError):
            status = super().invoke(ctx)
            sys.stdout.flush()
        return status


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway")
def cli() -> None:
    """CAN and serial sensors in, warnings out, and no loss that is not counted."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status; the console script ``gateway``."""
    # The linear algebra library's threads are of no use here, cost memory in every process, and
    # a process with threads must not be forked.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    prepare_streams()
    try:
        code = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="gateway",
            standalone_mode=False,
        )
    except ConfigError as error:
        code = _complain(error, *error.others, code=EXIT_USAGE)
    except InputError as error:
        code = _complain(error, code=EXIT_USAGE)
    except GatewayError as error:
        code = _complain(error, code=EXIT_FAILED)
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except OSError as error:
        # The machine said no: a folder that may not be written, a disk that is full.
        place = f"{error.filename}: " if error.filename else ""
        print(f"gateway: {place}{error.strerror or error}", file=sys.stderr)
        code = EXIT_FAILED
    finish_output()
    sys.exit(code)


def _complain(*errors: GatewayError, code: int) -> int:
    for error in errors:
        print(f"gateway: {error}", file=sys.stderr)
    return code
