"""The view shows what comes through the rings and the log, and says what it missed."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from gateway.analysis.rules import Rule
from gateway.clock import NS_PER_S, FakeClock
from gateway.config.model import RuleConfig
from gateway.record import ALARM, SAMPLE, AlarmKind
from gateway.ring import ReaderSpec, Ring
from gateway.signals import SignalTable
from gateway.sinks.live_model import Status
from gateway.workers.board import Board
from gateway.workers.view import View

ROOM = 8
"""Events of each analyzer that the ring holds."""


class Bench:
    """Two analyzers' ends of the alarms, the end of the log, and a view on a pipe."""

    def __init__(self, samples, alarms):
        self.samples, self.alarms = samples, alarms
        self.mouths = [self.alarms.writer(lane) for lane in range(2)]
        self._log_pipe, self.log = os.pipe()
        os.set_blocking(self._log_pipe, False)

    def emit(self, analyzer, *seconds):
        """Have an analyzer emit an event at each of these times."""
        events = np.zeros(len(seconds), ALARM)
        events["t_ns"] = events["emitted_ns"] = np.array(seconds) * NS_PER_S
        events["kind"] = AlarmKind.RAISED
        self.mouths[analyzer].put(events, timeout_ns=0)

    def run(self):
        """Run the view over what has come until now."""
        table = SignalTable()
        signal = table.add("can0", "M", "s", "")
        rule = Rule.from_config(RuleConfig(name="r", signal="s", above=1.0), 0, signal, 0)
        plan = SimpleNamespace(signals=table, wanted=[signal.index], rules=[rule])
        for end in (self.samples.writer(0), *self.mouths):
            end.close()
        board = Board(["view"])
        with self.samples.reader("view") as samples, self.alarms.reader("view") as alarms:
            parts = samples, alarms, self._log_pipe, lambda: Status(running=1)
            active = np.zeros(1, np.bool_)
            View(plan, *parts, lambda: active, board["view"], FakeClock()).run()
        board.close()

    def close(self):
        os.close(self.log)
        os.close(self._log_pipe)
        vars(self).clear()  # the test still has it, and with it shared memory


@pytest.fixture
def bench():
    specs = [ReaderSpec(name="view", lossless=False)]
    with Ring.create(SAMPLE, 8, 1, specs) as samples, Ring.create(ALARM, ROOM, 2, specs) as alarms:
        bench = Bench(samples, alarms)
        yield bench
        bench.close()


def test_warnings_of_several_analyzers_are_shown_in_the_order_in_which_they_came(bench, capsys):
    bench.emit(0, 1, 4)
    bench.emit(1, 2, 3)
    bench.run()
    times = [line.split(".")[0] for line in capsys.readouterr().out.splitlines()]
    assert times == ["00:00:01", "00:00:02", "00:00:03", "00:00:04"]


def test_warnings_that_overtook_the_view_are_told_by_their_number(bench, capsys):
    for second in range(20):
        bench.emit(0, second)
    bench.run()
    out = capsys.readouterr().out
    assert f"{20 - ROOM} warnings more than could be shown\n" in out
    assert out.count(" r: ") == ROOM


def test_what_the_other_processes_log_is_shown_line_by_line(bench, capsys):
    os.write(bench.log, b"gps: link lost\ncan0: no")
    bench.run()
    assert capsys.readouterr().out == "gps: link lost\n"
