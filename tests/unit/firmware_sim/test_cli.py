import subprocess
import sys
from pathlib import Path

import pytest

from firmware_sim.cli import main

EXAMPLE = Path(__file__).parents[3] / "examples" / "f1-scenario.toml"


@pytest.fixture
def firmware_sim(monkeypatch, capsys):
    """Run the command line in this process; return its status, output and errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["firmware-sim", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["run", "absent.toml"], "absent.toml: got no such file", id="no file"),
        pytest.param(["run"], "Missing argument 'SCENARIO'", id="no argument"),
        pytest.param(["fly"], "No such command 'fly'", id="no command"),
        pytest.param(["set", "car"], "expected DEVICE.INPUT=NUMBER", id="no value"),
        pytest.param(["set", "car.RPM=fast"], "expected DEVICE.INPUT=NUMBER", id="no number"),
        pytest.param(["set", "car.RPM=nan"], "expected DEVICE.INPUT=NUMBER", id="not a number"),
        pytest.param(["record", EXAMPLE, "--seconds", "1"], "'--out'", id="nowhere to record"),
        pytest.param(["bus", "a/b"], "got name 'a/b'", id="bad bus name"),
        pytest.param(["bus", "a", "a"], "got the same name twice", id="one name twice"),
        pytest.param(["run", EXAMPLE, "--namespace", "n" * 50], "--namespace", id="long namespace"),
        pytest.param(["run", EXAMPLE, "--control", "c" * 48], "--control", id="long control name"),
        pytest.param(["bus", "a", "--seconds", "-1"], "-1", id="negative time"),
        pytest.param(["bus", "a", "--seconds", "nan"], "nan", id="no time"),
        pytest.param(["bus", "a", "--seconds", "inf"], "inf", id="endless time"),
    ],
)
def test_wrong_usage_ends_in_one_line_with_status_two(firmware_sim, arguments, says):
    status, out, errors = firmware_sim(*arguments)
    assert (status, out) == (2, "")
    assert errors.startswith("firmware-sim: ")
    assert says in errors
    assert errors.count("\n") == 1


def test_a_scenario_that_is_not_there_cannot_be_asked(firmware_sim):
    status, out, errors = firmware_sim("state", "--control", "nobody-here")
    assert (status, out) == (3, "")
    assert errors == "firmware-sim: no scenario is controlled as 'nobody-here'\n"


def test_record_says_what_it_recorded_and_names_what_is_wrong(firmware_sim, tmp_path):
    scenario = tmp_path / "scenario.toml"
    scenario.write_text("[[device]]\nname='wind'\ntype='wind'\nport='wind'\n")
    status, out, _ = firmware_sim("record", scenario, "--seconds", 2, "--out", tmp_path / "out")
    size = sum(
        len(line.split(b" ", 1)[1]) + 1  # the carriage return
        for line in (tmp_path / "out" / "wind.nmea").read_bytes().splitlines(keepends=True)
    )
    assert status == 0
    assert out.startswith("2 s recorded in ")
    assert out.endswith(f" 0 frames, {size} bytes on serial ports\n")

    with scenario.open("a") as file:
        file.write("[[fault]]\nkind='drop'\non='rain'\n")
    status, out, errors = firmware_sim("record", scenario, "--seconds", 2, "--out", tmp_path)
    assert (status, out) == (2, "")
    assert errors == (
        f"firmware-sim: {scenario}: fault[0].on: got 'rain', expected one of 'wind'\n"
    )


def test_an_output_that_cannot_be_written_is_told_in_one_line(tmp_path):
    scenario = tmp_path / "scenario.toml"
    scenario.write_text("")
    command = ("record", scenario, "--seconds", "1", "--out", tmp_path / "out")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "firmware_sim", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.stderr == "firmware-sim: No space left on device\n"
    assert done.returncode == 3


def test_help_says_what_there_is_and_version_which_it_is(firmware_sim):
    status, out, _ = firmware_sim("--help")
    assert status == 0
    assert "Simulated hardware" in out
    status, out, _ = firmware_sim("run", "--help")
    assert status == 0
    assert "SCENARIO" in out
    status, out, _ = firmware_sim("--version")
    assert status == 0
    assert out.startswith("firmware-sim, version ")
