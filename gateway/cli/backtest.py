"""``gateway backtest``: the rules over recordings, as fast as it goes, in one process."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command("backtest")
@click.argument("config", type=click.Path())
@click.argument("logs", nargs=-1, required=True, type=click.Path(), metavar="LOG...")
def command(config: str, logs: tuple[str, ...]) -> None:
    """Run the rules of CONFIG over LOGs and print the alarm events as JSON lines.

    The events, and their order, are those that a replay of the same recordings through the
    gateway's processes raises.
    """
    from gateway.analysis.engine import Engine
    from gateway.cli.progress import progress
    from gateway.config.load import load_config
    from gateway.sinks.alarm_text import AlarmText
    from gateway.sources.replay import recorded_sources
    from gateway.workers.plan import make_plan

    paths = [Path(log) for log in logs]
    plan = make_plan(
        load_config(Path(config)), lambda config, signals: recorded_sources(config, paths, signals)
    )
    engine, text = Engine(plan.rules), AlarmText(plan.rules)
    out = sys.stdout.buffer
    position = 0
