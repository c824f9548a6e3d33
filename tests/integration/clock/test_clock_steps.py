"""The wall clock is set while the gateway runs: by an hour and by a day, forward and back.

A Raspberry Pi has no clock of its own; it learns the time when it finds a network, which may be in
the middle of a drive.
"""

import signal
from datetime import datetime

import pytest

pytestmark = pytest.mark.slow

S, MS = 1_000_000_000, 1_000_000
HOUR, DAY = 3_600, 86_400
STEPS = (HOUR, -HOUR, DAY, -DAY)
NO_STEPS = (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("whose_clock", "steps"),
    [
        pytest.param("its own", NO_STEPS, id="nobody sets it"),
        pytest.param("its own", STEPS, id="the gateway's own clock is set"),
        pytest.param("the machine's", STEPS, id="the machine's clock is set"),
    ],
)
def test_alarms_are_the_same_whoever_sets_the_clock(drive, expected_events, whose_clock, steps):
    with drive.gateway(whose_clock) as process:
        begins, settings = drive.play(steps)
        with drive.idling():
            status = drive.status()
            process.send_signal(signal.SIGINT)
            out, log = process.communicate(timeout=30)

    # None false, none missed, each at its time and so of the right duration, all in order.
    events = drive.journal()
    assert [(event["event"], event["rule"], event["t_ns"]) for event in events] == [
        (kind, rule, begin_ns + t_ns) for begin_ns in begins for kind, rule, t_ns in expected_events
    ]
    assert status["alarms"] == []  # none is stuck
    assert "every stage adds up" in out
    assert log == ""  # nobody hung, nothing was started again, no link was lost
    assert process.returncode == 0

    # People read the clock on the wall, as it was set when the event was told.
    anchor = status["clock"]
    true_offset_ns = anchor["wall_ns"] - anchor["monotonic_ns"] - settings[-1][1] * S
    for event in events:
        wall_ns = round(datetime.fromisoformat(event["time"]).timestamp() * S)
        off_ns = wall_ns - event["t_ns"] - true_offset_ns
        # It was told at its time, or a little later; the clock may have been set in between.
        before = [seconds for t_ns, seconds in settings if t_ns <= event["t_ns"]][-1]
        after = [seconds for t_ns, seconds in settings if 0 < t_ns - event["t_ns"] < 2 * S]
        assert any(abs(off_ns - each * S) < 50 * MS for each in (before, *after)), event
        assert event["clock"] == ("synchronised" if anchor["synchronised"] else "unsynchronised")
