"""Modbus RTU: registers of a simulated slave become samples."""

from __future__ import annotations

import pytest

from firmware_sim.devices.modbus_slave import ModbusSlave
from gateway.config.model import Duration
from gateway.config.polled import ModbusConfig, ModbusDeviceConfig, RegisterConfig
from gateway.errors import LinkError, LinkLostError
from gateway.record import Quality
from gateway.signals import SignalTable
from gateway.sources.link import LinkState
from gateway.sources.modbus import MOST_REGISTERS, Modbus, modbus_signals
from gateway.sources.polled import PolledSource

COOLANT = RegisterConfig(
    name="coolant", kind="input", address=0, type="i16", scale=0.1, unit="degC"
)


@pytest.fixture
def slave():
    device = ModbusSlave("engine", 7)
    device.inputs.set("coolant_temp", -12.5)
    return device


def source_of(port, *registers, address=7, timeout="2s"):
    device = ModbusDeviceConfig(name="engine", address=address, registers=registers)
    config = ModbusConfig(
        name="plant",
        port=port,
        devices=(device,),
        every=Duration.parse("5ms"),
        timeout=Duration.parse(timeout),
    )
    signals = modbus_signals(config, SignalTable())
    return PolledSource(config, signals, 0, Modbus(config, signals))


def first_values(source, read_until, requests=1):
    with source:
        samples = read_until(source, requests)
    return {source.signals[row["signal"]].name: row["value"] for row in samples}


def test_a_signal_is_called_by_source_device_and_register(slave, plugged):
    source = source_of(plugged(slave).path, COOLANT)
    assert [each.full_name for each in source.signals] == ["plant.engine.coolant"]
    assert source.signals[0].unit == "degC"


def test_registers_of_every_type_are_read_as_they_were_written(slave, plugged, read_until):
    slave._holding[:6] = [0x1234, 0xFFFE, 0x0001, 0x0002, 0x0002, 0x0001]
    slave._holding[6:12] = [0x4148, 0x0000, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFD]
    registers = [
        RegisterConfig(name="u16", address=0),
        RegisterConfig(name="i16", address=1, type="i16"),
        RegisterConfig(name="u32", address=2, type="u32"),
        RegisterConfig(name="swapped", address=4, type="u32", word_order="little"),
        RegisterConfig(name="f32", address=6, type="f32"),
        RegisterConfig(name="i64", address=8, type="i64"),
    ]
    values = first_values(source_of(plugged(slave).path, *registers), read_until)
    assert values == {
        "u16": 0x1234,
        "i16": -2,
        "u32": 0x10002,
        "swapped": 0x10002,
        "f32": 12.5,
        "i64": -3,
    }


def test_bits_and_both_kinds_of_registers_are_read_from_their_own_tables(
    slave, plugged, read_until
):
    slave._coils[3] = 1
    slave.inputs.set("oil_temp", 140.0)
    registers = [
        COOLANT,
        RegisterConfig(name="fan", address=0),
        RegisterConfig(name="pump", kind="coil", address=3),
        RegisterConfig(name="alarm", kind="discrete", address=0),
    ]
    values = first_values(source_of(plugged(slave).path, *registers), read_until, requests=4)
    assert values == {"coolant": pytest.approx(-12.5), "fan": 0, "pump": 1, "alarm": 1}


def test_a_device_is_asked_for_no_register_that_is_not_listed(slave, plugged, read_until):
    slave._holding[:3] = [5, 6, 7]
    registers = [RegisterConfig(name=f"r{each}", address=each) for each in (0, 2)]
    line = plugged(slave)
    hear, asked = slave.hear, []
    slave.hear = lambda data, now_ns: (asked.append(data[2:6]), hear(data, now_ns))
    assert first_values(source_of(line.path, *registers), read_until, requests=2) == {
        "r0": 5,
        "r2": 7,
    }
    assert set(asked) == {b"\0\0\0\1", b"\0\2\0\1"}


def test_neighbours_share_a_request_and_others_do_not():
    def blocks(*addresses):
        registers = [RegisterConfig(name=f"r{each}", address=each) for each in addresses]
        inquirer = source_of("/dev/null", *registers)._inquirer
        return [(each._start, each._count) for each in inquirer.questions]

    assert blocks(0, 1, 2) == [(0, 3)]
    assert blocks(10, 0, 9) == [(0, 1), (9, 2)]
    assert blocks(*range(MOST_REGISTERS + 1)) == [(0, 125), (125, 1)]


def test_a_long_answer_has_besides_the_time_that_its_bytes_need_on_the_line(slave, plugged):
    registers = [RegisterConfig(name=f"r{each}", address=each) for each in range(MOST_REGISTERS)]
    with source_of(plugged(slave).path, *registers, timeout="200ms") as source:
        timeout_s = source._inquirer._port.timeout
    assert timeout_s == pytest.approx(0.2 + (3 + 2 * MOST_REGISTERS + 2) * 11 / 19200)


def test_a_value_outside_its_range_is_flagged(slave, plugged, read_until):
    cold = RegisterConfig(
        name="coolant", kind="input", address=0, type="i16", scale=0.1, minimum=0.0
    )
    with source_of(plugged(slave).path, cold) as source:
        samples = read_until(source, 1)
    assert samples["quality"].tolist() == [Quality.OUT_OF_RANGE]


def test_a_device_that_is_not_there_is_counted(slave, plugged, read_until):
    with source_of(plugged(slave).path, COOLANT, address=9, timeout="20ms") as source:
        read_until(source, 2)
    assert set(source.counters.lost) <= {"no answer", "closed"}
    assert source.counters.lost["no answer"] >= 2


def test_a_device_that_refuses_is_counted(slave, plugged, read_until_lost):
    beyond = RegisterConfig(name="beyond", address=9999)
    with source_of(plugged(slave).path, beyond, timeout="50ms") as source:
        assert len(read_until_lost(source, "refused")) == 0


def test_an_answer_with_a_wrong_checksum_is_counted(slave, plugged, read_until_lost, mocker):
    mocker.patch(
        "firmware_sim.devices.modbus_slave.with_crc", side_effect=lambda data: data + b"\1\2"
    )
    with source_of(plugged(slave).path, COOLANT, timeout="50ms") as source:
        assert len(read_until_lost(source, "garbled answer")) == 0


def test_an_adapter_that_is_unplugged_is_lost(slave, plugged, read_until):
    line = plugged(slave)
    with source_of(line.path, COOLANT, timeout="50ms") as source:
        read_until(source, 1)
        line.unplug()
        with pytest.raises(LinkLostError, match="gone") as lost:
            read_until(source, 1000)
    assert lost.value.state == LinkState.UNPLUGGED


def test_a_port_that_is_not_there_is_absent(tmp_path):
    with pytest.raises(LinkError, match="no such device") as error:
        source_of(str(tmp_path / "tty"), COOLANT).__enter__()
    assert error.value.state == LinkState.ABSENT


def test_without_the_library_the_link_says_what_to_install(mocker):
    mocker.patch.dict("sys.modules", {"minimalmodbus": None})
    with pytest.raises(LinkError, match=r"pip install 'embedded-gateway\[modbus\]'"):
        source_of("/dev/null", COOLANT).__enter__()
