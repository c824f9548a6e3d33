"""The encoder beside cantools, which packs the same signals by other means."""

import math

import cantools
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim import wire
from firmware_sim.devices.encoder import Encoder

BITS = 64


def message_of(signals, *, frame="BO_ 256 M: 8 Ecu"):
    text = 'VERSION ""\nBS_:\nBU_: Ecu\n' + "\n".join([frame, *signals]) + "\n"
    return cantools.database.load_string(text, "dbc").messages[0]


def signal_line(name, start, length, order, sign, scale, offset, limits=(0, 0)):
    low, high = limits
    return (
        f' SG_ {name} : {start}|{length}@{order}{sign} ({scale!r},{offset!r}) [{low}|{high}] "" Ecu'
    )


@st.composite
def layouts(draw):
    """Signals side by side in 8 bytes, each of one byte order, and a value for each."""
    order = draw(st.sampled_from("10"))
    lines, values, at = [], {}, 0
    while at < BITS and len(lines) < 8:
        length = draw(st.integers(1, BITS - at))
        at_from = at
        at += length + draw(st.integers(0, 4))
        sign = draw(st.sampled_from("+-"))
        scale = draw(st.sampled_from([1, 2, -3, 0.1, 0.25, -0.5, 1e-3]))
        offset = draw(st.sampled_from([0, -40, 17, 0.5]))
        # In the message's own order of bits, the row begins at `at_from` from its first bit.
        start = at_from if order == "1" else 8 * (at_from // 8) + 7 - at_from % 8
        name = f"S{len(lines)}"
        lines.append(signal_line(name, start, length, order, sign, scale, offset))
        low, high = (
            (-(2 ** (length - 1)), 2 ** (length - 1) - 1) if sign == "-" else (0, 2**length - 1)
        )
        raw = draw(st.integers(low, high))
        if length <= 50:
            part = draw(st.floats(0, 0.499)) if low < raw < high else 0.0
            values[name] = (raw + part) * scale + offset
        else:
            values[name] = raw if (scale, offset) == (1, 0) else offset
    return lines, values


@given(layouts())
def test_every_layout_is_packed_to_the_bits_that_cantools_packs(layout):
    lines, values = layout
    message = message_of(lines)
    encoder = Encoder(message)
    expected = message.encode(values, strict=False)
    assert encoder.encode(values[name] for name in encoder.names) == expected


def test_signals_of_both_byte_orders_share_a_message():
    message = message_of(
        [
            ' SG_ A : 0|12@1+ (1,0) [0|0] "" Ecu',
            ' SG_ B : 23|10@0- (0.5,0) [0|0] "" Ecu',
            ' SG_ C : 39|16@0+ (1,0) [0|0] "" Ecu',
        ]
    )
    values = {"A": 0xABC, "B": -100.5, "C": 0x1234}
    assert Encoder(message).encode(values.values()) == message.encode(values)


@pytest.mark.parametrize(
    ("length", "value"), [(32, 1.1), (64, -(2.0**70)), (32, math.inf), (32, 1e39)]
)
def test_a_float_signal_carries_the_nearest_float(length, value):
    kind = {32: 1, 64: 2}[length]
    text = (
        'VERSION ""\nBS_:\nBU_: Ecu\nBO_ 256 M: 8 Ecu\n'
        f' SG_ F : 0|{length}@1- (1,0) [0|0] "" Ecu\n\nSIG_VALTYPE_ 256 F : {kind};\n'
    )
    message = cantools.database.load_string(text, "dbc").messages[0]
    data = Encoder(message).encode([value])
    assert message.decode(data)["F"] == (
        np.finfo(np.float32).max if value == 1e39 else np.dtype(f"f{length // 8}").type(value)
    )


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        pytest.param(-1.0, 10, id="below the minimum: the minimum"),
        pytest.param(99.0, 20, id="above the maximum: the maximum"),
        pytest.param(-math.inf, 10, id="minus infinity: the minimum"),
        pytest.param(math.inf, 20, id="infinity: the maximum"),
        pytest.param(math.nan, 10, id="not a number: the lowest"),
    ],
)
@pytest.mark.parametrize("order", [pytest.param("1", id="little"), pytest.param("0", id="big")])
def test_what_a_signal_cannot_hold_is_sent_as_the_nearest_that_it_can(value, sent, order):
    start = 0 if order == "1" else 7
    message = message_of([signal_line("S", start, 8, order, "+", 1, 0, (10, 20))])
    assert message.decode(Encoder(message).encode([value]))["S"] == sent


@pytest.mark.parametrize("value", [300.0, -300.0])
def test_without_limits_the_bits_are_the_limit(value):
    message = message_of([signal_line("S", 3, 8, "1", "-", 1, 0)])
    assert message.decode(Encoder(message).encode([value]))["S"] == (127 if value > 0 else -128)


def test_a_falling_scale_turns_the_limits_round():
    message = message_of([signal_line("S", 0, 8, "1", "+", -1, 100, (0, 50))])
    assert message.decode(Encoder(message).encode([70.0]))["S"] == 50
    assert message.decode(Encoder(message).encode([-5.0]))["S"] == 0


def test_some_signals_may_be_chosen_in_any_order_and_the_other_bits_are_zero():
    message = message_of([signal_line(f"S{n}", 8 * n, 8, "1", "+", 1, 0) for n in range(8)])
    encoder = Encoder(message, ["S3", "S0"])
    assert encoder.names == ("S3", "S0")
    assert encoder.encode([3, 1]) == bytes([1, 0, 0, 3, 0, 0, 0, 0])


def test_a_signal_that_the_message_has_not_is_refused():
    message = message_of([signal_line("S", 0, 8, "1", "+", 1, 0)])
    with pytest.raises(ValueError, match=r"got signal 'T' of M, expected one of 'S'"):
        Encoder(message, ["T"])


@pytest.mark.parametrize(
    ("frame", "can_id"),
    [
        pytest.param("BO_ 256 M: 5 Ecu", 0x100, id="standard"),
        pytest.param(f"BO_ {0x98FEF100} M: 5 Ecu", 0x98FEF100, id="extended"),
    ],
)
def test_the_record_is_the_one_that_the_bus_carries(frame, can_id):
    encoder = Encoder(message_of([signal_line("S", 0, 8, "1", "+", 1, 0)], frame=frame))
    assert encoder.record(encoder.encode([7])) == wire.pack_frame(can_id, b"\x07\0\0\0\0")
