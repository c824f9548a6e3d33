"""What a bus makes of the records that a node sent, one by one and in batches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim import wire
from firmware_sim.errors import WireError
from firmware_sim.records import of_ids, to_bus


@pytest.fixture(params=[1, 20], ids=["alone", "in a batch"])
def on_bus(request):
    """What the bus makes of one record that a node sent, alone or in a batch."""

    def carried(record, t_ns=1):
        count = request.param
        block = bytes(to_bus(record * count, t_ns))
        assert block == block[:80] * count
        names = ("t_ns", "id", "len", "flags", "res", "data")
        return dict(zip(names, wire.FRAME.unpack(block[:80]), strict=True))

    return carried


def test_the_bus_stamps_frames_with_its_own_time(on_bus):
    assert on_bus(wire.FRAME.pack(999, 1, 0, 0, 0, b""), t_ns=42)["t_ns"] == 42


def test_bytes_beyond_the_length_and_bits_without_a_meaning_do_not_cross_the_bus(on_bus):
    dirty = wire.FRAME.pack(0, 0x123, 3, 0xFB, 0xABCD, b"\xff" * 64)
    assert on_bus(dirty) == {
        "t_ns": 1,
        "id": 0x123,
        "len": 3,
        "flags": 0,
        "res": 0,
        "data": b"\xff\xff\xff".ljust(64, b"\0"),
    }


def test_fd_flags_cross_the_bus_and_unknown_ones_do_not(on_bus):
    assert on_bus(wire.pack_frame(1, b"", flags=0xFF))["flags"] == (
        wire.FD | wire.BIT_RATE_SWITCH | wire.ERROR_STATE
    )


@pytest.mark.parametrize(
    ("sent", "carried"), [(0, 0), (8, 8), (9, 12), (13, 16), (24, 24), (33, 48), (49, 64), (64, 64)]
)
def test_an_fd_length_between_two_dlcs_goes_out_as_the_next_one_zero_filled(on_bus, sent, carried):
    frame = on_bus(wire.pack_frame(1, b"\xaa" * sent, flags=wire.FD))
    assert frame["len"] == carried
    assert frame["data"] == (b"\xaa" * sent).ljust(64, b"\0")


def test_a_remote_frame_keeps_its_length_and_carries_no_data(on_bus):
    frame = on_bus(wire.FRAME.pack(0, 0x7 | wire.REMOTE, 5, 0, 0, b"\xff" * 8))
    assert (frame["id"], frame["len"], frame["data"]) == (0x7 | wire.REMOTE, 5, bytes(64))


@pytest.mark.parametrize(
    ("sent", "carried"),
    [
        pytest.param(0x1FFFF7FF, 0x7FF, id="a standard id has 11 bits"),
        pytest.param(wire.EXTENDED | 0x1FFFFFFF, wire.EXTENDED | 0x1FFFFFFF, id="an extended 29"),
        pytest.param(wire.ERROR | 0x10000004, wire.ERROR | 0x10000004, id="an error class 29"),
    ],
)
def test_an_id_keeps_the_bits_it_has(on_bus, sent, carried):
    assert on_bus(wire.pack_frame(sent))["id"] == carried


@pytest.mark.parametrize(
    ("record", "says"),
    [
        pytest.param(wire.FRAME.pack(0, 1, 9, 0, 0, b""), "classic frame of 9 bytes", id="classic"),
        pytest.param(wire.FRAME.pack(0, 1, 65, 4, 0, b""), "CAN FD frame of 65 bytes", id="fd"),
        pytest.param(
            wire.FRAME.pack(0, 1 | wire.REMOTE, 1, 4, 0, b""), "CAN FD remote frame", id="fd remote"
        ),
    ],
)
@pytest.mark.parametrize("others", [0, 20])
def test_what_can_does_not_have_is_refused(record, says, others):
    good = wire.pack_frame(1, b"ok")
    with pytest.raises(WireError, match=says):
        to_bus(good * others + record + good, 1)


frames = st.tuples(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 65535),
    st.binary(min_size=64, max_size=64),
).map(lambda fields: wire.FRAME.pack(*fields))


@given(frames)
def test_a_batch_is_carried_exactly_as_its_frames_would_be_one_by_one(frame):
    def outcome(data):
        try:
            return bytes(to_bus(data, 7))[:80]
        except WireError as error:
            return str(error)

    assert outcome(frame * 20) == outcome(frame)


@pytest.mark.parametrize("count", [1, 5, 60])
def test_records_are_chosen_by_their_whole_id_in_order(count):
    ids = [0x100, 0x200, wire.EXTENDED | 0x100, 0x7DF, wire.REMOTE | 0x200]
    data = b"".join(wire.pack_frame(ids[n % 5], bytes([n])) for n in range(count))
    chosen = bytes(of_ids(data, frozenset((0x100, 0x7DF))))
    assert [f[5][0] for f in wire.FRAME.iter_unpack(chosen)] == [
        n for n in range(count) if n % 5 in (0, 3)
    ]
    assert bytes(of_ids(memoryview(data), frozenset((1,)))) == b""
