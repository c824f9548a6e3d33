"""The configuration as typed, frozen structs: every key, its type, range and default.

A struct refuses values that make no sense together by itself (`FieldError`). What concerns the
file, or several tables of it, is checked in `gateway.config.consistency`.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.config.polled import ModbusConfig, ObdConfig
from gateway.config.reading import Number, Reading
from gateway.config.section import Section, refuse_own_keys, refuse_twins
from gateway.config.show import as_toml, one_of
from gateway.config.values import (
    BitRate,
    Duration,
    FieldError,
    FilePath,
    Finite,
    FrameFilter,
    Interval,
    Name,
    NotNegative,
    Pace,
    Separator,
    SignalValue,
    Text,
)

__all__ = [
    "ActionConfig",
    "AlarmsConfig",
    "AnalyzersConfig",
    "CanConfig",
    "Config",
    "Duration",
    "FieldConfig",
    "FieldError",
    "FrameConfig",
    "GatewayConfig",
    "ReplayConfig",
    "RuleConfig",
    "Section",
    "SerialConfig",
    "SourceConfig",
    "TransmitConfig",
    "key_of",
]


class GatewayConfig(Section, frozen=True, kw_only=True):
    """``[gateway]``.

    Attributes:
        name: The gateway's name in logs and in `gateway status`.
        ring_capacity: Samples that each producer's lane holds, rounded up to a power of two.
        latency: How long what has arrived may wait, so that more is read with it; at most a
            second. Every reading costs a wake-up, so more of it keeps a small computer cool.
    """

    name: Name = "gateway"
    ring_capacity: Annotated[int, Meta(ge=64, le=1 << 24)] = 1 << 15
    latency: Duration = Duration(17 * NS_PER_MS)

    def __post_init__(self) -> None:
        if self.latency > NS_PER_S:
            raise FieldError("latency", f"{self.latency / NS_PER_S:g} s", "at most '1s'")


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

    journal: FilePath | None = None


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
        filters: Frames that are read at all: those that one of these filters of candump lets
            through, or "wanted" for those that are decoded; empty for all.
        options: Passed on to python-can as they are.
    """

    name: Name
    interface: Text = "socketcan"
    channel: Text
    bitrate: BitRate | None = None
    fd: bool = False
    dbc: tuple[FilePath, ...] = ()
    signals: tuple[Text, ...] = ()
    filters: tuple[FrameFilter, ...] | Literal["wanted"] = ()
    options: dict[str, str | int | float | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse_own_keys(self.options, ("interface", "channel", "bitrate", "fd"))


class FieldConfig(Reading, frozen=True, kw_only=True):
    """A column of a CSV line, a name of a ``name=value`` line, or a field of a binary frame.

    Attributes:
        type: In a binary frame, how it is stored, in the frame's ``byte_order``; elsewhere
            ignored.
    """

    type: Number = "f32"


class FrameConfig(Section, frozen=True, kw_only=True):
    """One kind of frame of the ``framed`` protocol.

    Attributes:
        name: The message's name.
        id: Its first byte, which tells the kinds apart.
        fields: What follows the id, in order, without gaps; at least one.
        byte_order: Of all its fields.
    """

    name: Name
    id: Annotated[int, Meta(ge=0, le=255)]
    fields: tuple[FieldConfig, ...]
    byte_order: Literal["little", "big"] = "little"

    def __post_init__(self) -> None:
        if not self.fields:
            raise FieldError("fields", "nothing", "at least one field")
        refuse_twins("fields", "name", (field.name for field in self.fields))


class SerialConfig(Section, frozen=True, kw_only=True, tag="serial", tag_field="type"):
    """``[[source]]`` with ``type = "serial"``: a serial port, or a pty.

    Attributes:
        name: The source's name, and the first part of its signals' full names.
        port: The device, best by its stable name under /dev/serial/by-id; unlike the files of a
            configuration, not relative to it.
        baudrate: Bits a second.
        bytesize: Data bits.
        parity: N(one), E(ven), O(dd), M(ark), S(pace).
        stopbits: Stop bits.
        protocol: What travels on it. ``lines`` is text ``name=value``, several to a line with
            commas, semicolons or blanks between; ``csv`` is a value a column; ``framed`` is
            binary: id, fields, CRC-16, packed by COBS, ended by a zero byte.
        fields: For ``csv`` the columns in order; for ``lines`` the known names (any other is
            counted as unknown). At least one for these two, none for the others.
        frames: For ``framed``, the kinds of frames: at least one; none for the others.
        separator: For ``csv``, the character between columns.
        mute_after: The port is said to be mute when nothing has come for this long; 0: never.
        signals: Names or patterns of signals to decode besides the rules' own.
    """

    name: Name
    port: Text
    baudrate: BitRate = 9600
    bytesize: Literal[5, 6, 7, 8] = 8
    parity: Literal["N", "E", "O", "M", "S"] = "N"
    stopbits: Literal[1, 2] = 1
    protocol: Literal["nmea0183", "lines", "csv", "framed"]
    fields: tuple[FieldConfig, ...] = ()
    frames: tuple[FrameConfig, ...] = ()
    separator: Separator = ","
    mute_after: Duration = Duration(10 * NS_PER_S)
    signals: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        needed = {"lines": "fields", "csv": "fields", "framed": "frames"}.get(self.protocol)
        for key, given in (("fields", self.fields), ("frames", self.frames)):
            if key == needed and not given:
                raise FieldError(
                    key, "nothing", f"at least one of them for protocol = '{self.protocol}'"
                )
            if key != needed and given:
                raise FieldError(
                    key, f"{len(given)} of them", f"none for protocol = '{self.protocol}'"
                )
        if self.protocol != "csv" and self.separator != ",":
            raise FieldError(
                "separator", as_toml(self.separator), f"none for protocol = '{self.protocol}'"
            )
        refuse_twins("fields", "name", (field.name for field in self.fields))
        refuse_twins("frames", "name", (frame.name for frame in self.frames))
        refuse_twins("frames", "id", (frame.id for frame in self.frames))


class ReplayConfig(Section, frozen=True, kw_only=True, tag="replay", tag_field="type"):
    """``[[source]]`` with ``type = "replay"``: recordings, played on one time line.

    Attributes:
        name: The source's name; for NMEA text also the first part of its signals' names.
        path: One recording or several, relative to the configuration file.
        speed: Times real time, or "max" for as fast as it goes.
        channels: For CAN: databases by the recording's channel name, at least one channel. A
            channel's signals have its name as their first part, so that they are called as they
            were on the drive.
        protocol: "nmea0183" where the recording is NMEA text; None for CAN.
        rate: For NMEA text without times of its own: sentences a second.
        signals: Names or patterns of signals to decode besides the rules' own.
    """

    name: Name
    path: FilePath | tuple[FilePath, ...]
    speed: Pace | Literal["max"] = 1.0
    channels: dict[Name, tuple[FilePath, ...]] = field(default_factory=dict)
    protocol: Literal["nmea0183"] | None = None
    rate: Pace = 10.0
    signals: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if not self.path:
            raise FieldError("path", as_toml(self.path), "at least one recording")
        if self.protocol is None and not self.channels:
            raise FieldError(
                "channels",
                "nothing",
                "the databases of at least one channel, such as { can0 = ['car.dbc'] }",
            )
        if self.protocol is not None and self.channels:
            raise FieldError(
                "channels", as_toml(self.channels), f"none for protocol = '{self.protocol}'"
            )


SourceConfig = CanConfig | SerialConfig | ReplayConfig | ModbusConfig | ObdConfig


class TransmitConfig(Section, frozen=True, kw_only=True):
    """``[[transmit]]``: a message that the gateway may send. What is not listed is never sent.

    Attributes:
        name: What rules and `gateway send` call it, unique.
        source: The CAN source on whose bus it is sent.
        message: A message of that source's databases.
        values: Values of its signals where whoever sends it gives no others.
        rate: How often it may be sent, times a second in the long run.
        burst: How many may follow each other at once.
        expiry: A command that could not be carried out within this time is dropped; at most a
            minute, because what comes later than that is a surprise.
    """

    LONGEST_EXPIRY_NS: ClassVar[int] = 60 * NS_PER_S

    name: Name
    source: Name
    message: Text
    values: dict[Text, SignalValue] = field(default_factory=dict)
    rate: Annotated[float, Meta(ge=0.001, le=10_000, description="a number from 0.001 to 10000")]
    burst: Annotated[int, Meta(ge=1, le=1000)] = 1
    expiry: Duration = Duration(NS_PER_S)

    def __post_init__(self) -> None:
        if not 0 < self.expiry <= self.LONGEST_EXPIRY_NS:
            got = f"{self.expiry / NS_PER_S:g} s"
            raise FieldError("expiry", got, "longer than 0, and at most '1m'")


class ActionConfig(Section, frozen=True, kw_only=True):
    """What a rule sends: in ``on_raise`` or ``on_clear``.

    Attributes:
        transmit: Name of a ``[[transmit]]``.
        values: Values of its signals, in place of those that it has itself.
    """

    transmit: Name
    values: dict[Text, SignalValue] = field(default_factory=dict)


class RuleConfig(Section, frozen=True, kw_only=True):
    """``[[rule]]``: one threshold on one signal. Exactly one condition is given.

    Attributes:
        name: The rule's name, unique.
        signal: ``signal``, ``message.signal`` or ``source.message.signal``.
        above: Fires when the value is greater than this (strictly), in the signal's unit.
        below: Fires when it is less.
        outside: Fires when it is less than the first or greater than the second, which is the
            greater of the two.
        rate_above: Fires when the value rises by more than this a second.
        stale_after: Fires when no valid sample has come for this long.
        deadband: How far back beyond the threshold the value must go before it clears, in the
            threshold's unit; none with ``stale_after``.
        on_delay: How long the condition must have held before the alarm is raised.
        off_delay: How long the value must have been back before it is cleared.
        severity: For people and for what comes after.
        message: What the warning says; the rule's name where it is empty.
        on_raise: What is sent when the alarm is raised.
        on_clear: What is sent when it is cleared.
    """

    CONDITIONS: ClassVar = ("above", "below", "outside", "rate_above", "stale_after")

    name: Name
    signal: Text
    above: Finite | None = None
    below: Finite | None = None
    outside: Interval | None = None
    rate_above: Finite | None = None
    stale_after: Duration | None = None
    deadband: NotNegative = 0.0
    on_delay: Duration = Duration(0)
    off_delay: Duration = Duration(0)
    severity: Literal["info", "warning", "critical"] = "warning"
    message: str = ""
    on_raise: ActionConfig | tuple[ActionConfig, ...] = ()
    on_clear: ActionConfig | tuple[ActionConfig, ...] = ()

    def __post_init__(self) -> None:
        given = [key for key in self.CONDITIONS if getattr(self, key) is not None]
        if len(given) != 1:
            raise FieldError(
                "",
                " and ".join(given) or "no condition",
                f"exactly one of {one_of(self.CONDITIONS)}",
            )
        if self.outside is not None:
            low, high = self.outside
            if low >= high:
                raise FieldError(
                    "outside", as_toml(self.outside), "[low, high], the lower number first"
                )
            # As the person who wrote it subtracts: in binary, 0.5 - 0.1 is less than 2 * 0.2.
            half = (Decimal(repr(high)) - Decimal(repr(low))) / 2
            if Decimal(repr(self.deadband)) > half:
                raise FieldError(
                    "deadband",
                    as_toml(self.deadband),
                    f"at most half the width of outside, {half:g} (or it would never clear)",
                )
        if self.stale_after is not None:
            if self.stale_after <= 0:
                raise FieldError("stale_after", "no time at all", "a duration longer than 0")
            if self.deadband:
                raise FieldError("deadband", as_toml(self.deadband), "none with stale_after")

    @property
    def actions(self) -> tuple[tuple[str, ActionConfig], ...]:
        """All that it sends, each with its key: ``on_raise``, or ``on_raise #2`` of a list."""
        found: list[tuple[str, ActionConfig]] = []
        for key, given in (("on_raise", self.on_raise), ("on_clear", self.on_clear)):
            if isinstance(given, ActionConfig):
                found.append((key, given))
            else:
                found += [(f"{key} #{number}", each) for number, each in enumerate(given, start=1)]
        return tuple(found)


class Config(Section, frozen=True, kw_only=True):
    """A whole configuration file.

    Attributes:
        file: Where it was read; paths in it are relative to its folder. Not a key.
        source: The ``[[source]]`` tables, in the file's order; at least one in a file.
        transmit: The ``[[transmit]]`` tables, in the file's order; without one nothing is sent.
        rule: The ``[[rule]]`` tables, in the file's order.
    """

    file: Path
    gateway: GatewayConfig = GatewayConfig()
    analyzers: AnalyzersConfig = AnalyzersConfig()
    alarms: AlarmsConfig = AlarmsConfig()
    source: tuple[SourceConfig, ...] = ()
    transmit: tuple[TransmitConfig, ...] = ()
    rule: tuple[RuleConfig, ...] = ()

    def resolve(self, path: str) -> Path:
        """Return *path* as the configuration means it: relative to the file's own folder."""
        return self.file.parent / Path(path).expanduser()


def key_of(section: SourceConfig | TransmitConfig | RuleConfig, field: str = "") -> str:
    """Return what errors call a field of *section*: ``rule "engine_hot".above``."""
    kinds = {RuleConfig: "rule", TransmitConfig: "transmit"}
    kind = kinds.get(type(section), "source")
    return f'{kind} "{section.name}"{f".{field}" if field else ""}'
