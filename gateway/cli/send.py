"""``gateway send``: asks the running instance to send one armed message."""

from __future__ import annotations

import json
import math
import sys

import click

from gateway.clock import NS_PER_S, SYSTEM_CLOCK
from gateway.errors import GatewayError

EXIT_NOT_SENT = 1
_ANSWER_MARGIN_S = 5.0


@click.command("send")
@click.argument("words", nargs=-1, required=True, metavar="[CONFIG] NAME [SIGNAL=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def command(words: tuple[str, ...], as_json: bool) -> int:
    """Ask the running gateway to send the armed message NAME, and wait for the outcome.

    NAME is that of a [[transmit]] table. A VALUE is a number in the signal's unit, or a word that
    the database has for it. CONFIG says which gateway, where several run on this machine.

    Exit status 0: sent; 1: refused or expired, with the reason; 3: nothing answers.
    """
    from gateway.config.model import TransmitConfig
    from gateway.supervisor.instance import ask, the_instance

    config, name, values = _parse(words)
    instance = the_instance(config)
    question = {
        "request": "send",
        "transmit": name,
        "values": values,
        "asked_ns": SYSTEM_CLOCK.monotonic_ns(),
    }
    longest_s = TransmitConfig.LONGEST_EXPIRY_NS / NS_PER_S + _ANSWER_MARGIN_S
    answer = ask(instance.socket, question, longest_s)
    if answer is None:
        raise GatewayError("the gateway ended before it answered")
    if "outcome" not in answer:
        raise GatewayError(
            f"the running gateway cannot send ({answer.get('error', 'it is older')})"
        )
    if as_json:
        print(json.dumps(answer))
    outcome, reason = answer["outcome"], answer["reason"]
    if outcome == "sent":
        if not as_json:
            print(f"{name}: sent")
        return 0
    if outcome == "unknown":
        raise GatewayError(f"{name}: {reason}")
    print(f"gateway: {name}: {outcome}: {reason}", file=sys.stderr)
    return EXIT_NOT_SENT


def _parse(words: tuple[str, ...]) -> tuple[str | None, str, dict[str, int | float | str]]:
    """Return what the command line names: configuration, message, and values by signal."""
    names = [word for word in words if "=" not in word]
    if not 1 <= len(names) <= 2 or tuple(names) != words[: len(names)]:
        raise click.UsageError("expected [CONFIG] NAME, and after it SIGNAL=VALUE for each signal")
    values: dict[str, int | float | str] = {}
    for word in words[len(names) :]:
        signal, _, value = word.partition("=")
        if not signal or not value:
            raise click.UsageError(f"got {word!r}, expected SIGNAL=VALUE")
        if signal in values:
            raise click.UsageError(f"got {signal} twice, expected a signal only once")
        values[signal] = _number(value)
    return (names[0] if len(names) == 2 else None), names[-1], values


def _number(text: str) -> int | float | str:
    """Return *text* as the number that it is, decimal or ``0x``; else as it is, a word."""
    try:
        return int(text, 0)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
