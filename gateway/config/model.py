"""The configuration as typed, frozen structs. What they mean together is checked in `load`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.clock import parse_duration

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
Finite = Annotated[float, Meta(ge=-1.7e308, le=1.7e308)]
NotNegative = Annotated[float, Meta(ge=0, le=1.7e308)]
Positive = Annotated[float, Meta(gt=0, le=1.7e308)]


class Duration(int):
    """A span of time in integer nanoseconds, written "500ms", "2s", "1.5m"."""

    @classmethod
    def parse(cls, text: str) -> Duration:
        """See `gateway.clock.parse_duration`."""
        return cls(parse_duration(text))


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file. Unknown keys are errors."""


class GatewayConfig(Section, frozen=True, kw_only=True):
    """``[gateway]``.

    Attributes:
        name: The gateway's name in logs and in `gateway status`.
        ring_capacity: Samples that each producer's lane holds, rounded up to a power of two.
    """

    name: Name = "gateway"
    ring_capacity: Annotated[int, Meta(ge=64, le=1 << 24)] = 1 << 15


class AnalyzersConfig(Section, frozen=True, kw_only=True):
    """``[analyzers]``.

    Attributes:
        count: Analyzer processes that share the signals among them.
    """

    count: Annotated[int, Meta(ge=1, le=64)] = 1


class AlarmsConfig(Section, frozen=True, kw_only=True):
    """``[alarms]``.

    Attributes:
        journal: File to which every alarm event is appended as a JSON line; relative to the
            configuration file. None writes no journal.
    """

    journal: str | None = None


class CanConfig(Section, frozen=True, kw_only=True, tag="can", tag_field="type"):
    """``[[source]]`` with ``type = "can"``: a bus through any python-can interface.

    Attributes:
        name: The source's name, and the first part of its signals' full names.
        interface: A python-can interface.
        channel: The interface's channel, such as "can0".
        bitrate: Bits a second, for interfaces that set it themselves.
        fd: Whether CAN FD frames are asked for.
        dbc: Signal databases, relative to the configuration file.
        signals: Names or patterns (``*``, ``?``) of signals to decode besides the rules' own.
        options: Passed on to python-can as they are.
    """

    name: Name
    interface: str = "socketcan"
    channel: str
    bitrate: Annotated[int, Meta(gt=0)] | None = None
    fd: bool = False
    dbc: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    options: dict[str, str | int | float | bool] = {}


class FieldConfig(Section, frozen=True, kw_only=True):
    """A column of a CSV line, a name of a ``name=value`` line, or a field of a binary frame.

    Attributes:
        name: The signal's name.
        unit: Its unit, for people.
        type: In a binary frame, how it is stored, least significant byte first unless
            ``byte_order`` says otherwise; elsewhere ignored.
        scale: Multiplies what was sent.
        offset: Added after the scale.
        minimum: Values below it are flagged as out of range.
        maximum: Values above it, likewise.
    """

    name: Name
    unit: str = ""
    type: Literal["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"] = "f32"
    scale: Finite = 1.0
    offset: Finite = 0.0
    minimum: Finite | None = None
    maximum: Finite | None = None


class FrameConfig(Section, frozen=True, kw_only=True):
    """One kind of frame of the ``framed`` protocol.

    Attributes:
        name: The message's name.
        id: Its first byte, which tells the kinds apart.
        fields: What follows the id, in order, without gaps.
        byte_order: Of all its fields.
    """

    name: Name
    id: Annotated[int, Meta(ge=0, le=255)]
    fields: tuple[FieldConfig, ...]
    byte_order: Literal["little", "big"] = "little"


