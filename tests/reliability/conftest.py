"""Every promise with its test and its figure: the rows of docs/reliability.md.

A row is a folder here. To add one:

1. Make ``tests/reliability/<row>/test_*.py``. A test takes its size from
   ``amount(short=20, long=1_000)``: short in ``make test``, where all rows together have 75 s; long
   in ``make soak``, or a part of that with ``make soak SCALE=0.1``. What cannot be short asks for
   the fixture ``long_form`` and is skipped in ``make test``.
2. Say what was measured, before asserting it: ``figure("1,000 kills, back within 0.9 s")``.
   Several figures of a row stand beside each other.
3. Add a line to the table in docs/reliability.md: promise, how it is tested, the command
   ``make soak ROW=<row>``, the figure with what was run. tests/unit/packaging checks that rows and
   folders are the same.

``make soak`` prints the table with the figures of its own run, and fails with a broken promise.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reliability.md"
LONGEST_S = 6 * 3600
"""After so long a test of the long form hangs."""


class Row(NamedTuple):
    """A line of the table in docs/reliability.md."""

    promise: str
    how: str
    command: str
    figure: str

    @property
    def folder(self):
        return self.command.partition("ROW=")[2]


def rows():
    """Read the table of docs/reliability.md."""
    lines = [line for line in PAGE.read_text().splitlines() if "make soak ROW=" in line]
    cells = [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in lines]
    return [Row(*each) for each in cells]


def pytest_addoption(parser):
    group = parser.getgroup("reliability")
    group.addoption("--soak", action="store_true", help="the long forms, and the table at the end")
    group.addoption("--scale", type=float, default=1.0, help="this part of the long forms' size")


def is_soak(config):
    # Unknown where pytest was started for other tests, too: it had not read this file then.
    return config.getoption("--soak", default=False)


def pytest_collection_modifyitems(config, items):
    if is_soak(config):
        for item in items:
            if item.path.is_relative_to(HERE):
                item.add_marker(pytest.mark.timeout(LONGEST_S))


@pytest.fixture
def amount(request):
    """How much to do: *short* in `make test`; *long*, or a part of it, in `make soak`."""

    def amount(short, long):
        if not is_soak(request.config):
            return short
        return max(short, round(long * request.config.getoption("--scale")))

    return amount


@pytest.fixture
def long_form(request):
    """Skip the test in `make test`: it has no short form."""
    if not is_soak(request.config):
        pytest.skip("takes too long for every day; make soak runs it")


@pytest.fixture
def figure(record_property):
    """Report what was measured, for the table."""

    def figure(text):
        print(text)
        record_property("figure", text)

    return figure


def pytest_terminal_summary(terminalreporter, config):
    if not is_soak(config):
        return
    table = Table("promise", "how it is tested", "command", "figure", "", show_lines=True)
    for row in rows():
        figures, outcomes = [], set()
        for outcome in ("passed", "failed", "error", "skipped"):
            for report in terminalreporter.getreports(outcome):
                if f"/reliability/{row.folder}/" in report.nodeid:
                    outcomes.add(outcome)
                    found = [text for name, text in report.user_properties if name == "figure"]
                    figures += [text for text in found if text not in figures]
        if outcomes:
            verdict = (
                "[red]broken" if outcomes & {"failed", "error"}
                else "[green]held" if "passed" in outcomes
                else "not run"
            )  # fmt: skip
            promise, how = (re.sub(r"[*`]", "", text) for text in (row.promise, row.how))
            table.add_row(promise, how, row.command, "; ".join(figures), verdict)
    terminalreporter.ensure_newline()
    Console(width=None if sys.stdout.isatty() else 160).print(table)
