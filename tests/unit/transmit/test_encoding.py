"""Values into frames, and the one line for what cannot be sent."""

import cantools
import pytest

from gateway.config.values import FieldError
from gateway.decode.database import read_database
from gateway.record import CanId, FrameFlag
from gateway.transmit.encoding import Encoder


@pytest.fixture
def encoder(dbc):
    def encoder(name, fd=False):
        return Encoder(read_database(dbc).get_message_by_name(name), fd)

    return encoder


def data_of(frame):
    return frame["data"][0, : frame["len"][0]].tobytes()


def test_a_frame_has_the_messages_id_length_and_values(encoder):
    frame = encoder("FanControl").encode({"SPEED": 62.5, "TRIM": -3, "MODE": "auto"}, {})
    assert (frame["can_id"][0], frame["len"][0], frame["flags"][0]) == (0x100, 4, 0)
    assert data_of(frame) == bytes([125, 0xFD, 2, 0])


def test_it_means_to_cantools_what_was_given(encoder, dbc):
    values = {"SPEED": 33.5, "TRIM": 127, "MODE": "on"}
    data = data_of(encoder("FanControl").encode(values, {}))
    database = cantools.database.load_file(dbc, strict=False)
    assert database.decode_message("FanControl", data) == values


def test_an_extended_id_is_marked_as_one(encoder):
    frame = encoder("Lamps").encode({"LAMP": 1}, {})
    assert frame["can_id"][0] == 0xFFFFFF | CanId.EXTENDED


def test_what_is_given_goes_before_what_is_the_default(encoder):
    defaults = {"SPEED": 100, "TRIM": 0, "MODE": "off"}
    frame = encoder("FanControl").encode({"MODE": 1}, defaults)
    assert data_of(frame) == bytes([200, 0, 1, 0])


def test_a_number_is_rounded_to_the_nearest_that_the_frame_can_carry(encoder):
    frame = encoder("FanControl").encode({"SPEED": 10.3, "TRIM": 0, "MODE": 0}, {})
    assert data_of(frame)[0] == 21


def test_of_a_multiplexed_message_the_selected_signals_are_sent(encoder):
    page = encoder("Page")
    defaults = {"LEFT": 258, "RIGHT": 7}
    assert data_of(page.encode({"WHICH": 0}, defaults)) == bytes([0, 2, 1])
    assert data_of(page.encode({"WHICH": 1}, defaults)) == bytes([1, 7, 0])


def test_all_64_bits_of_an_integer_are_sent(encoder):
    frame = encoder("Big").encode({"COUNT": 2**64 - 1}, {})
    assert data_of(frame) == b"\xff" * 8


def test_a_can_fd_message_is_sent_as_such_with_the_higher_rate(encoder):
    frame = encoder("Wide", fd=True).encode({"LAST": 5}, {})
    assert frame["flags"][0] == FrameFlag.FD | FrameFlag.BIT_RATE_SWITCH
    assert data_of(frame) == bytes(11) + b"\x05"


FAN = {"SPEED": 0, "TRIM": 0, "MODE": 0}


@pytest.mark.parametrize(
    ("message", "values", "line"),
    [
        ("FanControl", {**FAN, "SPEED": 100.5}, "SPEED: got 100.5, expected 0 to 100 %"),
        ("FanControl", {**FAN, "SPEED": -0.1}, "SPEED: got -0.1, expected 0 to 100 %"),
        ("FanControl", {**FAN, "TRIM": 128}, "TRIM: got 128, expected what 8 bits can hold"),
        ("FanControl", {**FAN, "TRIM": -129}, "TRIM: got -129, expected what 8 bits can hold"),
        (
            "FanControl",
            {**FAN, "MODE": "of"},
            "MODE: got 'of', expected a number, 'off', 'on' or 'auto'",
        ),
        ("FanControl", {**FAN, "SPEED": "fast"}, "SPEED: got 'fast', expected a number"),
        ("FanControl", {**FAN, "SPEED": float("nan")}, "SPEED: got nan, expected a finite number"),
        (
            "FanControl",
            {**FAN, "SPED": 1},
            "SPED: got 1, expected a signal of the message; close: SPEED",
        ),
        ("FanControl", {"SPEED": 1}, "TRIM, MODE: got nothing, expected a value"),
        ("Floats", {"F32": 1e39, "F16": 0}, "F32: got 1e+39, expected what 32 bits can hold"),
        ("Floats", {"F32": 0, "F16": 65505}, "F16: got 65505, expected what 16 bits can hold"),
        (
            "Floats",
            {"F32": 10**400, "F16": 0},
            "F32: got a huge integer, expected what 32 bits can hold",
        ),
        (
            "Big",
            {"COUNT": 2**64},
            "COUNT: got 18446744073709551616, expected what 64 bits can hold",
        ),
        (
            "Page",
            {"WHICH": 0, "LEFT": 1, "RIGHT": 1},
            "RIGHT: got 1, expected no value: the multiplexer selects other signals",
        ),
        (
            "Page",
            {"WHICH": 0},
            'got The signal "LEFT" is required for encoding., expected values that fit together',
        ),
        (
            "Page",
            {"WHICH": 9},
            'got A valid value for the multiplexer selector signal "WHICH" is required:'
            " Expected one of {0 or 1}, but got 9, expected values that fit together",
        ),
    ],
)
def test_what_cannot_be_sent_is_told_in_one_line(encoder, message, values, line):
    with pytest.raises(FieldError) as refused:
        encoder(message).encode(values, {})
    assert str(refused.value) == line


@pytest.mark.parametrize(
    ("message", "fd", "line"),
    [
        (
            "Wide",
            False,
            "message: got 'Wide', of 12 bytes for CAN FD, expected a message of classic CAN,"
            " or fd = true at the source",
        ),
        ("Long", True, "message: got 'Long', of 43 bytes, expected one that fits a frame"),
        (
            "Twins",
            False,
            "message: got 'Twins' (the signals YOUNGER and ELDER are overlapping in message Twins),"
            " expected one whose signals have bits of their own in it",
        ),
        (
            "Short",
            False,
            "message: got 'Short' (the signal TAIL does not fit in message Short),"
            " expected one whose signals have bits of their own in it",
        ),
    ],
)
def test_a_message_that_a_frame_of_the_bus_cannot_carry_as_it_is_meant_is_not_armed(
    encoder, message, fd, line
):
    with pytest.raises(FieldError) as refused:
        encoder(message, fd)
    assert str(refused.value) == line
