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
    from gateway.analysis.alarm_text import AlarmText
    from gateway.analysis.engine import Engine
    from gateway.cli.progress import progress
    from gateway.config.load import load_config
    from gateway.config.model import Config
    from gateway.record import unpack_alarms
    from gateway.signals import SignalTable
    from gateway.sources.recorded import RecordedSource
    from gateway.sources.replay import play, recorded_sources
    from gateway.workers.plan import make_plan

    paths = [Path(log) for log in logs]
    sources: list[RecordedSource] = []

    def make_sources(config: Config, signals: SignalTable) -> list[RecordedSource]:
        sources.extend(recorded_sources(config, paths, signals))
        return sources

    plan = make_plan(load_config(Path(config)), make_sources)
    engine, text = Engine(plan.rules), AlarmText(plan.rules)
    out = sys.stdout.buffer
    position = 0
    with progress("backtest", 1.0) as show:
        for samples in play(sources):
            alarms = engine.feed(samples, 0, position)
            out.writelines(text.json(alarm) for alarm in unpack_alarms(alarms))
            position += len(samples)
            show(min(source.progress() for source in sources))
    out.flush()
    lost = {source.name: source.counters.lost for source in sources if source.counters.lost}
    for name, reasons in lost.items():
        losses = ", ".join(f"{n:,} {reason}" for reason, n in reasons.items())
        click.echo(f"gateway: {name}: lost {losses}", err=True)
