"""A Modbus RTU slave: an engine's sensors behind a serial line.

Source of the protocol: Modbus Application Protocol V1.1b3, Modbus over Serial Line V1.02.

    input registers 0..   the sensors, in the order of `SENSORS`, each a signed 16-bit number of
                          tenths of its unit
    holding registers     as many as there are, 0 at first: 0 is the fan's speed in per cent
    coils                 as many: 0 is the pump
    discrete inputs       0: a sensor is above its alarm limit

A frame ends with a silence of 3.5 characters on a line. A pty has no such times, so here it ends
where its function and its CRC say so; what is neither a frame nor the beginning of one is passed
over byte by byte, and counted.
"""

from __future__ import annotations

import math
import struct
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

from firmware_sim.devices.inputs import Inputs, nearest

READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT = 1, 2, 3, 4
WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 5, 6, 15, 16
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3

HOLDING_REGISTERS = COILS = 16
MOST_REGISTERS, MOST_BITS = 125, 2000
BROADCAST = 0
LONGEST_FRAME = 256
ON, OFF = 0xFF00, 0x0000


class Sensor(NamedTuple):
    """One quantity that swings round its mean.

    Attributes:
        unit: Its unit.
        mean: Its mean.
        swing: How far it swings to either side.
        period_s: How long a swing takes.
        alarm: Above it, the discrete input is set.
    """

    unit: str
    mean: float
    swing: float
    period_s: float
    alarm: float


SENSORS = {
    "coolant_temp": Sensor("degC", 85.0, 6.0, 60.0, 105.0),
    "oil_pressure": Sensor("bar", 4.2, 0.6, 11.0, 6.5),
    "oil_temp": Sensor("degC", 95.0, 5.0, 90.0, 130.0),
    "battery_voltage": Sensor("V", 13.8, 0.2, 7.0, 15.5),
    "exhaust_temp": Sensor("degC", 420.0, 60.0, 35.0, 650.0),
}

_TENTHS = 10
_LEAST, _GREATEST = -32768, 32767


