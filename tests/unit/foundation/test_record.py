"""The records' layout is a contract between processes, and with the kernel."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from gateway.record import (
    ALARM,
    FRAME,
    SAMPLE,
    TICK,
    Alarm,
    CanId,
    FrameFlag,
    Quality,
    pack_alarms,
    unpack_alarms,
)

CANFD_FRAME = "=IBBBB64s"  # struct canfd_frame of <linux/can.h>: can_id, len, flags, __res0, __res1


@pytest.mark.parametrize(("record", "size"), [(FRAME, 80), (SAMPLE, 24), (ALARM, 64)])
def test_each_record_has_its_size(record, size):
    assert record.itemsize == size


@pytest.mark.parametrize("record", [FRAME, SAMPLE, ALARM], ids=["FRAME", "SAMPLE", "ALARM"])
def test_every_field_lies_at_a_multiple_of_its_size_and_no_byte_is_unused(record):
    end = 0
    for name in record.names:
        kind, offset = record.fields[name][:2]
        assert offset == end, f"a gap before {name}"
        assert offset % kind.base.itemsize == 0, f"{name} is not aligned"
        end = offset + kind.itemsize
    assert record.itemsize == end
    assert record.itemsize % 8 == 0, "the next record's 64-bit fields would not be aligned"


def test_an_event_goes_into_its_record_field_by_field_and_comes_out_the_same():
    alarms = [
        Alarm(-(2**63), -0.5, float("inf"), 2**64 - 1, -2, 3, 2**32 - 1, 5, 2**16 - 1, 1, 2, 6, 2),
        Alarm(t_ns=7, value=8.25, rate=0.0, order=9),
    ]
    packed = pack_alarms(alarms)
    for field in ALARM.names:
        assert packed[field].tolist() == [getattr(alarm, field) for alarm in alarms]
    packed["analyzer"] = 3
    assert list(unpack_alarms(packed)) == [alarm._replace(analyzer=3) for alarm in alarms]


def test_a_frame_holds_the_kernel_s_canfd_frame_byte_for_byte():
    frame = np.zeros(1, FRAME)
    frame["can_id"] = 0x18FF50E5 | CanId.EXTENDED
    frame["len"] = 12
    frame["flags"] = FrameFlag.FD | FrameFlag.BIT_RATE_SWITCH
    frame["channel"] = 3
    frame["origin"] = 1
    frame["data"][0, :12] = range(1, 13)
    packed = struct.pack(CANFD_FRAME, 0x98FF50E5, 12, 0x05, 3, 1, bytes(range(1, 13)))
    assert frame.tobytes()[8:] == packed


def test_a_canfd_frame_read_into_a_frame_has_its_fields():
    frame = np.zeros(1, FRAME)
    packed = struct.pack(CANFD_FRAME, 0x20000004, 8, 0, 0, 0, bytes.fromhex("0004000000007800"))
    frame.view(np.uint8)[8:] = np.frombuffer(packed, np.uint8)
    assert CanId(int(frame["can_id"][0]) & CanId.ERROR) is CanId.ERROR
    assert frame["len"][0] == 8
    assert frame["data"][0, :8].tobytes().hex() == "0004000000007800"


@pytest.mark.parametrize(
    ("flag", "bit"),
    [
        (CanId.EXTENDED, "CAN_EFF_FLAG"),
        (CanId.REMOTE, "CAN_RTR_FLAG"),
        (CanId.ERROR, "CAN_ERR_FLAG"),
    ],
)
def test_the_flag_bits_of_an_id_are_the_kernel_s(flag, bit):
    socket = pytest.importorskip("socket")
    if not hasattr(socket, bit):
        pytest.skip("this Python was built without CAN")
    assert flag == getattr(socket, bit)


def test_a_tick_is_no_signal_s_number():
    assert np.iinfo(SAMPLE["signal"]).max == TICK


def test_a_record_of_zeros_is_a_good_sample():
    assert Quality(int(np.zeros((), SAMPLE)["quality"])) is Quality.GOOD
