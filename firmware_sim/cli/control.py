"""Commands to a running scenario: ``state``, ``set``, ``inject`` and the like."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import click

from firmware_sim.control import ask, only_scenario
from firmware_sim.faults.kinds import KINDS

_WORDS = ("key_at", "key_for", "key_when", "key_delay", "key_period", "key_field")

control = click.option(
    "--control",
    "name",
    metavar="NAME",
    help="The scenario, as it said at its start; not needed where only one runs.",
)


def request(name: str | None, **facts: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON can carry
    """Ask the scenario *name*, or the only one that runs."""
    return ask(name if name is not None else only_scenario(), facts)


def assignment(text: str) -> tuple[str, str, float]:
    """Return the device, the input and the value in ``DEVICE.INPUT=VALUE``."""
    address, equals, value = text.partition("=")
    device, dot, name = address.partition(".")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if equals and dot and math.isfinite(number):
        return device, name, number
    raise click.BadParameter(f"got {text!r}, expected DEVICE.INPUT=NUMBER")


@click.command("state")
@control
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with everything.")
def state(name: str | None, as_json: bool) -> None:
    """Show the buses, ports, devices and faults of a running scenario."""
    answer = request(name, do="state")
    if as_json:
        click.echo(json.dumps(answer))
        return
    for line in described(answer):
        click.echo(line)


@click.command("set")
@control
@click.argument("values", nargs=-1, required=True, metavar="DEVICE.INPUT=VALUE...")
def set_(name: str | None, values: tuple[str, ...]) -> None:
    """Hold inputs of devices at values, until they are released."""
    by_device: dict[str, dict[str, float]] = {}
    for device, key, value in map(assignment, values):
        by_device.setdefault(device, {})[key] = value
    for device, held in by_device.items():
        request(name, do="set", device=device, values=held)


@click.command()
@control
@click.argument("inputs", nargs=-1, required=True, metavar="DEVICE[.INPUT]...")
def release(name: str | None, inputs: tuple[str, ...]) -> None:
    """Let inputs follow the simulation again; all of a device's where none is named."""
    for text in inputs:
        device, dot, key = text.partition(".")
        request(name, do="release", device=device, inputs=[key] if dot else None)


@click.command()
@control
@click.argument("device")
def reset(name: str | None, device: str) -> None:
    """Have DEVICE begin again from its boot."""
    request(name, do="reset", device=device)


def _keys(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* an option for each key that a fault can have."""
    names = {name for kind in KINDS.values() for name in kind.__struct_encode_fields__} - {"on"}
    for name in sorted(names, reverse=True):
        has = [kind for kind, keys in KINDS.items() if name in keys.__struct_encode_fields__]
        of = "any" if len(has) == len(KINDS) else ", ".join(has)
        option = click.option(f"--{name.replace('_', '-')}", f"key_{name}", help=f"Of {of}.")
        command = option(command)
    return command


@click.command()
@control
@click.argument("kind")
@click.argument("on")
@_keys
def inject(name: str | None, kind: str, on: str, **keys: str | None) -> None:
    """Put a fault of KIND on ON: a device, an input of it, or a bus. Prints its number.

    docs/faults.md has the kinds, what they work on, and their keys.
    """
    given = {key.removeprefix("key_"): _typed(key, text) for key, text in keys.items() if text}
    answer = request(name, do="inject", fault={"kind": kind, "on": on, **given})
    click.echo(answer["id"])


@click.command()
@control
@click.argument("number", type=int, required=False)
def clear(name: str | None, number: int | None) -> None:
    """Take the fault NUMBER back, or all; prints how often they took effect."""
    click.echo(request(name, do="clear", id=number)["effects"])


def _typed(key: str, text: str) -> str | int | float:
    """Return a key's value as JSON has it: a number where it is one."""
    if key in _WORDS:
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def described(state: dict[str, Any]) -> list[str]:
    """Return *state*, what a scenario answered, as lines for a person."""
    lines = [f"at {state['t_ns'] / 1e9:.3f} s"]
    for name, bus in state["buses"].items():
        lines.append(f"bus {name}: {bus['channel']}, {bus['frames']} frames")
        lines += [f"  node {_facts(node)}" for node in bus["nodes"]]
    for device, port in state["ports"].items():
        lines.append(f"port of {device}: {_facts(port)}")
    for name, device in state["devices"].items():
        lines.append(f"device {name}: {device['type']} {device.get('state', '')}".rstrip())
        for key, value in device["inputs"].items():
            shown = "-" if value is None else f"{value:g} {device['units'][key]}".rstrip()
            lines.append(f"  {key} = {shown}")
    lines += [f"fault {_facts(fault)}" for fault in state["faults"]]
    return lines


def _facts(facts: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in facts.items())
