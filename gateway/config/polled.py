"""Sources that only speak when they are asked: Modbus RTU, OBD-II.

What such a table lists is what the gateway asks for, again and again, and all that it sends.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.config.obd_values import OBD_NAMES
from gateway.config.reading import Number, Reading
from gateway.config.section import Section, refuse_own_keys, refuse_twins
from gateway.config.show import as_toml
from gateway.config.values import BitRate, Duration, FieldError, Name, Text

LONGEST_TIMEOUT_NS = 2 * NS_PER_S
SHORTEST_EVERY_NS = NS_PER_MS

RegisterAddress = Annotated[int, Meta(ge=0, le=65535)]
DeviceAddress = Annotated[int, Meta(ge=1, le=247)]
CanIdentifier = Annotated[int, Meta(ge=0, le=0x1FFFFFFF)]
Hexadecimal = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Fa-f]{2}( ?[0-9A-Fa-f]{2})*\Z",
        description="bytes in hexadecimal, such as '22 F1 90'",
    ),
]


class RegisterConfig(Reading, frozen=True, kw_only=True):
    """``[[source.devices.registers]]``: a value of a Modbus device.

    Attributes:
        kind: The table of the device that it is in.
        address: Where it begins there, counted from 0.
        type: How registers hold it. Coils and discrete inputs are 0 or 1, whatever this says.
        word_order: Which of several registers of one value comes first.
    """

    kind: Literal["holding", "input", "coil", "discrete"] = "holding"
    address: RegisterAddress
    type: Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"] = "u16"
    word_order: Literal["big", "little"] = "big"

    @property
    def is_bit(self) -> bool:
        """Whether it is one bit of a table of bits."""
        return self.kind in ("coil", "discrete")

    @property
    def count(self) -> int:
        """How many registers it takes."""
        return 1 if self.is_bit else int(self.type[1:]) // 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.address + self.count > 1 << 16:
            expected = f"room for {self.count} registers up to 65535"
            raise FieldError("address", as_toml(self.address), expected)


class ModbusDeviceConfig(Section, frozen=True, kw_only=True):
    """``[[source.devices]]``: one device on a Modbus line.

    Attributes:
        name: The second part of its signals' full names.
        address: Its address on the line.
        registers: What is read from it; at least one.
        every: How often; None takes the source's.
    """

    name: Name
    address: DeviceAddress
    registers: tuple[RegisterConfig, ...]
    every: Duration | None = None

    def __post_init__(self) -> None:
        if not self.registers:
            raise FieldError("registers", "nothing", "at least one register")
        refuse_twins("registers", "name", (each.name for each in self.registers))
        if self.every is not None:
            _check_every(self.every)


class ModbusConfig(Section, frozen=True, kw_only=True, tag="modbus", tag_field="type"):
    """``[[source]]`` with ``type = "modbus"``: devices on a Modbus RTU line.

    Attributes:
        name: The source's name, and the first part of its signals' full names.
        port: The serial port, best by its stable name under /dev/serial/by-id.
        baudrate: Bits a second.
        parity: N(one), E(ven), O(dd).
        stopbits: Stop bits.
        every: How often each device is read.
        timeout: How long an answer may take, besides the time that its bytes need on the line.
        mute_after: The line is said to be mute when nobody has answered for this long; 0: never.
        devices: Who is on the line; at least one.
        signals: Names or patterns of signals to read besides the rules' own.
    """

    name: Name
    port: Text
    baudrate: BitRate = 19200
    parity: Literal["N", "E", "O"] = "E"
    stopbits: Literal[1, 2] = 1
    every: Duration = Duration(NS_PER_S)
    timeout: Duration = Duration(300 * NS_PER_MS)
    mute_after: Duration = Duration(10 * NS_PER_S)
    devices: tuple[ModbusDeviceConfig, ...]
    signals: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        _check_every(self.every)
        _check_timeout(self.timeout)
        if not self.devices:
            raise FieldError("devices", "nothing", "at least one device")
        refuse_twins("devices", "name", (each.name for each in self.devices))


class ObdFieldConfig(Reading, frozen=True, kw_only=True):
    """``[[source.requests.fields]]``: a number in an answer.

    Attributes:
        type: How it is stored.
        at: Its first byte in the answer's data, counted from 0 behind the bytes that repeat the
            request.
    """

    type: Number
    at: Annotated[int, Meta(ge=0, le=4094)] = 0


class ObdRequestConfig(Section, frozen=True, kw_only=True):
    """``[[source.requests]]``: a request of the maker's own, such as ReadDataByIdentifier.

    Attributes:
        name: The second part of its signals' full names.
        data: What is asked: the service and what it takes.
        fields: What the answer holds; at least one.
        byte_order: Of all its fields.
    """

    name: Name
    data: Hexadecimal
    fields: tuple[ObdFieldConfig, ...]
    byte_order: Literal["big", "little"] = "big"

    def __post_init__(self) -> None:
        if not self.fields:
            raise FieldError("fields", "nothing", "at least one field")
        refuse_twins("fields", "name", (each.name for each in self.fields))


class ObdConfig(Section, frozen=True, kw_only=True, tag="obd", tag_field="type"):
    """``[[source]]`` with ``type = "obd"``: values that a control unit tells when it is asked.

    Attributes:
        name: The source's name, and the first part of its signals' full names.
        interface: A python-can interface.
        channel: The interface's channel, such as "can0".
        bitrate: Bits a second, for interfaces that set it themselves.
        options: Passed on to python-can as they are.
        request_id: The CAN id that requests are sent with.
        answer_id: The CAN id of the answers; None is what belongs to *request_id*: 8 more, or for
            29 bits the two addresses swapped. Required where requests go to all units.
        values: Names of values of OBD-II's service 01, such as "coolant_temp".
        requests: Requests of the maker's own.
        every: How often each is asked for.
        timeout: How long an answer may take.
        mute_after: The link is said to be mute when nobody has answered for this long; 0: never.
        signals: Names or patterns of signals to ask for besides the rules' own.
    """

    name: Name
    interface: Text = "socketcan"
    channel: Text
    bitrate: BitRate | None = None
    options: dict[str, str | int | float | bool] = field(default_factory=dict)
    request_id: CanIdentifier = 0x7E0
    answer_id: CanIdentifier | None = None
    values: tuple[Text, ...] = ()
    requests: tuple[ObdRequestConfig, ...] = ()
    every: Duration = Duration(NS_PER_S)
    timeout: Duration = Duration(300 * NS_PER_MS)
    mute_after: Duration = Duration(10 * NS_PER_S)
    signals: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        _check_every(self.every)
        _check_timeout(self.timeout)
        refuse_own_keys(self.options, ("interface", "channel", "bitrate"))
        for number, name in enumerate(self.values, start=1):
            if name not in OBD_NAMES:
                raise FieldError(
                    f"values #{number}", as_toml(name), f"one of {', '.join(OBD_NAMES)}"
                )
        if not self.values and not self.requests:
            raise FieldError("values", "nothing", "at least one of them, or one of requests")
        refuse_twins("values", "name", self.values)
        refuse_twins("requests", "name", (each.name for each in self.requests))
        if self.is_functional and self.answer_id is None:
            raise FieldError("answer_id", "nothing", "the id of the one whose answers count")

    @property
    def is_functional(self) -> bool:
        """Whether requests go to all units (ISO 15765-4); each answers with an id of its own."""
        return self.request_id == 0x7DF or self.request_id >> 16 == 0x18DB

    @property
    def answers(self) -> int:
        """The CAN id of the answers."""
        if self.answer_id is not None:
            return self.answer_id
        if self.request_id <= 0x7FF:
            return self.request_id + 8
        return _turned_round(self.request_id)

    @property
    def unit_id(self) -> int:
        """The CAN id that reaches only the unit whose answers count."""
        if not self.is_functional:
            return self.request_id
        return self.answers - 8 if self.answers <= 0x7FF else _turned_round(self.answers)


def _turned_round(can_id: int) -> int:
    """Return a 29-bit id with its target and source address swapped (ISO 15765-2)."""
    target, source = can_id >> 8 & 0xFF, can_id & 0xFF
    return can_id & 0x1FFF0000 | source << 8 | target


def _check_every(every: Duration) -> None:
    if every < SHORTEST_EVERY_NS:
        raise FieldError("every", f"{every / NS_PER_S:g} s", "at least '1ms'")


def _check_timeout(timeout: Duration) -> None:
    if not 0 < timeout <= LONGEST_TIMEOUT_NS:
        got = f"{timeout / NS_PER_S:g} s"
        raise FieldError("timeout", got, "longer than 0, and at most '2s'")
