"""The adapter's firmware, without a serial line."""

import pytest

from firmware_sim import wire
from firmware_sim.records import to_bus
from firmware_sim.slcan import SlcanAdapter


@pytest.fixture
def sent():
    """The records that the adapter put on the bus."""
    return []


@pytest.fixture
def adapter(sent):
    return SlcanAdapter(sent.append)


@pytest.fixture
def opened(adapter):
    assert adapter.feed(b"S6\rO\r") == b"\r\r"
    return adapter


def on_bus(can_id, data=b"", *, flags=0, length=None, t_ns=0):
    return bytes(to_bus(wire.pack_frame(can_id, data, flags=flags, length=length), t_ns))


PAIRS = [
    pytest.param(b"t1232AABB\r", on_bus(0x123, b"\xaa\xbb"), id="standard"),
    pytest.param(b"t7FF0\r", on_bus(0x7FF), id="standard empty"),
    pytest.param(
        b"T1FFFFFFF81122334455667788\r",
        on_bus(wire.EXTENDED | 0x1FFFFFFF, bytes.fromhex("1122334455667788")),
        id="extended",
    ),
    pytest.param(b"r0015\r", on_bus(wire.REMOTE | 1, length=5), id="remote"),
    pytest.param(
        b"R000000018\r", on_bus(wire.EXTENDED | wire.REMOTE | 1, length=8), id="remote extended"
    ),
    pytest.param(b"d1239" + b"5A" * 12 + b"\r", on_bus(0x123, b"Z" * 12, flags=4), id="fd"),
    pytest.param(
        b"B00000001F" + b"5A" * 64 + b"\r",
        on_bus(wire.EXTENDED | 1, b"Z" * 64, flags=5),
        id="fd extended with bit rate switch",
    ),
]


@pytest.mark.parametrize(("line", "record"), PAIRS)
def test_a_transmit_command_puts_the_frame_on_the_bus_and_is_answered(opened, sent, line, record):
    answer = opened.feed(line)
    assert answer == (b"Z\r" if line[:1].isupper() else b"z\r")
    assert [bytes(to_bus(frame, 0)) for frame in sent] == [record]


@pytest.mark.parametrize(("line", "record"), PAIRS)
def test_a_frame_from_the_bus_is_told_as_the_command_that_would_send_it(opened, line, record):
    assert opened.hear(record) == line


def test_commands_may_come_byte_by_byte(opened, sent):
    answers = b"".join(opened.feed(bytes([byte])) for byte in b"t1232AABB\rV\r")
    assert answers == b"z\rV1013\r"
    assert len(sent) == 1


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"t8001AA", id="id of more than 11 bits"),
        pytest.param(b"T200000000", id="id of more than 29 bits"),
        pytest.param(b"t1239" + b"00" * 9, id="nine bytes in a classic frame"),
        pytest.param(b"t1232AA", id="too little data"),
        pytest.param(b"t1231AABB", id="too much data"),
        pytest.param(b"t12", id="cut short"),
        pytest.param(b"t12x0", id="no hex"),
        pytest.param(b"t-120", id="a sign"),
        pytest.param(b"r1231AA", id="a remote frame with data"),
        pytest.param(b"q", id="unknown"),
        pytest.param(b"t\xff\xfe\xfd0", id="no text"),
        pytest.param(b"t" + b"0" * 5000, id="endless"),
    ],
)
def test_a_malformed_command_is_refused_and_the_next_one_obeyed(opened, sent, line):
    assert opened.feed(line + b"\r") == b"\a"
    assert sent == []
    assert opened.refused == 1
    assert opened.feed(b"t1230\r") == b"z\r"


def test_a_closed_adapter_neither_sends_nor_hears(adapter, sent):
    assert adapter.feed(b"t1230\r") == b"\a"
    assert adapter.hear(on_bus(1)) == b""
    assert sent == []


def test_a_listening_adapter_hears_and_does_not_send(adapter, sent):
    assert adapter.feed(b"L\r") == b"\r"
    assert adapter.feed(b"t1230\r") == b"\a"
    assert adapter.hear(on_bus(0x123)) == b"t1230\r"
    assert sent == []


@pytest.mark.parametrize("command", [b"S0", b"S8", b"s031C", b"Y5", b"Z1", b"O", b"L"])
def test_settings_are_taken_while_closed_and_refused_while_open(opened, command):
    assert opened.feed(command + b"\r") == b"\a"
    assert opened.feed(b"C\r") == b"\r"
    assert opened.feed(command + b"\r") == b"\r"


def test_closing_twice_is_refused(opened):
    assert opened.feed(b"C\rC\r") == b"\r\a"


def test_version_and_serial_number_are_told_open_or_closed(adapter):
    assert adapter.feed(b"V\rN\r") == b"V1013\rNSIM0\r"
    assert adapter.feed(b"O\rV\rN\r") == b"\rV1013\rNSIM0\r"


def test_empty_lines_do_nothing(adapter):
    assert adapter.feed(b"\r\r\r") == b"\r\r\r"


def test_time_stamps_are_milliseconds_of_a_minute(adapter):
    adapter.feed(b"Z1\rO\r")
    assert adapter.hear(on_bus(0x123, b"\1", t_ns=1_234_000_000)) == b"t12310104D2\r"
    assert adapter.hear(on_bus(0x123, t_ns=59_999_999_999)) == b"t1230EA5F\r"
    assert adapter.hear(on_bus(0x123, t_ns=60_000_000_000)) == b"t12300000\r"


def test_an_overrun_is_told_by_the_status_flags_once(opened):
    assert opened.feed(b"F\r") == b"F00\r"
    assert opened.hear(wire.overflow(12, 0)) == b""
    assert opened.feed(b"F\rF\r") == b"F09\rF00\r"


def test_an_error_frame_is_told_as_a_bus_error(opened):
    assert opened.hear(on_bus(wire.ERROR | 0x88, bytes(8))) == b""
    assert opened.feed(b"F\r") == b"F80\r"


def test_several_frames_are_told_in_order(opened):
    assert opened.hear(on_bus(1) + on_bus(2) + on_bus(3)) == b"t0010\rt0020\rt0030\r"


@pytest.mark.parametrize(
    ("can_id", "controller", "flags"),
    [
        pytest.param(wire.ERR_CONTROLLER, wire.ERR_TX_WARNING, b"04", id="warning"),
        pytest.param(wire.ERR_CONTROLLER, wire.ERR_RX_PASSIVE, b"20", id="error-passive"),
        pytest.param(wire.ERR_CONTROLLER, wire.ERR_ACTIVE, b"00", id="active again"),
        pytest.param(wire.ERR_ACK | wire.ERR_PROTOCOL, 0, b"80", id="not acknowledged"),
        pytest.param(wire.ERR_BUS_OFF, 0, b"80", id="bus-off"),
        pytest.param(wire.ERR_RESTARTED, 0, b"00", id="restarted"),
    ],
)
def test_what_an_error_frame_says_is_in_the_status_flags(opened, can_id, controller, flags):
    assert opened.hear(on_bus(wire.ERROR | can_id, bytes([0, controller, 0, 0, 0, 0, 0, 0]))) == b""
    assert opened.feed(b"F\r") == b"F" + flags + b"\r"


@pytest.mark.parametrize(
    ("commands", "takes_part"), [(b"", False), (b"O\r", True), (b"L\r", False), (b"O\rC\r", False)]
)
def test_it_takes_part_while_it_is_open_and_not_to_listen_only(adapter, commands, takes_part):
    adapter.feed(commands)
    assert adapter.takes_part is takes_part
