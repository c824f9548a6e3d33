"""A configuration that cannot be read, or is not TOML, is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.load import load_config
from gateway.errors import ConfigError

BROKEN = {
    "a line without an equals sign": (
        "[gateway]\nname 'car'\n",
        "line 2, column 6: got \"name 'car'\", expected TOML"
        " (Expected '=' after a key in a key/value pair)",
    ),
    "a key that is given twice": (
        "[gateway]\nname = 'a'\nname = 'b'\n",
        "line 3, column 11: got \"name = 'b'\", expected TOML (Cannot overwrite a value)",
    ),
    "a table that is given twice": (
        "[gateway]\n[gateway]\n",
        "line 2, column 9: got '[gateway]', expected TOML (Cannot declare ('gateway',) twice)",
    ),
    "an end inside a value": (
        "[gateway]\nname =",
        "line 2: got the end of the file, expected TOML (Invalid value)",
    ),
    "a character that TOML does not allow": (
        "name = 'a\x07b'\n",
        "line 1, column 10: got \"name = 'a\\u0007b'\", expected TOML"
        " (Found invalid character '\\\\x07')",
    ),
    "lists nested without end": (
        "a = " + "[" * 100_000,
        "got lists in lists in lists ..., expected TOML",
    ),
    "a number of thousands of digits": (
        "a = " + "9" * 5_000,
        "got text that is not TOML, expected TOML (Exceeds the limit (4300 digits) for integer"
        " string conversion: value has 5000 digits; use sys.set_int_max_str_digits()"
        " to increase the limit)",
    ),
}


@pytest.mark.parametrize(("text", "error"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_toml_is_told_with_its_place(text, error, errors_in):
    assert errors_in(text) == [error]


@pytest.fixture
def error_of(folder):  # noqa: ARG001 - the current one
    """Read the configuration *name*; return what is wrong with it."""

    def error_of(name):
        with pytest.raises(ConfigError) as caught:
            load_config(name)
        return str(caught.value)

    return error_of


def test_a_file_that_does_not_exist(error_of):
    assert error_of("none.toml") == "none.toml: got no such file, expected a configuration file"


def test_a_folder_instead_of_a_file(error_of):
    assert error_of("folder") == "folder: got a folder, expected a configuration file"


def test_a_file_that_may_not_be_read(error_of, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root reads everything, so it is played
    assert error_of("car.toml") == "car.toml: got no permission, expected a configuration file"


def test_a_file_that_is_not_utf8(error_of):
    Path("car.toml").write_bytes(b"[gateway]\nname = 'caf\xe9'\n")
    assert error_of("car.toml") == "car.toml: line 2: got the byte 0xe9, expected text in UTF-8"
