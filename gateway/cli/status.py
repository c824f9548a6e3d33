"""``gateway status``: how the running instance is, asked from outside."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from gateway.supervisor.instance import the_instance
from gateway.supervisor.ledger import Entry, format_ledger


@click.command("status")
@click.argument("config", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the whole status as one JSON object.")
def command(config: str | None, as_json: bool) -> None:
    """Show the running instance: processes, rates, the loss ledger, active alarms.

    CONFIG says which, where several run on this machine.
    """
    status = the_instance(config).status
    if as_json:
        json.dump(status, sys.stdout)
        print()
    else:
        print(format_status(status))


def format_status(status: dict[str, Any]) -> str:
    """Return *status* (see `gateway.supervisor.status`) as text for a person."""
    width = max([len("process"), *(len(each["name"]) for each in status["processes"])])
    lines = [
        f"{status['name']}  {status['state']} for {_span(status['uptime_s'])}"
        f"  (process {status['pid']}, {status['config']})",
        "",
        f"{'process':<{width}}  {'state':<10}  {'pid':>7}  restarts     rate",
    ]
    for each in status["processes"]:
        rate = "" if each["rate"] is None else f"  {each['rate']:>7,.0f} {each['unit']}/s"
        lines.append(
            f"{each['name']:<{width}}  {each['state']:<10}  {each['pid'] or '-':>7}"
            f"  {each['restarts']:>8}{rate}"
        )
    for each in status["processes"]:
        for state, link in (each["link"] or {"states": {}})["states"].items():
            lines.append(
                f"{each['name']} has been {state} for {_span(link['for_s'])}: {link['detail']}"
            )
    lines += ["", format_ledger(Entry(**entry) for entry in status["ledger"]), ""]
    if status["alarms"]:
        lines.append(f"active alarms: {len(status['alarms'])}")
        for alarm in status["alarms"]:
            # Ten digits, as in the warning: a position in degrees needs seven behind the point.
            known = alarm["value"] is not None
            value = f"{alarm['value']:.10g} {alarm['unit']}".rstrip() if known else "no value"
            lines.append(
                f"  {alarm['severity']:<8} {alarm['rule']}: {alarm['message']}"
                f" ({alarm['signal']} = {value})"
            )
    else:
        lines.append("no active alarms")
    return "\n".join(lines)


def _span(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"
