"""The lengths of frames, against figures worked out by hand and a model that plays every bit."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_sim import wire
from firmware_sim.bit_timing import INTERMISSION, TAIL, BitRates, FrameBits, frame_bits

MBIT = 1_000_000
EXTENDED, REMOTE = wire.EXTENDED, wire.REMOTE
FD, BRS, ESI = wire.FD, wire.BIT_RATE_SWITCH, wire.ERROR_STATE


def bits(can_id, data=b"", flags=0, length=None):
    return frame_bits(can_id, len(data) if length is None else length, flags, data)


def unstuffed(can_id, length, flags=0):
    """The bits of a frame that needs no dynamic stuff bits, from the fields' widths alone."""
    header = 39 if can_id & EXTENDED else 19
    if flags & FD:
        header += 2 if can_id & EXTENDED else 3
        return header + 8 * length + (27 if length <= 16 else 32) + TAIL
    return header + 8 * length + 15 + TAIL


# --- the textbook's figures -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("can_id", "length", "per_second"),
    [(0x555, 0, 21_277), (0x555, 8, 9_009), (EXTENDED | 0x15555555, 8, 7_634)],
)
def test_one_megabit_carries_so_many_classic_frames_without_stuffing(can_id, length, per_second):
    assert round(MBIT / (unstuffed(can_id, length) + INTERMISSION)) == per_second


def test_the_worst_stuffing_of_eight_bytes_leaves_7407_frames_of_one_megabit():
    # 34 + 64 bits may be stuffed; a first stuff bit after five, then one after each fourth.
    worst = unstuffed(0x555, 8) + (34 + 64 - 1) // 4 + INTERMISSION
    assert worst == 135
    assert round(MBIT / worst) == 7_407


@pytest.mark.parametrize(
    ("data_rate", "length", "per_second"),
    [(5, 8, 20_325), (5, 64, 7_153), (8, 8, 23_810), (8, 64, 10_139)],
)
def test_can_fd_carries_so_many_frames_with_a_second_bit_rate(data_rate, length, per_second):
    rates = BitRates(MBIT, data_rate * MBIT)
    body = unstuffed(0x555, length, FD) - 17 - TAIL
    frame = FrameBits(17, body, switched=True)
    assert round(1e9 / rates.frame_ns(frame, TAIL + INTERMISSION)) == per_second


def test_an_fd_frame_that_needs_no_dynamic_stuff_bits_is_as_long_as_its_fields():
    # DLC 5, 9 and 13 have no long run beside the data's alternating bits.
    for length in (5, 12, 32):
        assert bits(0x555, b"\x55" * length, FD | BRS).total == unstuffed(0x555, length, FD)


# --- frames worked out by hand ----------------------------------------------------------------


def test_a_frame_of_zeros_is_stuffed_after_each_fifth_and_then_each_fourth_bit():
    # SOF, id 0, RTR, IDE, r0, DLC 0: 19 dominant bits, CRC 0: 15 more. 34 equal bits: a stuff bit
    # (recessive) after each five dominant ones, six of them; four are left at the end.
    assert bits(0x000).total == 34 + 6 + TAIL


def test_the_stuff_bit_after_the_crcs_last_bit_counts():
    # 0 00011100110 000 0000, CRC 100111101011111: one stuff bit in the eight zeros, and one after
    # the five ones at the end of the CRC.
    assert crc15([0, *number(0x0E6, 11), 0, 0, 0, *number(0, 4)]) == 0b100111101011111
    assert bits(0x0E6).total == 34 + 2 + TAIL


def test_an_fd_frame_whose_data_end_in_five_equal_bits_has_only_the_fixed_stuff_bit_there():
    # The last byte but its first three bits: ..., 1 0 1 | 0 0 0 0 0.
    five = bits(0x555, b"\x55\xa0", FD)
    four = bits(0x555, b"\x55\xb0", FD)
    assert five.total == four.total


def test_the_rate_switches_after_the_brs_bit():
    assert bits(0x555, b"\x55" * 8, FD | BRS).head == 17
    assert bits(EXTENDED | 0x15555555, b"", FD | BRS).head == 36


def test_a_remote_frame_has_a_dlc_and_no_data():
    assert bits(0x555 | REMOTE, length=8).total < bits(0x555, b"\x55" * 8).total - 60


# --- the model: every bit of the frame, one by one --------------------------------------------


