"""``gateway check``: is this configuration right? Opens no device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.workers.plan import Plan


@click.command("check")
@click.argument("config", type=click.Path())
def command(config: str) -> None:
    """Validate CONFIG and every file it names; print the process table and the signals."""
    from gateway.config.load import load_config
    from gateway.supervisor.assembly import Assembly
    from gateway.supervisor.options import Options
    from gateway.workers.plan import make_plan

    plan = make_plan(load_config(Path(config)))
    with Assembly(plan, Options()) as assembly:
        click.echo(f"{config}: all right\n")
        width = max([len("process"), *(len(spec.name) for spec in assembly.table)])
        click.echo(f"{'process':<{width}}  {'stage':<9} does")
        for spec in assembly.table:
            click.echo(f"{spec.name:<{width}}  {spec.stage.name.lower():<9} {spec.does}")
    click.echo(
        f"\n{len(plan.signals)} signals, {len(plan.wanted)} decoded, {len(plan.rules)} rules"
    )
    click.echo("\n".join(_signal_lines(plan)))


def _signal_lines(plan: Plan) -> list[str]:
    width = max((len(signal.full_name) for signal in plan.signals), default=0)
    rules: dict[int, list[str]] = {}
    for rule in plan.rules:
        rules.setdefault(rule.signal.index, []).append(rule.name)
    lines = []
    for signal in plan.signals:
        decoded = "decoded" if signal.index in plan.wanted else "-"
        judged = ", ".join(rules.get(signal.index, []))
        line = f"  {signal.full_name:<{width}}  {signal.unit:<10} {decoded:<8} {judged}"
        lines.append(line.rstrip())
    return lines
