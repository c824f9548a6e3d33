"""The examples on the real recordings that they are about."""

import csv
import shutil
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from gateway.analysis.engine import Engine
from gateway.config.load import load_config
from gateway.record import TICK
from gateway.signals import SignalTable
from gateway.sources.replay import ReplaySource, play, recorded_sources
from gateway.workers.plan import make_plan

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def example(recordings, tmp_path):
    """Load an example that lies beside links to the recordings of this folder; played at once."""

    def example(name, folder):
        for path in (recordings / folder).iterdir():
            (tmp_path / path.name).symlink_to(path)
        shutil.copy(EXAMPLES / name, tmp_path)
        config = load_config(tmp_path / name)
        quick = [msgspec.structs.replace(source, speed="max") for source in config.source]
        return msgspec.structs.replace(config, source=tuple(quick))

    return example


def columns(path):
    """A CSV file's columns as text, by name."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def to_ns(seconds):
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 1_000_000_000 + int(fraction.ljust(9, "0"))


@pytest.fixture
def drive(example):
    """Times and values of a signal of the RAV4's drive."""
    config = example("rav4.toml", "rav4")
    table = SignalTable()
    source = ReplaySource(config.source[0], config, table, 0)
    source.select([signal.index for signal in source.signals])
    samples = np.concatenate(list(play([source])))

    def drive(name):
        mine = samples[samples["signal"] == table.resolve(name).index]
        return mine["t_ns"], mine["value"]

    return drive


def test_wheel_speeds_are_those_that_the_data_set_s_authors_decoded(drive, recordings):
    truth = columns(recordings / "rav4" / "wheel_speed.csv")
    t_ns = [to_ns(each) for each in truth["t_s"]]
    assert len(t_ns) == 1658
    wheels = {"FL": "front_left", "FR": "front_right", "RL": "rear_left", "RR": "rear_right"}
    for wheel, column in wheels.items():
        times, values = drive(f"WHEEL_SPEEDS.WHEEL_SPEED_{wheel}")
        assert times.tolist() == t_ns
        expected = np.array(truth[f"{column}_m_s"], float)
        np.testing.assert_allclose(values / 3.6, expected, rtol=0, atol=1e-6)


def test_speed_is_the_mean_of_the_wheels(drive, recordings):
    truth = columns(recordings / "rav4" / "speed.csv")
    wheels = [drive(f"WHEEL_SPEEDS.WHEEL_SPEED_{wheel}") for wheel in ("FL", "FR", "RL", "RR")]
    assert wheels[0][0].tolist() == [to_ns(each) for each in truth["t_s"]]
    mean = np.mean([values for _, values in wheels], axis=0) / 3.6
    np.testing.assert_allclose(mean, np.array(truth["speed_m_s"], float), rtol=0, atol=1e-6)


def test_the_steering_angle_is_its_coarse_part_plus_its_fraction(drive, recordings):
    truth = columns(recordings / "rav4" / "steering_angle.csv")
    times, coarse = drive("STEER_ANGLE_SENSOR.STEER_ANGLE")
    also_times, fraction = drive("STEER_ANGLE_SENSOR.STEER_FRACTION")
    assert times.tolist() == also_times.tolist() == [to_ns(each) for each in truth["t_s"]]
    expected = np.array(truth["steering_angle_deg"], float)
    np.testing.assert_allclose(coarse + fraction, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "folder", "records", "raised"),
    [
        ("rav4.toml", "rav4", 32_941, {"too_fast", "braking", "quick_steering", "close_ahead"}),
        ("leaf.toml", "leaf", 10_660, {"auxiliary_load"}),
        ("boat.toml", "boat", 60_000, {"shallow", "strong_wind", "becalmed"}),
        ("boat-nmea2000.toml", "boat", 6_026, {"anchor_drags"}),
    ],
)
def test_an_example_accounts_for_every_record_and_warns(example, name, folder, records, raised):
    config = example(name, folder)
    plan = make_plan(config)
    [source] = plan.sources
    events = Engine(plan.rules).feed(np.concatenate(list(play([source]))), 0, 0)
    counters = source.counters
    assert counters.received == records
    assert counters.received == counters.delivered + counters.lost.total()
    heard = Counter(config.rule[index].name for index in events["rule"])
    assert raised <= heard.keys()


def test_a_recording_in_place_of_the_drive_gives_what_its_replay_does(example):
    config = example("rav4.toml", "rav4")
    log = config.resolve("drive-20s.candump.log")
    replay = make_plan(config)
    instead = make_plan(config, lambda config, table: recorded_sources(config, [log], table))
    whole = np.concatenate(list(play(replay.sources)))
    assert whole.tobytes() == np.concatenate(list(play(instead.sources))).tobytes()
    assert np.count_nonzero(whole["signal"] == TICK) == 401
