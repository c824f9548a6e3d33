"""``gateway doctor``: what on this machine would keep the gateway from working."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.doctor.finding import Finding


@click.command("doctor")
@click.argument("config", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(config: str | None, as_json: bool) -> int:
    """Examine this machine: what would keep CONFIG from working, and the line that mends it.

    Without CONFIG it looks at whatever is there. It changes nothing. The exit status is 1 if it
    finds something.
    """
    from gateway.cli import EXIT_FINDING
    from gateway.config.load import load_config
    from gateway.doctor.examination import CHECKS, examine
    from gateway.doctor.finding import Verdict
    from gateway.doctor.machine import Machine

    found = list(examine(Machine(), load_config(Path(config)) if config else None))
    findings = sum(finding.verdict is Verdict.FINDING for _, finding in found)
    if as_json:
        checks = [
            {
                "check": name,
                "verdict": finding.verdict,
                "found": finding.found,
                "why": finding.why,
                "mend": finding.mend,
            }
            for name, finding in found
        ]
        print(json.dumps({"findings": findings, "checks": checks}))
    else:
        for name, finding in found:
            print(format_finding(name, finding))
        print(f"\n{len(CHECKS)} checks, {findings} finding{'s' * (findings != 1)}")
    return EXIT_FINDING if findings else 0


def format_finding(name: str, finding: Finding) -> str:
    """Return a finding as text for a person: a line, and what to do below it."""
    lines = [f"{finding.verdict.value:<15} {name}: {finding.found}"]
    if finding.why:
        lines.append(f"{'':<15}   why:  {finding.why}")
    if finding.mend:
        lines.append(f"{'':<15}   mend: {finding.mend}")
    return "\n".join(lines)
