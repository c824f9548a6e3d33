"""Messages of J1939 and NMEA 2000, which are known by their parameter group."""

from __future__ import annotations

import pytest

from gateway.decode.database import parameter_group

EXTENDED = 0x80000000


@pytest.mark.parametrize(
    ("can_id", "group"),
    [
        pytest.param(0x18FEF100, 0x00FEF100, id="broadcast"),
        pytest.param(0x0CEA21F9, 0x00EA0000, id="addressed"),
        pytest.param(0x09F80102, 0x01F80100, id="data page 1"),
        pytest.param(0x1FEF2103, 0x03EF0000, id="the last addressed"),
        pytest.param(0x00F02103, 0x00F02100, id="the first broadcast"),
    ],
)
def test_a_parameter_group_has_no_priority_no_source_and_no_destination(can_id, group):
    assert parameter_group(EXTENDED | can_id) == EXTENDED | group


J1939 = (
    'BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";',
    'BA_DEF_DEF_ "VFrameFormat" "ExtendedCAN";',
)


def messages(*ids: int) -> list[str]:
    lines = []
    for can_id in ids:
        lines += [f"BO_ {EXTENDED | can_id} M{can_id:X}: 8 E",
                  f' SG_ S{can_id:X} : 0|8@1+ (1,0) [0|0] "" E']  # fmt: skip
    return lines


def marked(*ids: int) -> list[str]:
    return [*J1939, *(f'BA_ "VFrameFormat" BO_ {EXTENDED | can_id} 3;' for can_id in ids)]


def names(made, *ids: int) -> list[str | None]:
    found = [made.database.find(EXTENDED | can_id) for can_id in ids]
    return [message and message.name for message in found]


def test_j1939_messages_are_known_by_their_group_whoever_sends_them(decoding):
    made = decoding(*messages(0x0CF00400, 0x18FEF1FE), *marked(0x0CF00400))
    assert names(made, 0x0CF00400, 0x1CF00427, 0x0CF00327) == ["MCF00400", "MCF00400", None]
    assert names(made, 0x18FEF1FE, 0x18FEF100) == ["M18FEF1FE", None]
    assert made.values(EXTENDED | 0x1CF00427, b"\5") == {"SCF00400": 5.0}


def test_an_addressed_group_is_known_whoever_is_addressed(decoding):
    made = decoding(*messages(0x18EAFFFE), *marked(0x18EAFFFE))
    assert names(made, 0x18EA2103) == ["M18EAFFFE"]


def test_an_exact_id_comes_before_its_group(decoding):
    made = decoding(*messages(0x18FEF100, 0x18FEF1FE), *marked(0x18FEF100, 0x18FEF1FE))
    assert names(made, 0x18FEF100, 0x18FEF101) == ["M18FEF100", "M18FEF1FE"]


def test_a_group_with_two_senders_layouts_says_nothing_of_a_third(decoding):
    made = decoding(*messages(0x18FEF100, 0x18FEF101), *marked(0x18FEF100, 0x18FEF101))
    assert names(made, 0x18FEF100, 0x18FEF101, 0x18FEF102) == ["M18FEF100", "M18FEF101", None]


def test_a_database_of_null_addresses_only_is_one_of_groups(decoding):
    made = decoding(*messages(0x18FEF1FE, 0x18EAFFFE))
    assert names(made, 0x18FEF103, 0x18EA0103) == ["M18FEF1FE", "M18EAFFFE"]


def test_without_any_mark_ids_are_matched_exactly(decoding):
    made = decoding(*messages(0x18FEF1FE, 0x18FEF203))
    assert names(made, 0x18FEF1FE, 0x18FEF103) == ["M18FEF1FE", None]


def test_a_standard_id_never_stands_for_a_group(decoding):
    made = decoding(*messages(0x0000FE, 0x18FEF1FE))
    assert made.database.find(0x003) is None


@pytest.mark.parametrize(
    ("protocol", "grouped"),
    [("J1939", True), ("j1939", True), ("NMEA2000", True), ("CANopen", False), ("", False)],
)
def test_a_database_of_a_protocol_with_groups_is_one_of_groups(decoding, protocol, grouped):
    made = decoding(
        *messages(0x18FEF103, 0x18FEF203),
        "BO_ 5 Narrow: 8 E",
        'BA_DEF_ "ProtocolType" STRING ;',
        'BA_DEF_DEF_ "ProtocolType" "";',
        f'BA_ "ProtocolType" "{protocol}";',
    )
    assert names(made, 0x18FEF177) == ["M18FEF103" if grouped else None]
    assert [message.by_group for message in made.database.messages] == [grouped, grouped, False]


@pytest.mark.parametrize(("bits", "reserves"), [(1, False), (2, True), (16, True)])
def test_integers_of_a_group_reserve_their_highest_values(decoding, bits, reserves):
    line = f' SG_ S : 0|{bits}@1+ (1,0) [0|0] "" E'
    made = decoding(f"BO_ {EXTENDED | 0x18FEF1FE} M: 8 E", line, "BO_ 5 Narrow: 8 E", line)
    grouped, plain = (message.fields[0] for message in made.database.messages)
    assert grouped.reserves is reserves
    assert plain.reserves is False


def test_floats_reserve_nothing(decoding):
    can_id = EXTENDED | 0x18FEF1FE
    made = decoding(
        f"BO_ {can_id} M: 8 E", ' SG_ S : 0|32@1- (1,0) [0|0] "" E', f"SIG_VALTYPE_ {can_id} S : 1;"
    )
    assert made.database.messages[0].fields[0].reserves is False


def test_a_message_of_the_null_address_is_that_of_its_group_beside_a_senders(decoding):
    ids = (0x18FEF1FE, 0x18FEF100, 0x18FEF101)
    for order in (ids, ids[::-1]):
        made = decoding(*messages(*order), *marked(*order))
        assert names(made, 0x18FEF102, 0x18FEF100) == ["M18FEF1FE", "M18FEF100"]


def test_a_group_with_three_senders_layouts_says_nothing_of_a_fourth(decoding):
    ids = (0x18FEF100, 0x18FEF101, 0x18FEF102)
    made = decoding(*messages(*ids), *marked(*ids))
    assert names(made, 0x18FEF103) == [None]
