"""Arithmetic on eight characters at a time, against Python's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sources.recordings import digits

EIGHT_BYTES = st.binary(min_size=8, max_size=8)
DECIMALS = st.text("0123456789", min_size=8, max_size=8)
HEX = st.text("0123456789abcdefABCDEF", min_size=8, max_size=8)


def word(text):
    return digits.words_of(text)[:1]


def count(number):
    return np.array([number])


@given(DECIMALS)
def test_decimal_digits_say_their_number(text):
    assert digits.are_decimal(word(text.encode())).all()
    assert digits.decimal(word(text.encode())) == int(text)


@given(HEX)
def test_hexadecimal_digits_say_their_bytes(text):
    assert digits.are_hexadecimal(word(text.encode())).all()
    said = digits.hexadecimal(word(text.encode())).astype("<u4").tobytes()
    assert said == bytes.fromhex(text)


@given(EIGHT_BYTES)
def test_any_other_byte_is_noticed(data):
    assert digits.are_decimal(word(data)) == all(byte in b"0123456789" for byte in data)
    hexadecimal = all(byte in b"0123456789abcdefABCDEF" for byte in data)
    assert digits.are_hexadecimal(word(data)) == hexadecimal


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("others", "09afAF")
def test_every_wrong_byte_among_digits_is_noticed(others, place):
    for byte in range(256):
        data = bytearray(others.encode() * 8)
        data[place] = byte
        hexadecimal = chr(byte) in "0123456789abcdefABCDEF"
        assert digits.are_hexadecimal(word(bytes(data))) == hexadecimal
        if others.isdigit():
            assert digits.are_decimal(word(bytes(data))) == (chr(byte) in "0123456789")


@given(DECIMALS, st.integers(0, 8))
def test_what_surrounds_a_short_number_can_be_masked(text, length):
    data = word(text.encode())
    assert digits.decimal(digits.last_digits(data, count(length))) == int("0" + text[8 - length :])
    kept = digits.first_digits(data, count(length)).astype("<u8").tobytes()
    assert kept == text[:length].ljust(8, "0").encode()
    kept = digits.first(data, count(length)).astype("<u8").tobytes()
    assert kept == text[:length].encode().ljust(8, b"\0")
