"""Every fault on everything that it works on: its effect in the gateway, and the end of it."""

import pytest

from firmware_sim.faults.support import SUPPORT

pytestmark = pytest.mark.slow

ON = {"input": "car.ENGINE_TEMP", "device": "engine", "port": "gps", "bus": "can0"}
SILENT = {"device": "engine_silent", "port": "gps_silent", "bus": "engine_silent"}

PAIRS = [
    (kind, column)
    for kind, supported in SUPPORT.items()
    for column, made in supported.items()
    if not isinstance(made, str)
]
"""What docs/faults.md says works: the table is made from the same."""


def silences(bench, kind, column, **keys):
    """Nothing comes; when the fault is cleared, it comes again."""
    number = bench.inject(kind, ON[column], **keys)
    bench.until_on(SILENT[column])
    bench.until(lambda: bench.effects(number) > 0, "an effect")
    assert bench.clear(number) > 0
    bench.until_off(SILENT[column])


def raises(bench, rule, kind, on, **keys):
    """An alarm is raised, perhaps again and again, while the fault is there."""
    times = bench.times_raised(rule)
    number = bench.inject(kind, on, **keys)
    bench.until(lambda: bench.times_raised(rule) > times, f"{rule} raised")
    assert bench.clear(number) > 0
    bench.until_off(rule)


def ends(bench, rule, kind, on, **keys):
    """An alarm that shows that all is well is off while the fault is on."""
    number = bench.inject(kind, on, **keys)
    bench.until_off(rule)
    assert bench.clear(number) > 0
    bench.until_on(rule)


def links(bench, state, source, kind, on, **keys):
    """The gateway names what is the matter with its link, until the fault is cleared."""
    number = bench.inject(kind, on, **keys)
    bench.until(lambda: state in bench.link(source), f"{source} {state}")
    assert bench.clear(number) > 0
    bench.until(lambda: not bench.link(source), f"{source} well again")


def keeps_from(bench, kind, **keys):
    """A fault that holds the engine's heat back from its ECU; it shows when it is cleared."""
    number = bench.inject(kind, "car.ENGINE_TEMP", **keys)
    bench.set("car", ENGINE_TEMP=118.0)
    bench.until_received("f1", 100)
    assert not bench.is_on("engine_hot")
    assert bench.clear(number) > 0
    bench.until_on("engine_hot")
    bench.set("car", ENGINE_TEMP=90.0)
    bench.until_off("engine_hot")


def loses(bench, source, kind, on, reasons, **keys):
    """The gateway counts as lost what the fault spoilt, one by one, and no more afterwards."""
    bench.until_steady(source, lambda: bench.source(source)["lost"])
    before = bench.source(source)
    number = bench.inject(kind, on, **keys)
    bench.until(lambda: bench.effects(number) >= 5, "five effects")
    effects = bench.clear(number)

    def lost():
        now = bench.source(source)
        return sum(now["reasons"].get(r, 0) - before["reasons"].get(r, 0) for r in reasons)

    bench.until(lambda: lost() >= effects, f"{effects} lost on {source}")
    bench.until_received(source, 20)
    assert lost() == effects


def multiplies(bench, source, kind, on):
    """The gateway gets each twice, and each once again afterwards."""

    def received_while(condition):
        began, first = bench.state()["t_ns"], bench.source(source)["received"]
        bench.until(condition, "enough")
        took_s = (bench.state()["t_ns"] - began) / 1e9
        return (bench.source(source)["received"] - first) / took_s

    number = bench.inject(kind, on)
    twice = received_while(lambda: bench.effects(number) >= 30)
    assert bench.clear(number) >= 30
    began = bench.state()["t_ns"]
    once = received_while(lambda: bench.state()["t_ns"] >= began + 1_000_000_000)
    assert 1.5 * once < twice < 2.5 * once


def error_frames(bench):
    """The engine's frames are destroyed on the wire, told by error frames, and sent again."""
    seen = bench.source("can0")["notes"]["error frames"]
    number = bench.inject("corrupt", "engine", field="wire", rate=0.5)
    bench.until(lambda: bench.source("can0")["notes"]["error frames"] >= seen + 5, "error frames")
    assert bench.clear(number) >= 5
    bench.until_steady("can0", lambda: bench.source("can0")["notes"]["error frames"])


def strangers(bench):
    """Garbage has ids that no database knows; afterwards there are none."""

    def unknown():
        return bench.source("can0")["notes"]["unknown ids"]

    number = bench.inject("garbage", "engine")
    first = unknown()
    bench.until(lambda: unknown() >= first + 20, "unknown ids")
    assert bench.clear(number) >= 20
    bench.until_steady("can0", unknown)


def spoils(bench, kind, **keys):
    """Some of what comes is no sentence; afterwards all of it is."""

    def lost():
        return bench.source("gps")["lost"]

    number = bench.inject(kind, "gps", **keys)
    first = lost()
    bench.until(lambda: lost() >= first + 3, "lost sentences")
    assert bench.clear(number) > 0
    bench.until_steady("gps", lost)


def rebooted(bench):
    """An ECU that is held in reset is silent, and boots when it is let go."""
    number = bench.inject("reset", "car.EngineEcu", for_="60s")
    bench.until_on("car_silent")
    assert bench.state()["devices"]["car"]["state"]["EngineEcu"] != "boot"
    assert bench.clear(number) == 1
    bench.until_off("car_silent")