def played(can_id, length, flags, data):
    """The number of bits on the wire, by the text of the standard."""
    stream = [0]
    extended, fd = bool(can_id & EXTENDED), bool(flags & FD)
    remote = 1 if can_id & REMOTE else 0
    if extended:
        stream += [*number(can_id >> 18, 11), 1, 1, *number(can_id, 18), remote]
        stream += [1, 0] if fd else [0, 0]
    else:
        stream += [*number(can_id, 11), remote, 0]
        stream += [1, 0] if fd else [0]
    if fd:
        stream += [1 if flags & BRS else 0, 1 if flags & ESI else 0]
    stream += number(wire.FD_LENGTHS.index(length), 4)
    if not remote:
        for byte in data[:length]:
            stream += number(byte, 8)
    if not fd:
        stream += number(crc15(stream), 15)
    sent = []
    run, last = 0, None
    for place, bit in enumerate(stream):
        sent.append(bit)
        run, last = (run + 1 if bit == last else 1), bit
        if run == 5 and not (fd and place == len(stream) - 1):
            run, last = 1, 1 - bit
            sent.append(last)
    if fd:
        field = 4 + (17 if length <= 16 else 21)
        sent += [None] * (field + 1 + (field - 1) // 4)
    return len(sent) + 1 + 1 + 1 + 7


def number(value, width):
    return [value >> place & 1 for place in reversed(range(width))]


def crc15(stream):
    """x15 + x14 + x10 + x8 + x7 + x4 + x3 + 1, as the specification's shift register."""
    register = [0] * 15
    for bit in stream:
        carry = bit ^ register[14]
        register = [0, *register[:14]]
        if carry:
            for tap in (0, 3, 4, 7, 8, 10, 14):
                register[tap] ^= 1
    return sum(bit << place for place, bit in enumerate(register))


def test_the_models_crc_is_the_cans():
    # The catalogue's check value of CRC-15/CAN.
    stream = [bit for byte in b"123456789" for bit in number(byte, 8)]
    assert crc15(stream) == 0x059E


# Bytes with long runs of equal bits, where stuffing does something.
rough = st.sampled_from([0x00, 0xFF, 0x0F, 0xF0, 0x1F, 0xE0, 0x55, 0x07, 0xF8]) | st.integers(
    0, 255
)


@st.composite
def any_frame(draw):
    can_id = draw(
        st.integers(0, 0x7FF)
        | st.sampled_from([0, 0x7FF])
        | st.integers(0, 0x1FFFFFFF).map(lambda number: number | EXTENDED)
        | st.sampled_from([EXTENDED, EXTENDED | 0x1FFFFFFF])
    )
    fd = draw(st.booleans())
    flags = FD | draw(st.sampled_from([0, BRS, ESI, BRS | ESI])) if fd else 0
    length = draw(st.sampled_from(wire.FD_LENGTHS if fd else range(9)))
    if not fd and draw(st.booleans()):
        can_id |= REMOTE
    data = bytes(draw(st.lists(rough, min_size=length, max_size=length)))
    return can_id, length, flags, data


@settings(deadline=None)
@given(any_frame())
@example((0, 8, 0, bytes(8)))
@example((0x7FF, 8, 0, b"\xff" * 8))
@example((0, 64, FD | BRS, bytes(64)))
@example((EXTENDED | 0x1FFFFFFF, 64, FD, b"\xff" * 64))
def test_every_frame_is_as_long_as_its_bits_played_one_by_one(frame):
    can_id, length, flags, data = frame
    assert frame_bits(can_id, length, flags, data).total == played(can_id, length, flags, data)


@settings(deadline=None)
@given(st.integers(0, 0x7FF), st.binary(min_size=8, max_size=8))
def test_stuffing_lengthens_a_frame_by_at_most_24_bits(can_id, data):
    assert 0 <= bits(can_id, data).total - unstuffed(can_id, 8) <= 24


# --- time -------------------------------------------------------------------------------------


def test_a_frame_takes_its_bits_at_the_bit_rate():
    frame = FrameBits(13, 85, switched=False)
    assert BitRates(500_000).frame_ns(frame) == (13 + 85 + 10) * 2000
    assert BitRates(83_333).frame_ns(frame) == round(108e9 / 83_333)


def test_only_the_body_of_a_switching_frame_takes_the_data_bit_rate():
    frame = FrameBits(17, 96, switched=True)
    assert BitRates(500_000, 2_000_000).frame_ns(frame) == (17 + 10) * 2000 + 96 * 500
    assert BitRates(500_000).frame_ns(frame) == (17 + 10 + 96) * 2000
