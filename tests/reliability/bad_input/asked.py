"""What answers when it is asked: Modbus devices, and control units behind ISO-TP."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import can
import minimalmodbus
import serial

from gateway.clock import SystemClock
from gateway.config.polled import (
    ModbusConfig,
    ModbusDeviceConfig,
    ObdConfig,
    ObdFieldConfig,
    ObdRequestConfig,
    RegisterConfig,
)
from gateway.decode.slot import SampleWriter
from gateway.record import Origin
from gateway.signals import SignalTable
from gateway.sources.modbus import Modbus, modbus_signals
from gateway.sources.obd import Obd, obd_signals
from gateway.sources.polled import Question, Unanswered

REGISTERS = tuple(
    RegisterConfig(name=kind, address=address, type=kind)  # type: ignore[arg-type]
    for kind, address in (("u16", 0), ("i16", 1), ("u32", 2), ("i64", 4), ("f32", 8), ("f64", 10))
)
FIELDS = (
    ObdFieldConfig(name="a", at=0, type="u8"),
    ObdFieldConfig(name="b", at=1, type="i32"),
    ObdFieldConfig(name="c", at=8, type="f64"),
)


def answered(question: Question) -> bool:
    """Ask *question*; tell whether its answer made samples."""
    try:
        values = question.ask()
    except Unanswered:
        return False
    writer = SampleWriter(0, 0, Origin.USER)
    for slot, raw in values:
        writer.add(slot, raw)
    return len(writer.samples()) == len(values) > 0


def checked(frame: bytes) -> bytes:
    """Append the CRC-16 of Modbus over Serial Line V1.02, least significant byte first."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 * (crc & 1)
    return frame + crc.to_bytes(2, "little")


class _Port(serial.Serial):
    """A serial port on which the answer has come already."""

    port = name = "port"
    answer = b""

    def __init__(self) -> None:
        super().__init__(baudrate=4_000_000, timeout=0.0)
        self.is_open = True

    def close(self) -> None: ...

    def _reconfigure_port(self, force_update: bool = False) -> None: ...

    def read(self, count: int) -> bytes:
        found, self.answer = self.answer[:count], self.answer[count:]
        return found

    def write(self, data: bytes) -> int:
        return len(data)

    def reset_input_buffer(self) -> None: ...

    def reset_output_buffer(self) -> None: ...


class ModbusAnswers:
    """Answers of a Modbus device."""

    name, share = "Modbus RTU answers", 10_000

    def __init__(self, folder: Path) -> None:  # noqa: ARG002
        device = ModbusDeviceConfig(name="engine", address=7, registers=REGISTERS)
        config = ModbusConfig(name="plant", port="port", devices=(device,))
        line = Modbus(config, modbus_signals(config, SignalTable()))
        self._port = _Port()
        line._devices = {7: minimalmodbus.Instrument(self._port, 7)}
        [self._question] = line.questions
        words = range(0x3F80, 0x3F80 + 14)
        good = struct.pack(">BBB14H", 7, 3, 28, *words)
        self.good = [checked(good)]
        self._refusal = checked(b"\x07\x83\x02")

    def __call__(self, data: bytes) -> bool:
        # Every other one with a checksum that is right, or hardly any would get further.
        self._port.answer = checked(data[:-2]) if len(data) % 2 else data
        return answered(self._question)

    def still_works(self) -> None:
        self._port.answer = self.good[0]
        assert answered(self._question)
        self._port.answer = self._refusal
        assert not answered(self._question)


class _Bus:
    """A bus on which the frames of the answer come once something was sent."""

    def __init__(self) -> None:
        self.answer: Iterator[can.Message] = iter(())
        self._asked = False

    def send(self, message: can.Message, timeout: float | None = None) -> None:  # noqa: ARG002
        self._asked = True

    def recv(self, timeout: float | None) -> can.Message | None:  # noqa: ARG002
        return next(self.answer, None) if self._asked else None

    def shutdown(self) -> None: ...

    def give(self, data: bytes) -> None:
        """Have *data* come in frames of up to eight bytes: each begins with its length."""
        self._asked = False
        frames, at = [], 0
        while at < len(data) and len(frames) < 40:
            size = data[at] % 9
            frames.append(data[at + 1 : at + 1 + size])
            at += 1 + size
        self.answer = iter(
            [can.Message(arbitration_id=0x7E8, is_extended_id=False, data=f) for f in frames]
        )


class _Quick(SystemClock):
    """A clock that makes each wait for an answer a short one."""

    now_ns = 0

    def monotonic_ns(self) -> int:
        self.now_ns += 3_000_000
        return self.now_ns


class IsoTpAnswers:
    """Answers of a control unit, in frames of ISO-TP."""

    name, share = "ISO-TP answers", 10_000

    def __init__(self, folder: Path) -> None:  # noqa: ARG002
        request = ObdRequestConfig(name="own", data="22 F1 90", fields=FIELDS)
        config = ObdConfig(
            name="car", interface="virtual", channel="bad-input", requests=(request,)
        )
        self._unit = Obd(config, obd_signals(config, SignalTable()), _Quick())
        self._unit.open()
        self._unit.close()
        self._bus = self._unit._bus = _Bus()
        self._unit._transport.params.blocking_send = False
        [self._question] = self._unit.questions
        answer = b"\x62\xf1\x90" + bytes(range(16))
        first = bytes([0x10, len(answer)]) + answer[:6]
        rest = [bytes([0x21 + n]) + answer[6 + 7 * n : 13 + 7 * n] for n in range(2)]
        self.good = [b"".join(bytes([len(frame)]) + frame for frame in (first, *rest))]

    def __call__(self, data: bytes) -> bool:
        self._bus.give(data)
        return answered(self._question)

    def still_works(self) -> None:
        assert self(self.good[0])


ANSWERS = (ModbusAnswers, IsoTpAnswers)