class SerialConfig(Section, frozen=True, kw_only=True, tag="serial", tag_field="type"):
    """``[[source]]`` with ``type = "serial"``: a serial port, or a pty.

    Attributes:
        name: The source's name, and the first part of its signals' full names.
        port: The device, best by its stable name under /dev/serial/by-id.
        baudrate: Bits a second.
        bytesize: Data bits.
        parity: N(one), E(ven), O(dd), M(ark), S(pace).
        stopbits: Stop bits.
        protocol: What travels on it. ``lines`` is text ``name=value``, several to a line with
            commas, semicolons or blanks between; ``csv`` is a value a column; ``framed`` is
            binary: id, fields, CRC-16, packed by COBS, ended by a zero byte.
        fields: For ``csv`` the columns in order; for ``lines`` the known names (none: any name
            is refused as unknown).
        frames: For ``framed``, the kinds of frames.
        separator: For ``csv``, the character between columns.
        signals: Names or patterns of signals to decode besides the rules' own.
    """

    name: Name
    port: str
    baudrate: Annotated[int, Meta(gt=0)] = 9600
    bytesize: Literal[5, 6, 7, 8] = 8
    parity: Literal["N", "E", "O", "M", "S"] = "N"
    stopbits: Literal[1, 2] = 1
    protocol: Literal["nmea0183", "lines", "csv", "framed"]
    fields: tuple[FieldConfig, ...] = ()
    frames: tuple[FrameConfig, ...] = ()
    separator: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    signals: tuple[str, ...] = ()


class ReplayConfig(Section, frozen=True, kw_only=True, tag="replay", tag_field="type"):
    """``[[source]]`` with ``type = "replay"``: recordings, played on one time line.

    Attributes:
        name: The source's name; for NMEA text also the first part of its signals' names.
        path: One recording or several, relative to the configuration file.
        speed: Times real time, or "max" for as fast as it goes.
        channels: For CAN: databases by the recording's channel name. A channel's signals have
            its name as their first part, so that they are called as they were on the drive.
        protocol: "nmea0183" where the recording is NMEA text; None for CAN.
        rate: For NMEA text, which carries no time: sentences a second.
        signals: Names or patterns of signals to decode besides the rules' own.
    """

    name: Name
    path: str | tuple[str, ...]
    speed: Positive | Literal["max"] = 1.0
    channels: dict[str, tuple[str, ...]] = {}
    protocol: Literal["nmea0183"] | None = None
    rate: Positive = 10.0
    signals: tuple[str, ...] = ()


SourceConfig = CanConfig | SerialConfig | ReplayConfig


class RuleConfig(Section, frozen=True, kw_only=True):
    """``[[rule]]``: one threshold on one signal. Exactly one condition is given.

    Attributes:
        name: The rule's name, unique.
        signal: ``signal``, ``message.signal`` or ``source.message.signal``.
        above: Fires when the value is greater than this (strictly), in the signal's unit.
        below: Fires when it is less.
        outside: Fires when it is less than the first or greater than the second.
        rate_above: Fires when the value rises by more than this a second.
        stale_after: Fires when no valid sample has come for this long.
        deadband: How far back beyond the threshold the value must go before it clears.
        on_delay: How long the condition must have held before the alarm is raised.
        off_delay: How long the value must have been back before it is cleared.
        severity: For people and for what comes after.
        message: What the warning says; the rule's name where it is empty.
    """

    name: Name
    signal: str
    above: Finite | None = None
    below: Finite | None = None
    outside: tuple[Finite, Finite] | None = None
    rate_above: Finite | None = None
    stale_after: Duration | None = None
    deadband: NotNegative = 0.0
    on_delay: Duration = Duration(0)
    off_delay: Duration = Duration(0)
    severity: Literal["info", "warning", "critical"] = "warning"
    message: str = ""


class Config(Section, frozen=True, kw_only=True):
    """A whole configuration file.

    Attributes:
        file: Where it was read; paths in it are relative to its folder.
    """

    file: Path
    gateway: GatewayConfig = GatewayConfig()
    analyzers: AnalyzersConfig = AnalyzersConfig()
    alarms: AlarmsConfig = AlarmsConfig()
    source: tuple[SourceConfig, ...] = ()
    rule: tuple[RuleConfig, ...] = ()

    def resolve(self, path: str) -> Path:
        """Return *path* as the configuration means it: relative to the file's own folder."""
        return self.file.parent / Path(path).expanduser()
