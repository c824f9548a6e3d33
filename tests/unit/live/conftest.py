"""Signals, samples and alarms for the live view, and a terminal to show it on."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gateway.clock import NS_PER_S
from gateway.record import ALARM, SAMPLE, AlarmKind, Quality
from gateway.signals import SignalTable
from gateway.sinks.live_model import LiveModel

TEMP, FUEL, SPEED, DEPTH = range(4)


@pytest.fixture
def signals():
    table = SignalTable()
    table.add("can0", "Engine", "TEMP", "degC", 0.0, 200.0)
    table.add("can0", "Tank", "FUEL", "l")
    table.add("gps", "RMC", "SPEED", "km/h")
    table.add("boat", "DBT", "DEPTH", "m")
    return table


@pytest.fixture
def model(signals):
    """Rules: 0 warns of FUEL, 1 of TEMP, 2 is critical of TEMP."""
    return LiveModel(signals, [(FUEL, "info"), (TEMP, "warning"), (TEMP, "critical")])


@pytest.fixture
def feed(model):
    """Feed pairs of signal and value in one batch."""

    def feed(*pairs, quality=Quality.GOOD):
        samples = np.zeros(len(pairs), SAMPLE)
        samples["signal"] = [signal for signal, _ in pairs]
        samples["value"] = [value for _, value in pairs]
        samples["quality"] = quality
        model.feed_samples(samples)

    return feed


@pytest.fixture
def alarm(model):
    """Feed ``1`` for rule 1 raised, ``-1`` for rule 1 cleared, and so on, in one batch.

    The analyzers know of them likewise.
    """
    active = np.zeros(3, np.bool_)

    def alarm(*events):
        alarms = np.zeros(len(events), ALARM)
        alarms["rule"] = [abs(event) for event in events]
        alarms["kind"] = [AlarmKind.RAISED if e > 0 else AlarmKind.CLEARED for e in events]
        texts = [f"rule {abs(e)} {'raised' if e > 0 else 'cleared'}" for e in events]
        model.feed_alarms(alarms, texts)
        for event in events:
            active[abs(event)] = event > 0
        model.set_active(active)

    return alarm


@pytest.fixture
def at(model):
    """Bring the model to a time in seconds."""

    def at(seconds):
        model.tick(round(seconds * NS_PER_S))

    return at


@pytest.fixture
def look(model):
    """Return a row's attribute by the signal's name."""

    def look(name, attribute):
        rows = [signal.name for signal in model.signals]
        return getattr(model, attribute)[rows.index(name)]

    return look


class Terminal:
    """What a terminal shows of the text written to it, as far as the live view needs it.

    It scrolls nothing: a test that needs more lines than it has made a mistake.
    """

    def __init__(self):
        self.lines = [""]
        self.row = self.column = 0
        self.cursor = True

    def write(self, text):
        for piece in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
            self._take(piece)
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return True

    encoding = "utf-8"

    def _take(self, piece):
        if piece == "\r":
            self.column = 0
        elif piece == "\n":
            self.row, self.column = self.row + 1, 0
            self.lines += [""] * (self.row + 1 - len(self.lines))
        elif not piece.startswith("\x1b"):
            line = self.lines[self.row].ljust(self.column)
            end = self.column + len(piece)
            self.lines[self.row] = line[: self.column] + piece + line[end:]
            self.column = end
        elif piece == "\x1b[2K":
            self.lines[self.row] = ""
        elif piece == "\x1b[2J":
            self.lines = [""] * len(self.lines)
        elif piece == "\x1b[H":
            self.row = self.column = 0
        elif piece in ("\x1b[?25l", "\x1b[?25h"):
            self.cursor = piece.endswith("h")
        elif match := re.fullmatch(r"\x1b\[(\d+)A", piece):
            self.row = max(self.row - int(match[1]), 0)
        else:
            assert piece.endswith("m"), f"the terminal does not know {piece!r}"

    def resize(self, width):
        """Wrap the lines anew, as terminals do that get narrower."""
        lines = [line.rstrip() for line in self.lines]
        self.lines = [
            line[start : start + width]
            for line in lines
            for start in range(0, max(len(line), 1), width)
        ]
        self.row, self.column = len(self.lines) - 1, len(self.lines[-1])

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.lines).rstrip()


@pytest.fixture
def terminal():
    return Terminal()
