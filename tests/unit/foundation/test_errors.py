from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import (
    ConfigError,
    DatabaseError,
    GatewayError,
    InputError,
    LinkClosedError,
    LinkError,
    LinkLostError,
    RecordingError,
    RingClosed,
    RingError,
    RingEvicted,
    RingTimeout,
)


def test_an_input_error_is_one_line_that_names_file_place_found_and_expected():
    error = ConfigError("car.toml", "analyzers.count", 0, "an integer from 1 to 64")
    assert str(error) == "car.toml: analyzers.count: got 0, expected an integer from 1 to 64"
    assert (error.file, error.where, error.got) == (Path("car.toml"), "analyzers.count", 0)
    assert error.expected == "an integer from 1 to 64"


def test_an_input_error_is_one_line_whatever_it_quotes():
    error = ConfigError("car.toml", 'rule "a"', "'b\nc\u2028°'", "a name")
    assert str(error) == "car.toml: rule \"a\": got 'b\\nc\\u2028°', expected a name"
    assert error.got == "'b\nc\u2028°'"


def test_an_error_about_a_whole_file_names_no_place():
    error = RecordingError(Path("logs/drive.log"), "", "no such file", "a recording")
    assert str(error) == "logs/drive.log: got no such file, expected a recording"


def test_a_configuration_error_stands_alone_unless_others_were_found():
    assert ConfigError("car.toml", "", "", "").others == ()


@pytest.mark.parametrize(
    ("error", "parent"),
    [
        (InputError, GatewayError),
        (ConfigError, InputError),
        (DatabaseError, InputError),
        (RecordingError, InputError),
        (LinkError, GatewayError),
        (LinkClosedError, LinkError),
        (LinkLostError, LinkError),
        (RingError, GatewayError),
        (RingTimeout, RingError),
        (RingClosed, RingError),
        (RingEvicted, RingError),
    ],
)
def test_what_a_caller_does_next_decides_the_class(error, parent):
    assert error.__base__ is parent
