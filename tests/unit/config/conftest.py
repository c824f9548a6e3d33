"""A folder with a configuration in it that somebody got wrong."""

from pathlib import Path

import pytest

from gateway.config.load import load_config
from gateway.errors import ConfigError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a recording and a database in it."""
    (tmp_path / "drive.log").touch()
    (tmp_path / "car.dbc").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def errors_in(folder):  # noqa: ARG001 - the file is written there
    """Read a configuration; return all that is wrong with it, without the file's name."""

    def errors_in(text):
        Path("car.toml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_config("car.toml")
        errors = [str(error) for error in (caught.value, *caught.value.others)]
        assert all(error.startswith("car.toml: ") for error in errors)
        return [error.removeprefix("car.toml: ") for error in errors]

    return errors_in
