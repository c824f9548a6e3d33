"""Lines as candump writes them, and its filters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import wire
from firmware_sim.candump import Filters, line

EXTENDED, REMOTE, ERROR = wire.EXTENDED, wire.REMOTE, wire.ERROR


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ((0x123, 4, 0, b"\xde\xad\xbe\xef"), "123#DEADBEEF"),
        ((0x001, 0, 0, b""), "001#"),
        ((0x1ABCDEF0 | EXTENDED, 1, 0, b"\x01"), "1ABCDEF0#01"),
        ((0x001 | EXTENDED, 0, 0, b""), "00000001#"),
        ((0x123 | REMOTE, 0, 0, b""), "123#R"),
        ((0x123 | REMOTE, 8, 0, b""), "123#R8"),
        ((0x123 | REMOTE | EXTENDED, 8, 0, b""), "00000123#R8"),
        ((0x123, 1, wire.FD, b"\x01"), "123##001"),
        ((0x123, 0, wire.FD | wire.BIT_RATE_SWITCH | wire.ERROR_STATE, b""), "123##3"),
        ((0x004 | ERROR, 8, 0, b"\0\x01" + bytes(6)), "20000004#0001000000000000"),
    ],
)
def test_a_frame_is_written_as_candump_writes_it(frame, text):
    assert line(1_690_000_000_123_456_789, "can0", *frame) == f"(1690000000.123456) can0 {text}"


def test_bytes_beyond_the_length_are_not_written():
    assert line(0, "can0", 0x1, 2, 0, b"\x01\x02" + bytes(62)).endswith("001#0102")


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ("", {"s123", "s124", "x123"}),
        ("123:7FF", {"s123", "x123"}),  # as in SocketCAN: the mask does not ask for the kind
        ("123:C00007FF", {"s123"}),
        ("00000123:DFFFFFFF", {"x123"}),
        ("123~7FF", {"s124"}),
        ("123:7FF,124:7FF", {"s123", "s124", "x123"}),
        ("120:7F0,123~7FF,j", {"s124"}),
        ("#1FFFFFFF", {"s123", "s124", "x123", "e004", "e040"}),
        ("#4", {"s123", "s124", "x123", "e004"}),
        ("7FF:7FF,#40", {"e040"}),
    ],
)
def test_a_filter_shows_what_candump_would_show(filters, shown):
    frames = {
        "s123": 0x123,
        "s124": 0x124,
        "x123": 0x123 | EXTENDED,
        "e004": 0x004 | ERROR,
        "e040": 0x040 | ERROR,
    }
    chosen = Filters.parse(filters)
    assert {name for name, can_id in frames.items() if chosen.passes(can_id)} == shown


@pytest.mark.parametrize("text", ["123", "123:", "xyz:7FF", "123:7FF:1", "#", "123456789:1"])
def test_what_is_no_filter_is_refused(text):
    with pytest.raises(ValueError, match="expected ID:MASK, ID~MASK, #CLASSES or j"):
        Filters.parse(text)


@settings(deadline=None)
@given(st.integers(0, 0x7FF), st.integers(0, 0x7FF), st.integers(0, 0x7FF))
def test_a_filter_and_its_inverse_show_every_frame_once(can_id, wanted, mask):
    plain, inverse = (Filters.parse(f"{wanted:X}{sign}{mask:X}") for sign in ":~")
    assert plain.passes(can_id) != inverse.passes(can_id)
