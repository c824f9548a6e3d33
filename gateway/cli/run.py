"""``gateway run``: the gateway."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli import options


@click.command("run")
@click.argument("config", type=click.Path())
@options.seconds
@click.option(
    "--alarms",
    metavar="FILE",
    help="Append alarm events to FILE as JSON lines; '-' prints them on standard output.",
)
@click.option("--live", is_flag=True, help="Draw the live table instead of printing warnings.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(
    config: str, seconds: float | None, alarms: str | None, live: bool, log_format: str
) -> None:
    """Run the gateway as CONFIG says, until it is told to stop or all recordings have ended.

    Ctrl-C, SIGTERM and SIGHUP tell it; what has been received by then is still judged.
    """
    from gateway.config.load import load_config
    from gateway.supervisor.options import Options
    from gateway.supervisor.run import run_gateway
    from gateway.workers.plan import make_plan

    to_stdout = alarms == "-"
    if to_stdout and live:
        raise click.UsageError("--live draws on standard output, and --alarms - prints there.")
    wanted = Options(
        journal=Path(alarms) if alarms and not to_stdout else None,
        json_to_stdout=to_stdout,
        view="live" if live else "none" if to_stdout else "lines",
        log_format="json" if log_format == "json" else "text",
    )
    run_gateway(make_plan(load_config(Path(config))), wanted, seconds)
