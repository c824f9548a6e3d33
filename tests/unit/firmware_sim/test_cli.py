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
        pytest.param(["bus", "a/b"], "got bus name 'a/b'", id="bad bus name"),
        pytest.param(["bus", "a", "a"], "got the same name twice", id="one name twice"),
        pytest.param(["run", EXAMPLE, "--namespace", "n" * 50], "--namespace", id="long namespace"),
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
