"""Replay against the real clock."""

import time

import pytest

from gateway.config.model import Config, ReplayConfig
from gateway.signals import SignalTable
from gateway.sources.replay import ReplaySource


def seconds_played(source):
    """How long the source played, at least and at most.

    Its time begins within the first reading, after the beginning of the file was parsed.
    """
    with source:
        before = time.monotonic()
        source.read(0)
        after = time.monotonic()
        while source.read(50_000_000) is not None:
            pass
        ended = time.monotonic()
    return ended - after, ended - before


def test_a_replay_takes_as_long_as_the_drive_did_divided_by_the_speed(tmp_path):
    (tmp_path / "a.log").write_text(
        "".join(f"({i / 1000:.6f}) can0 100#00\n" for i in range(10_001))
    )
    (tmp_path / "a.dbc").write_text('VERSION ""\nBU_: ECU\nBO_ 256 Engine: 8 ECU\n')
    section = ReplayConfig(name="a", path="a.log", speed=20.0, channels={"can0": ("a.dbc",)})
    source = ReplaySource(section, Config(file=tmp_path / "a.toml"), SignalTable(), 0)
    least, most = seconds_played(source)
    assert source.counters.delivered == 10_001
    assert most >= 0.5
    # Whatever it took longer is the lateness that it tells of, and that does not add up.
    assert least <= 0.5 + source.counters.late_ns / 1e9 + 0.1


@pytest.mark.slow
def test_twenty_seconds_take_twenty_seconds(recordings):
    section = ReplayConfig(
        name="drive",
        path="drive-20s.candump.log",
        channels={"can0": ("toyota_nodsu_pt_generated.dbc",), "can1": ("toyota_adas.dbc",)},
    )
    config = Config(file=recordings / "rav4" / "drive.toml")
    source = ReplaySource(section, config, SignalTable(), 0)
    source.select([signal.index for signal in source.signals])
    least, most = seconds_played(source)
    assert source.counters.received == source.counters.delivered == 32_941
    assert most >= 19.99
    assert least <= 20.2 + source.counters.late_ns / 1e9
