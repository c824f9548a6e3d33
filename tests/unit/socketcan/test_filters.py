"""Filters as candump takes them, and what they are to the kernel and to python-can."""

import struct

import numpy as np
import pytest

from gateway.decode.database import Message
from gateway.record import CanId
from gateway.sources.readers.filters import INVERTED, FrameFilters
from gateway.sources.readers.socketcan.packet_filter import packet_filter

EXTENDED = CanId.EXTENDED
IDS = [
    0x123,
    0x124,
    0x7FF,
    0x000,
    0x123 | EXTENDED,
    0x18FEF1FE | EXTENDED,
    0x0CFEF100 | EXTENDED,
    0x123 | CanId.REMOTE,
]
ERROR = 0x88 | CanId.ERROR


def passing(filters):
    found = filters.passes(np.array([*IDS, ERROR], np.uint32))
    assert found[-1], "error frames always pass"
    return {can_id for can_id, passes in zip(IDS, found, strict=False) if passes}


def by_kernel(filters):
    """Which ids the program for the kernel lets pass."""
    program = packet_filter(filters, outgoing=False)
    assert run(program, ERROR)
    return {can_id for can_id in IDS if run(program, can_id)}


def run(program, can_id, protocol=0x000C, packet_type=0):
    """What a classic BPF machine says, <linux/filter.h>."""
    packet = struct.pack("=I", can_id) + bytes(12)
    instructions = list(struct.iter_unpack("=HBBI", program))
    assert len(instructions) <= 4096
    at = value = 0
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        if code == 0x20:
            ancillary = {0xFFFFF000: protocol, 0xFFFFF004: packet_type}
            value = ancillary.get(operand)
            if value is None:
                value = int.from_bytes(packet[operand : operand + 4], "big")
        elif code == 0x54:
            value &= operand
        elif code == 0x15:
            at += if_true if value == operand else if_false
        else:
            assert code == 0x06
            return operand != 0


CASES = [
    (["123:7FF"], {0x123, 0x123 | EXTENDED, 0x123 | CanId.REMOTE}),
    (["123:C00007FF"], {0x123}),
    (["00000123:80000000"], {each for each in IDS if each & EXTENDED}),
    (["00000123:DFFFFFFF"], {0x123 | EXTENDED}),
    (["123~7FF"], {0x124, 0x7FF, 0, 0x18FEF1FE | EXTENDED, 0x0CFEF100 | EXTENDED}),
    (["124:7FF", "7FF:7FF"], {0x124, 0x7FF}),
    (["123~7FF", "123:C00007FF"], set(IDS) - {0x123 | EXTENDED, 0x123 | CanId.REMOTE}),
    (["0:0"], set(IDS)),
]


@pytest.mark.parametrize(("texts", "expected"), CASES)
def test_filters_pass_what_candump_would_show(texts, expected):
    filters = FrameFilters.parse(texts)
    assert passing(filters) == expected
    assert by_kernel(filters) == expected


def test_they_are_written_as_the_kernel_reads_them():
    filters = FrameFilters.parse(["123:7ff", "12345678:1FFFFFFF", "200~700", "123:FFFFFFFF"])
    assert filters.pairs == (
        (0x123, 0x7FF),
        (0x12345678 | EXTENDED, 0x1FFFFFFF),
        (0x200 | INVERTED, 0x700),
        (0x123, 0xDFFFFFFF),  # error frames are asked for by another way
    )


def message(can_id, by_group=False):
    return Message("m", can_id, 8, (), by_group)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], set()),
        ([message(0x123)], {0x123}),
        ([message(0x123 | EXTENDED)], {0x123 | EXTENDED}),
        ([message(0x123), message(0x7FF)], {0x123, 0x7FF}),
        (
            [message(0x18FEF1FE | EXTENDED, by_group=True)],
            {0x18FEF1FE | EXTENDED, 0x0CFEF100 | EXTENDED},
        ),
    ],
)
def test_wanted_messages_pass_and_nothing_else(messages, expected):
    filters = FrameFilters.of(messages)
    assert passing(filters) == expected
    assert by_kernel(filters) == expected


@pytest.mark.parametrize(
    ("text", "let_through"),
    [
        ("123:7FF", {"plain", "extended", "group"}),
        ("124:7FF", {"group"}),
        ("120:7F0", {"plain", "extended", "group"}),
        ("123~7FF", {"group"}),
        ("123~1FFFFFFF", {"extended", "group"}),
        ("00000123:800007FF", {"extended", "group"}),
        ("123:DFFFFFFF", {"plain"}),
        ("18000123:1FFFFFFF", {"extended"}),
        ("18FEF155:9FFFFFFF", {"group"}),
        ("18FEF155~9FFFFFFF", {"plain", "extended", "group"}),
        ("18FEF100~03FFFF00", {"plain", "extended"}),
        ("18FEF200:03FFFF00", set()),
        ("40000123:C00007FF", set()),
    ],
)
def test_whether_any_frame_of_a_message_may_pass(text, let_through):
    messages = {
        "plain": message(0x123),
        "extended": message(0x18000123 | EXTENDED),
        "group": message(0x18FEF1FE | EXTENDED, by_group=True),
    }
    filters = FrameFilters.parse([text])
    assert {name for name, each in messages.items() if filters.may_pass(each)} == let_through
    senders = np.arange(256, dtype=np.uint32) | np.uint32(0x18FEF100 | EXTENDED)
    assert filters.passes(senders).any() == ("group" in let_through)
    for name in ("plain", "extended"):
        can_id = np.array([messages[name].can_id], np.uint32)
        assert filters.passes(can_id).tolist() == [name in let_through]


def test_a_group_that_is_addressed_passes_to_whomever():
    filters = FrameFilters.of([message(0x18EAFFFE | EXTENDED, by_group=True)])
    ids = np.array([0x18EA0021, 0x0CEAFF03, 0x18EB0021], np.uint32) | np.uint32(EXTENDED)
    assert filters.passes(ids).tolist() == [True, True, False]


def test_as_many_as_the_kernel_takes_fit_into_a_program():
    many = FrameFilters.of(message(can_id) for can_id in range(512))
    assert by_kernel(many) == {can_id for can_id in IDS if can_id < 512}


def test_only_can_frames_get_into_a_ring():
    program = packet_filter(None, outgoing=False)
    assert run(program, 1)
    assert run(program, 1, protocol=0x000D)
    assert not run(program, 1, protocol=0x0800)
    sent = packet_filter(FrameFilters.parse(["1:7FF"]), outgoing=True)
    assert run(sent, 1, packet_type=4)
    assert not run(sent, 1, packet_type=0)
    assert not run(sent, 2, packet_type=4)
