"""What a UART reads at the wrong speed, by the bits on the line."""

import pytest

from firmware_sim.faults.uart import misread

EVERYTHING = bytes(range(256))


def test_at_the_right_speed_all_is_as_sent():
    assert misread(EVERYTHING, 1.0) == EVERYTHING


@pytest.mark.parametrize("factor", [0.97, 0.98, 1.02, 1.03])
def test_a_few_per_cent_do_no_harm(factor):
    assert misread(EVERYTHING, factor) == EVERYTHING


def test_at_half_the_speed_each_bit_is_read_twice():
    # 0x55 on the line: 0 1 0 1 0 1 0 1 0 1. Read twice each: a start bit, 0 11 00 11 0 and no stop
    # bit; then from the next falling edge a start bit, 0 11 00 11 1, and the idle line.
    assert misread(b"\x55", 0.5) == b"\x66\xe6"


def test_at_twice_the_speed_every_second_bit_is_read():
    # 0x00 is nine low bits and a stop bit: four are read low, a start bit and three; the rest is
    # the idle line.
    assert misread(b"\x00", 2.0) == b"\xf8"


@pytest.mark.parametrize("factor", [0.05, 0.25, 0.5, 1.1, 1.5, 2.0, 4.0, 20.0])
def test_at_another_speed_text_is_no_text(factor):
    text = b"$GPGGA,140000.00,5204.13993,N,00101.31997,W,1,12,0.8,153.0,M,47.0,M,,*73\r\n"
    got = misread(text, factor)
    assert got != text
    assert got == misread(text, factor)
    assert len(got) <= len(text) * 10 / 9 / min(factor, 1.0)


def test_silence_is_silence():
    assert misread(b"", 0.5) == b""
