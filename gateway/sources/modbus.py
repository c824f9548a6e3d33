"""Modbus RTU: registers and bits of the devices on a serial line.

The protocol is minimalmodbus's (Modbus Application Protocol V1.1b3, Modbus over Serial Line
V1.02); here is what is asked for, and what becomes of it.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import serial

from gateway.clock import NS_PER_S
from gateway.config.polled import ModbusConfig, ModbusDeviceConfig, RegisterConfig
from gateway.decode.slot import Slot
from gateway.errors import LinkError, LinkLostError
from gateway.signals import Signal, SignalTable
from gateway.sources.link import LinkState
from gateway.sources.polled import Question, Unanswered, Value
from gateway.sources.port_errors import PORT_ERRORS, port_trouble

MOST_REGISTERS = 125
MOST_BITS = 2000
"""What one request may ask for, by the standard."""

BITS_A_BYTE = 11
"""On the line: a start bit, eight of data, parity or a second stop bit, a stop bit."""

_FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
_CODES = {
    "u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i",
    "u64": ">Q", "i64": ">q", "f32": ">f", "f64": ">d",
}  # fmt: skip


class _Item(NamedTuple):
    """A configured register, and where its value goes."""

    register: RegisterConfig
    slot: Slot

    @property
    def end(self) -> int:
        return self.register.address + self.register.count


def modbus_signals(config: ModbusConfig, table: SignalTable) -> tuple[Signal, ...]:
    """Register the signals of *config* in *table*: ``source.device.register``."""
    return tuple(
        table.add(config.name, device.name, each.name, each.unit, each.minimum, each.maximum)
        for device in config.devices
        for each in device.registers
    )


class Modbus:
    """The `Inquirer` of a Modbus RTU line. Only reads: nothing on the line is ever written.

    Args:
        config: The line and its devices.
        signals: What `modbus_signals` returned for it.
    """

    def __init__(self, config: ModbusConfig, signals: Sequence[Signal]) -> None:
        self._config = config
        self._port: serial.Serial | None = None
        remaining = iter(signals)
        self._blocks = [
            _Block(self, device, items, device.every or config.every)
            for device in config.devices
            for items in _blocks([_item(each, next(remaining)) for each in device.registers])
        ]
        self.questions: Sequence[Question] = self._blocks

    def open(self) -> None:
        """See `Inquirer`.

        Raises:
            LinkError: The port is absent, busy, or refuses the settings; or minimalmodbus, which
                is optional, is not installed.
        """
        config = self._config
        try:
            import minimalmodbus  # noqa: PLC0415 - optional
        except ImportError:
            raise LinkError(
                "minimalmodbus is not installed: pip install 'embedded-gateway[modbus]'",
                LinkState.REFUSED,
            ) from None
        # pyserial's time-out is for an answer as a whole.
        longest_s = max(block.answer_size for block in self._blocks) * BITS_A_BYTE / config.baudrate
        port = serial.Serial(
            baudrate=config.baudrate,
            parity=config.parity,
            stopbits=config.stopbits,
            timeout=config.timeout / NS_PER_S + longest_s,
            exclusive=True,
        )
        port.port = config.port
        try:
            port.open()
            self._devices = {
                device.address: minimalmodbus.Instrument(port, device.address)
                for device in config.devices
            }
        except PORT_ERRORS as error:
            port.close()
            state, reason = port_trouble(error)
            raise LinkError(f"cannot open {config.port}: {reason}", state) from error
        for each in self._devices.values():
            each.clear_buffers_before_each_transaction = True
        self._port = port

    def close(self) -> None:
        """See `Inquirer`."""
        port, self._port = self._port, None
        if port is not None:
            with contextlib.suppress(*PORT_ERRORS):
                port.close()

    def read(self, device: int, function: int, start: int, count: int) -> Sequence[int]:
        """Return *count* registers or bits of the device with that address, from *start* on.

        Raises:
            Unanswered: "no answer", "refused", or "garbled answer": with a wrong checksum, or of
                a wrong length.
            LinkLostError: The port is gone.
        """
        import minimalmodbus  # noqa: PLC0415 - optional; it is there, or nothing is open

        instrument = self._devices[device]
        bits = function in (_FUNCTIONS["coil"], _FUNCTIONS["discrete"])
        read = instrument.read_bits if bits else instrument.read_registers
        try:
            found: Sequence[int] = read(start, count, functioncode=function)
        except minimalmodbus.NoResponseError:
            raise Unanswered("no answer") from None
        except minimalmodbus.SlaveReportedException:
            raise Unanswered("refused") from None
        except (minimalmodbus.ModbusException, ValueError):
            raise Unanswered("garbled answer") from None
        except PORT_ERRORS as error:
            gone = f"{self._config.port} is gone: {port_trouble(error)[1]}"
            raise LinkLostError(gone, LinkState.UNPLUGGED) from error
        return found


class _Block:
    """The `Question` for neighbouring registers of one device."""

    def __init__(
        self, line: Modbus, device: ModbusDeviceConfig, items: Sequence[_Item], every_ns: int
    ) -> None:
        self.every_ns = every_ns
        self.signals: Collection[int] = [item.slot.signal for item in items]
        self._line = line
        self._device = device.address
        self._function = _FUNCTIONS[items[0].register.kind]
        self._start = items[0].register.address
        self._count = max(item.end for item in items) - self._start
        self._items = items
        data_size = -(-self._count // 8) if items[0].register.is_bit else 2 * self._count
        self.answer_size = 5 + data_size  # address, function, size, and a checksum of two

    def ask(self) -> list[Value]:
        """See `Question`."""
        words = self._line.read(self._device, self._function, self._start, self._count)
        return [Value(item.slot, self._number(item.register, words)) for item in self._items]

    def _number(self, register: RegisterConfig, words: Sequence[int]) -> float:
        first = register.address - self._start
        if register.is_bit:
            return float(words[first])
        own = words[first : first + register.count]
        if register.word_order == "little":
            own = own[::-1]
        return float(struct.unpack(_CODES[register.type], struct.pack(f">{len(own)}H", *own))[0])


def _item(register: RegisterConfig, signal: Signal) -> _Item:
    return _Item(register, Slot.of(signal, register.scale, register.offset))


def _blocks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Yield *items* of one device, those together that one request can ask for.

    Only what lies side by side: a device refuses the whole of a request for registers of which it
    lacks one.
    """

    def place(item: _Item) -> tuple[str, int]:
        return item.register.kind, item.register.address

    block: list[_Item] = []
    end = 0
    for item in sorted(items, key=place):
        kind, start = place(item)
        if block:
            first_kind, first = place(block[0])
            most = MOST_BITS if item.register.is_bit else MOST_REGISTERS
            if kind != first_kind or start > end or max(end, item.end) - first > most:
                yield block
                block, end = [], 0
        block.append(item)
        end = max(end, item.end)
    if block:
        yield block
