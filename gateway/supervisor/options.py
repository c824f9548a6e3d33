"""What the command line says about a run, and the outputs that follow from it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.analysis.alarm_text import AlarmText
from gateway.config.show import as_text
from gateway.log import LogFormat
from gateway.record import Alarm
from gateway.sinks.console import Console
from gateway.sinks.journal import Journal
from gateway.sinks.lines import LineOutput, LineStream
from gateway.workers.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says about a run.

    Attributes:
        journal: File for alarm events, in place of the configuration's; None leaves that.
        json_to_stdout: Whether alarm events go to standard output as JSON lines.
        view: "lines" prints warnings, "live" draws the table, "none" shows nothing.
        log_format: Of the log on standard error.
    """

    journal: Path | None = None
    json_to_stdout: bool = False
    view: Literal["lines", "live", "none"] = "lines"
    log_format: LogFormat = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmOutput:
    """One place where alarm events go.

    Attributes:
        name: Of the process that brings them there.
        does: What that does, in a few words.
        lossless: Whether the gateway waits for it. A record is not to have gaps; a terminal that
            somebody has halted must not halt the gateway.
        open: Opens it; called in the process.
        words: Puts an event into a line for it.
    """

    name: str
    does: str
    lossless: bool
    open: Callable[[], LineOutput]
    words: Callable[[Alarm], bytes]


def alarm_outputs(plan: Plan, options: Options) -> list[AlarmOutput]:
    """Return the outputs of a run.

    Raises:
        ConfigError: The journal cannot be written.
    """
    text = AlarmText(plan.rules)
    outputs = []
    path = options.journal
    if path is None and plan.config.alarms.journal is not None:
        path = plan.config.resolve(plan.config.alarms.journal)
    if path is not None:
        outputs.append(
            AlarmOutput(
                name="journal",
                does=f"writes alarms to {as_text(path)}",
                lossless=True,
                open=lambda: _open_journal(path),
                words=text.json,
            )
        )
    if options.json_to_stdout:
        outputs.append(
            AlarmOutput(
                name="stdout",
                does="prints alarms as JSON",
                lossless=True,
                open=lambda: LineStream(sys.stdout.fileno()),
                words=text.json,
            )
        )
    if options.view == "lines":
        console = Console(sys.stdout.fileno())
        outputs.append(
            AlarmOutput(
                name="console",
                does="prints alarms for people",
                lossless=False,
                open=lambda: console,
                words=lambda alarm: f"{text.line(alarm, console.color)}\n".encode(),
            )
        )
    return outputs


def _open_journal(path: Path) -> Journal:
    journal = Journal(path)
    if repair := journal.repair:
        logging.getLogger("journal").warning(
            "%s: cut off %d bytes of a torn line at offset %d: %r",
            path,
            repair.size,
            repair.offset,
            repair.start,
        )
    return journal


def probe_outputs(plan: Plan, options: Options) -> None:
    """Open what can be wrong and close it again, so that a mistake is told before anything runs.

    Raises:
        ConfigError: The journal cannot be written.
    """
    for output in alarm_outputs(plan, options):
        if output.name == "journal":
            output.open().close()
