"""Whether the clock is right is known where a time of day is given."""

import ctypes
import json

import numpy as np
import pytest

from gateway import clock
from gateway.analysis.alarm_text import AlarmText
from gateway.analysis.quiet import QuietRules, QuietTable
from gateway.analysis.resumable import ResumableEngine
from gateway.analysis.rules import Rule
from gateway.clock import NS_PER_S, SYSTEM_CLOCK, FakeClock
from gateway.config.model import RuleConfig
from gateway.record import ALARM, SAMPLE, TimeOfDay, unpack_alarms
from gateway.ring import ReaderSpec, Ring
from gateway.signals import SignalTable
from gateway.workers.analyzer import Analyzer
from gateway.workers.board import Board
from gateway.workers.rhythm import Rhythm

OK, INSERT, DELETE, IN_PROGRESS, WAIT, ERROR, REFUSED = 0, 1, 2, 3, 4, 5, -1  # <sys/timex.h>


@pytest.mark.parametrize(
    ("state", "synchronised"),
    [
        (OK, True),
        (INSERT, True),  # of a leap second
        (DELETE, True),
        (IN_PROGRESS, True),
        (WAIT, True),
        (ERROR, False),
        (REFUSED, False),
    ],
)
def test_the_kernel_knows_whether_the_clock_is_synchronised(mocker, state, synchronised):
    kernel = mocker.patch.object(clock, "_libc")
    kernel.adjtimex.return_value = state
    assert SYSTEM_CLOCK.is_synchronised() is synchronised
    asked = kernel.adjtimex.call_args.args[0].raw
    assert asked == bytes(len(asked)), "anything else would set something"


def test_the_kernel_writes_into_no_memory_but_what_it_is_given():
    room = ctypes.create_string_buffer(b"\0" * clock._TIMEX_SIZE + b"\xa5" * 64)
    ctypes.CDLL(None).adjtimex(room)
    assert room.raw.endswith(b"\xa5" * 64 + b"\0")
    assert SYSTEM_CLOCK.is_synchronised() in (True, False)


@pytest.fixture
def signal():
    return SignalTable().add("can0", "M", "hot", "degC")


@pytest.fixture
def judge(signal):
    """Have an analyzer judge a sample that breaks a rule; return the event."""
    rule = Rule.from_config(RuleConfig(name="r", signal="hot", above=1.0), 0, signal, 0)

    def judge(time, *, live):
        samples = Ring.create(SAMPLE, 64, 1, [ReaderSpec(name="analyzer")])
        alarms = Ring.create(ALARM, 64, 1, [ReaderSpec(name="journal")])
        board = Board(["analyzer"])
        reader, journal = samples.reader("analyzer"), alarms.reader("journal")
        writer = samples.writer(0)
        try:
            sample = np.zeros(1, SAMPLE)
            sample["value"], sample["t_ns"] = 2.0, 5 * NS_PER_S
            writer.put(sample, 0)
            writer.close()
            memory = np.zeros(ResumableEngine.size(1, 1), np.uint8)
            engine, owner = ResumableEngine([rule], 1, memory), np.zeros(1, np.uint8)
            table = np.zeros(QuietTable.size(1, 1, 1), np.uint8)
            quiet = QuietTable(table, [rule], owner, sources=1, analyzers=1)
            Analyzer(
                0,
                engine,
                reader,
                alarms.writer(0),
                np.array([live]),
                board["analyzer"],
                time,
                Rhythm(time, 0),
                QuietRules(quiet, 0, [rule], engine.state),
            ).run()
            [alarm] = unpack_alarms(journal.get(timeout_ns=0).records)
            return alarm, json.loads(AlarmText([rule]).json(alarm))
        finally:
            for each in (reader, journal, samples, alarms, board):
                each.close()

    return judge


@pytest.mark.parametrize("synchronised", [True, False])
def test_an_event_of_a_live_source_says_how_good_its_time_of_day_is(judge, synchronised):
    time = FakeClock(monotonic_ns=6 * NS_PER_S, wall_ns=1_000_006 * NS_PER_S)
    time.synchronised = synchronised
    alarm, event = judge(time, live=True)
    assert alarm.time_of_day == TimeOfDay.SYNCHRONISED - (not synchronised)
    assert event["t_ns"] == 5 * NS_PER_S
    assert event["time"] == "1970-01-12T13:46:45.000000000Z"
    assert list(event)[-1] == "clock"
    assert event["clock"] == ("synchronised" if synchronised else "unsynchronised")


def test_an_event_of_a_recording_does_not_know_the_clock(judge):
    time = FakeClock(monotonic_ns=6 * NS_PER_S, wall_ns=1_000_006 * NS_PER_S)
    time.synchronised = True
    alarm, event = judge(time, live=False)
    assert alarm.time_of_day == TimeOfDay.RECORDED
    assert (event["t_ns"], event["time"]) == (5 * NS_PER_S, "1970-01-01T00:00:05.000000000Z")
    assert list(event)[-1] == "time"