class ModbusSlave:
    """See the module.

    Args:
        name: Its name.
        address: Its address on the line, 1 to 247.

    Attributes:
        inputs: The sensors.
        answered: Requests answered, refusals among them.
        passed_over: Bytes that were no request.
    """

    def __init__(self, name: str, address: int) -> None:
        self.name = name
        self.due_ns: int | None = None
        self.inputs = Inputs({name: sensor.unit for name, sensor in SENSORS.items()})
        self.answered = 0
        self.passed_over = 0
        self._address = address
        self._received = bytearray()
        self._answers = bytearray()
        self.reset(0)

    def reset(self, _now_ns: int) -> None:
        """See `Resettable`."""
        self._holding = [0] * HOLDING_REGISTERS
        self._coils = [0] * COILS
        self._received.clear()
        self._answers.clear()
        self.due_ns = None

    def hear(self, data: bytes, now_ns: int) -> None:
        """See `Listener`."""
        self._received += data
        while frame := self._next_frame():
            if frame[0] in (self._address, BROADCAST):
                answer = self._execute(frame[1], frame[2:-2], now_ns)
                if frame[0] != BROADCAST:
                    self._answers += with_crc(bytes([self._address]) + answer)
                    self.answered += 1
        if self._answers:
            self.due_ns = now_ns

    def step(self, _now_ns: int) -> bytes:
        """See `Device`."""
        answers = bytes(self._answers)
        self._answers.clear()
        self.due_ns = None
        return answers

    def _next_frame(self) -> bytes:
        """Take a whole request with a good CRC out of what was received; b"" if there is none."""
        received = self._received
        for start in range(len(received)):
            size = _request_size(received[start:])
            if size and not crc16(received[start : start + size]):
                request = bytes(received[start : start + size])
                self._pass_over(start)
                del received[:size]
                return request
        self._pass_over(max(0, len(received) - LONGEST_FRAME))
        return b""

    def _pass_over(self, count: int) -> None:
        del self._received[:count]
        self.passed_over += count

    def _execute(self, function: int, data: bytes, now_ns: int) -> bytes:
        """Return what follows the address in the answer: function and data, or a refusal."""
        try:
            return bytes([function]) + self._result(function, data, now_ns)
        except _Refusal as refusal:
            return bytes([function | 0x80, refusal.code])

    def _result(self, function: int, data: bytes, now_ns: int) -> bytes:
        first, second = struct.unpack_from(">HH", data) if len(data) >= 4 else (0, 0)
        match function:
            case 1 | 2:
                bits = self._coils if function == READ_COILS else self._alarms(now_ns)
                return _packed(_part(bits, first, second, MOST_BITS))
            case 3 | 4:
                table = self._holding if function == READ_HOLDING else self._sensors(now_ns)
                found = _part(table, first, second, MOST_REGISTERS)
                return struct.pack(f">B{len(found)}H", 2 * len(found), *found)
            case 5:
                if second not in (ON, OFF):
                    raise _Refusal(ILLEGAL_VALUE)
                _part(self._coils, first, 1, 1)
                self._coils[first] = int(second == ON)
                return data
            case 6:
                _part(self._holding, first, 1, 1)
                self._holding[first] = second
                return data
            case 15:
                _part(self._coils, first, second, MOST_BITS)
                if data[4] != -(-second // 8):
                    raise _Refusal(ILLEGAL_VALUE)
                packed = int.from_bytes(data[5:], "little")
                self._coils[first : first + second] = [packed >> i & 1 for i in range(second)]
                return data[:4]
            case 16:
                _part(self._holding, first, second, MOST_REGISTERS)
                if data[4] != 2 * second:
                    raise _Refusal(ILLEGAL_VALUE)
                self._holding[first : first + second] = struct.unpack(f">{second}H", data[5:])
                return data[:4]
        raise _Refusal(ILLEGAL_FUNCTION)

    def _value(self, name: str, now_ns: int) -> float:
        sensor = SENSORS[name]
        turn = math.tau * (now_ns / 1e9) / sensor.period_s
        return self.inputs.seen(name, sensor.mean + sensor.swing * math.sin(turn), now_ns)

    def _sensors(self, now_ns: int) -> list[int]:
        return [_register(self._value(name, now_ns)) for name in SENSORS]

    def _alarms(self, now_ns: int) -> list[int]:
        return [int(any(self._value(name, now_ns) > SENSORS[name].alarm for name in SENSORS))]


class _Refusal(Exception):  # noqa: N818 - an answer of the protocol
    """A request that the slave answers with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _crc_table() -> list[int]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return table


_CRC = _crc_table()


def _crc_step(crc: int, byte: int) -> int:
    return crc >> 8 ^ _CRC[crc & 0xFF ^ byte]


def crc16(data: bytes | bytearray) -> int:
    """Return the CRC-16/MODBUS of *data*: 0x4B37 for b"123456789"; 0 if it ends with its own."""
    return reduce(_crc_step, data, 0xFFFF)


def with_crc(data: bytes) -> bytes:
    """Return *data* with its CRC behind it, least significant byte first."""
    return data + crc16(data).to_bytes(2, "little")


def _request_size(received: bytearray) -> int:
    """Return the length of the request that begins here, if it is whole; else 0."""
    function = received[1] if len(received) > 1 else 0
    if READ_COILS <= function <= WRITE_REGISTER:
        size = 8
    elif function in (WRITE_COILS, WRITE_REGISTERS):
        size = 9 + received[6] if len(received) > 6 else LONGEST_FRAME
    else:
        # Of a function that it does not have, a slave knows the end only by the silence after it.
        # Here the shortest frame with a good CRC is one, so that it can be refused.
        crcs = enumerate(accumulate(received[:LONGEST_FRAME], _crc_step, initial=0xFFFF))
        size = next((size for size, crc in crcs if not crc and size >= 4), LONGEST_FRAME)
    return size if size <= len(received) else 0


def _part(table: list[int], first: int, count: int, most: int) -> list[int]:
    if not 1 <= count <= most:
        raise _Refusal(ILLEGAL_VALUE)
    if first + count > len(table):
        raise _Refusal(ILLEGAL_ADDRESS)
    return table[first : first + count]


def _packed(bits: list[int]) -> bytes:
    size = -(-len(bits) // 8)
    return bytes([size]) + sum(bit << i for i, bit in enumerate(bits)).to_bytes(size, "little")


def _register(value: float) -> int:
    """Return tenths of *value* as a register holds them; at its stop what does not fit."""
    return nearest(value * _TENTHS, _LEAST, _GREATEST) & 0xFFFF
