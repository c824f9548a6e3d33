"""What `gateway demo` writes: with --save what can be typed next, without it nothing that stays."""

import signal
import sys
import tempfile
from contextlib import contextmanager

import pytest

from gateway.cli import main


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """Save the demo's files by the command of a virtual environment; return what it said."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("gateway", "firmware-sim"):
        (programs / name).touch(mode=0o755)

    def said(path):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PATH", path)
        monkeypatch.setattr(sys, "argv", [".venv/bin/gateway"])
        with pytest.raises(SystemExit) as end:
            main(["demo", "--save", "my car"])
        assert not end.value.code
        return capsys.readouterr().out.splitlines()[1:]

    return said


@pytest.mark.parametrize("path", ["nowhere", "another"])
def test_commands_that_the_shell_does_not_find_are_told_with_their_folder(said, tmp_path, path):
    (tmp_path / "another").mkdir()
    (tmp_path / "another" / "gateway").touch(mode=0o755)
    (tmp_path / "another" / "firmware-sim").touch(mode=0o755)
    assert said(str(tmp_path / path)) == [
        "    .venv/bin/firmware-sim run 'my car/scenario.toml'",
        "    .venv/bin/gateway run 'my car/car.toml' --live",
    ]


def test_commands_that_it_finds_are_told_by_their_names(said, tmp_path):
    assert said(str(tmp_path / ".venv" / "bin")) == [
        "    firmware-sim run 'my car/scenario.toml'",
        "    gateway run 'my car/car.toml' --live",
    ]


def test_ctrl_c_while_it_starts_leaves_no_folder_and_no_simulator(tmp_path, monkeypatch):
    seen = []

    @contextmanager
    def simulator(scenario):
        seen.append(scenario.exists())
        try:
            yield lambda: signal.raise_signal(signal.SIGINT)
        finally:
            seen.append("stopped")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("gateway.cli.demo._simulator", simulator)
    with pytest.raises(SystemExit) as end:
        main(["demo"])
    assert (end.value.code, seen) == (130, [True, "stopped"])
    assert list(tmp_path.iterdir()) == []
