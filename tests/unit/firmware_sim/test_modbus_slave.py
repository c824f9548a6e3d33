"""The simulated Modbus slave, asked by an independent master."""

from __future__ import annotations

import os
import select
import threading
import tty

import minimalmodbus
import pytest
import serial

from firmware_sim.devices import modbus_slave
from firmware_sim.devices.modbus_slave import (
    LONGEST_FRAME,
    SENSORS,
    ModbusSlave,
    crc16,
    with_crc,
)

READ_HOLDING_0 = with_crc(bytes.fromhex("01 03 0000 0001"))


@pytest.fixture
def slave():
    return ModbusSlave("engine", 1)


def answer(slave, request, now_ns=0):
    slave.hear(request, now_ns)
    return slave.step(now_ns) if slave.due_ns is not None else b""


@pytest.fixture
def master(slave):
    """minimalmodbus on a pty, at whose other end the slave answers."""
    far, near = os.openpty()
    tty.setraw(near)
    wake, waker = os.pipe()

    def serve():
        while wake not in select.select([far, wake], [], [])[0]:
            os.write(far, answer(slave, os.read(far, 256)))

    thread = threading.Thread(target=serve)
    thread.start()
    with serial.Serial(os.ttyname(near), 115200, timeout=2) as port:
        yield minimalmodbus.Instrument(port, 1)
    os.write(waker, b"x")
    thread.join()
    for fd in (far, near, wake, waker):
        os.close(fd)


def test_its_checksum_is_that_of_the_standard():
    assert crc16(b"123456789") == 0x4B37
    assert crc16(with_crc(b"anything")) == 0


def test_a_master_reads_what_its_sensors_measure(master, slave):
    slave.inputs.set("coolant_temp", 108.2)
    slave.inputs.set("battery_voltage", -1.5)
    assert master.read_register(0, 1, functioncode=4) == 108.2
    assert master.read_register(3, 1, functioncode=4, signed=True) == -1.5
    assert len(master.read_registers(0, len(SENSORS), functioncode=4)) == len(SENSORS)


@pytest.mark.parametrize(("value", "register"), [(1e308, 0x7FFF), (-1e308, 0x8000)])
def test_a_value_beyond_its_register_is_told_as_the_nearest(slave, value, register):
    slave.inputs.set("oil_temp", value)
    told = answer(slave, with_crc(bytes.fromhex("01 04 0002 0001")))
    assert told == with_crc(bytes((1, 4, 2)) + register.to_bytes(2, "big"))


def test_a_master_writes_registers_and_coils_and_reads_them_back(master):
    master.write_register(2, 777, functioncode=6)
    master.write_registers(3, [1, 2, 65535])
    assert master.read_registers(2, 4) == [777, 1, 2, 65535]
    master.write_bit(1, 1, functioncode=5)
    master.write_bits(4, [1, 0, 1])
    assert master.read_bits(0, 8, functioncode=1) == [0, 1, 0, 0, 1, 0, 1, 0]


def test_a_sensor_above_its_alarm_sets_the_discrete_input(master, slave):
    assert master.read_bit(0) == 0
    slave.inputs.set("oil_temp", SENSORS["oil_temp"].alarm + 0.1)
    assert master.read_bit(0) == 1


@pytest.mark.parametrize(
    ("request_hex", "code"),
    [
        ("01 07", 1),  # a function that it does not have
        ("01 03 0010 0001", 2),  # beyond its registers
        ("01 03 000F 0002", 2),
        ("01 03 0000 0000", 3),  # none
        ("01 03 0000 007E", 3),  # more than a frame holds
        ("01 05 0000 1234", 3),  # neither on nor off
        ("01 10 0000 0002 02 0001", 3),  # another number of bytes than of registers
        ("01 0F 0000 0009 01 FF", 3),
    ],
)
def test_a_wrong_request_is_refused_with_its_code(request_hex, code, slave):
    request = bytes.fromhex(request_hex)
    assert answer(slave, with_crc(request)) == with_crc(bytes([1, request[1] | 0x80, code]))


def test_a_request_may_come_in_any_pieces(slave):
    for byte in READ_HOLDING_0[:-1]:
        assert answer(slave, bytes([byte])) == b""
    assert answer(slave, READ_HOLDING_0[-1:]) == with_crc(bytes.fromhex("01 03 02 0000"))


def test_what_is_no_request_is_passed_over_and_counted(slave):
    assert answer(slave, b"\xff\x55garbage" + READ_HOLDING_0)[:3] == bytes.fromhex("01 03 02")
    assert slave.passed_over == 9


def test_noise_does_not_keep_the_simulation_from_going_on(slave, mocker):
    # A line at a wrong speed is full of it. Once over the rest of the bytes, from each of them.
    steps = mocker.spy(modbus_slave, "_crc_step")
    slave.hear(bytes(LONGEST_FRAME), 0)
    assert steps.call_count < LONGEST_FRAME**2


def test_requests_for_others_are_not_answered(slave):
    assert answer(slave, with_crc(bytes.fromhex("02 03 0000 0001"))) == b""
    assert slave.passed_over == 0


def test_a_broadcast_is_obeyed_but_not_answered(slave):
    assert answer(slave, with_crc(bytes.fromhex("00 06 0000 0063"))) == b""
    assert answer(slave, READ_HOLDING_0) == with_crc(bytes.fromhex("01 03 02 0063"))


def test_a_reset_forgets_what_was_written(slave):
    answer(slave, with_crc(bytes.fromhex("01 06 0000 0063")))
    slave.reset(0)
    assert answer(slave, READ_HOLDING_0) == with_crc(bytes.fromhex("01 03 02 0000"))
