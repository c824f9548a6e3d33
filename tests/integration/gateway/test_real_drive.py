"""A real drive, a real boat and a real electric car through all the processes."""

import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture
def play(bench, recordings):
    """Run an example over its recording, and the back-test; return journal, expected, ledger."""

    def play(name, folder, recording, speed):
        for file in (recordings / folder).iterdir():
            (bench.folder / file.name).symlink_to(file)
        shutil.copy(EXAMPLES / f"{name}.toml", bench.folder)
        config = bench.folder / f"{name}.toml"
        text = config.read_text()
        for written in ("speed = 1.0", 'speed = "max"'):
            text = text.replace(written, f"speed = {speed}")
        config.write_text(text)
        expected = bench.gateway("backtest", config.name, recording).stdout
        done = bench.gateway("run", config.name, "--alarms", "events.jsonl")
        assert done.returncode == 0, done.stderr
        assert "every stage adds up" in done.stdout
        return (
            (bench.folder / "events.jsonl").read_text(),
            expected,
            bench.ledger_rows(done.stdout),
        )

    return play


@pytest.mark.parametrize("speed", ["1.0", '"max"'], ids=["in real time", "at full speed"])
def test_a_drive_raises_the_events_of_its_back_test_and_loses_nothing(play, speed):
    events, expected, ledger = play("rav4", "rav4", "drive-20s.candump.log", speed)
    assert events == expected
    assert events.count("\n") > 5
    assert ledger["drive"] == (32_941, 32_941, 0, 0)


def test_all_sentences_of_a_boat_are_read_or_counted(play):
    events, expected, ledger = play("boat", "boat", "sailing.nmea", '"max"')
    assert events == expected
    assert events
    assert ledger["boat"][0] == 60_000


@pytest.mark.parametrize(
    ("name", "folder", "recording", "source", "frames"),
    [
        ("leaf", "leaf", "leaf.log", "leaf", 10_660),
        ("boat-nmea2000", "boat", "nmea2000.candump.txt", "backbone", 6_026),
    ],
)
def test_candumps_screen_formats_are_played_too(play, name, folder, recording, source, frames):
    events, expected, ledger = play(name, folder, recording, '"max"')
    assert events == expected
    assert ledger[source] == (frames, frames, 0, 0)