def pairs_of_sentences(bench):
    """Each second sentence of the wind comes late, with the next: the intervals double."""
    times = bench.times_raised("wind_silent")
    number = bench.inject("reorder", "wind")
    bench.until(lambda: bench.times_raised("wind_silent") >= times + 2, "two late ones")
    assert bench.clear(number) >= 2
    bench.until_off("wind_silent")


CASES = {
    ("off", "device"): lambda b: silences(b, "off", "device"),
    ("off", "port"): lambda b: silences(b, "off", "port"),
    ("stuck", "input"): lambda b: keeps_from(b, "stuck"),
    ("stuck", "device"): lambda b: ends(b, "engine_counts", "stuck", "engine"),
    ("stuck", "port"): lambda b: ends(b, "gps_runs", "stuck", "gps"),
    ("wrong", "input"): lambda b: raises(b, "engine_hot", "wrong", ON["input"], value=118.0),
    ("noise", "input"): lambda b: raises(b, "engine_hot", "noise", ON["input"], deviation=200.0),
    ("slow", "input"): lambda b: keeps_from(b, "slow", delay="10min"),
    ("slow", "device"): lambda b: silences(b, "slow", "device", factor=1000),
    ("slow", "port"): lambda b: silences(b, "slow", "port", factor=1000),
    ("delayed", "input"): lambda b: keeps_from(b, "delayed", delay="10min"),
    ("delayed", "device"): lambda b: silences(b, "delayed", "device", delay="10min"),
    ("delayed", "port"): lambda b: silences(b, "delayed", "port", delay="10min"),
    ("delayed", "bus"): lambda b: silences(b, "delayed", "bus", delay="10min"),
    ("intermittent", "input"): lambda b: raises(
        b, "engine_hot", "intermittent", ON["input"], value=118.0, period="200ms"
    ),
    ("intermittent", "device"): lambda b: silences(b, "intermittent", "device", period="2s"),
    ("intermittent", "port"): lambda b: silences(b, "intermittent", "port", period="2s"),
    ("intermittent", "bus"): lambda b: silences(b, "intermittent", "bus", period="2s"),
    ("drop", "device"): lambda b: silences(b, "drop", "device"),
    ("drop", "port"): lambda b: silences(b, "drop", "port"),
    ("drop", "bus"): lambda b: silences(b, "drop", "bus"),
    ("duplicate", "device"): lambda b: raises(b, "engine_jumps", "duplicate", "engine"),
    ("duplicate", "port"): lambda b: multiplies(b, "gps", "duplicate", "gps"),
    ("duplicate", "bus"): lambda b: raises(b, "engine_jumps", "duplicate", "can0"),
    ("reorder", "device"): lambda b: raises(b, "engine_jumps", "reorder", "engine"),
    ("reorder", "port"): pairs_of_sentences,
    ("reorder", "bus"): lambda b: raises(b, "engine_jumps", "reorder", "can0"),
    ("corrupt", "device"): lambda b: raises(b, "engine_jumps", "corrupt", "engine", byte=2),
    ("corrupt", "port"): lambda b: loses(b, "gps", "corrupt", "gps", ["checksum"], field="crc"),
    ("corrupt", "bus"): lambda b: raises(b, "engine_jumps", "corrupt", "can0", byte=2),
    ("truncate", "device"): lambda b: silences(b, "truncate", "device", length=2),
    # The end of a line is that of the next whole sentence, so there must be some.
    ("truncate", "port"): lambda b: spoils(b, "truncate", length=20, rate=0.5),
    ("truncate", "bus"): lambda b: silences(b, "truncate", "bus", length=2),
    ("babble", "device"): lambda b: ends(b, "no_babble", "babble", "engine", id=0x7F0),
    ("babble", "port"): lambda b: spoils(b, "babble"),
    ("short_line", "port"): lambda b: silences(b, "short_line", "port"),
    ("short_line", "bus"): lambda b: silences(b, "short_line", "bus"),
    ("bus_off", "device"): lambda b: silences(b, "bus_off", "device"),
    ("bus_off", "bus"): lambda b: links(b, "bus-off", "can0", "bus_off", "can0"),
    ("error_passive", "bus"): lambda b: links(
        b, "error-passive", "can0", "error_passive", "can0"
    ),
    ("no_ack", "bus"): lambda b: silences(b, "no_ack", "bus"),
    ("unplug", "device"): lambda b: silences(b, "unplug", "device"),
    ("unplug", "port"): lambda b: links(b, "unplugged", "gps", "unplug", "gps"),
    ("wrong_baud", "device"): lambda b: silences(b, "wrong_baud", "device"),
    ("wrong_baud", "port"): lambda b: links(b, "wrong-baud-rate", "gps", "wrong_baud", "gps"),
    ("garbage", "device"): strangers,
    ("garbage", "port"): lambda b: spoils(b, "garbage"),
    ("reset", "device"): rebooted,
    ("reset", "port"): lambda b: raises(
        b, "wind_silent", "reset", "wind", for_="60s"
    ),
}  # fmt: skip


def test_there_is_a_case_for_every_pair_that_is_supported():
    assert set(CASES) == set(PAIRS)


@pytest.mark.parametrize(("kind", "column"), PAIRS)
def test_a_fault_shows_in_the_gateway_and_is_gone_when_cleared(bench, kind, column):
    CASES[kind, column](bench)


def test_frames_destroyed_on_the_wire_are_told_by_error_frames_and_sent_again(bench):
    error_frames(bench)
