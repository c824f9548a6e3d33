"""The table of a rest-bus: which messages of a database, what their signals do, how protected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, field

from firmware_sim.devices.generators import Generator, constant
from firmware_sim.devices.protection import DataIdMode, Kind, Protection
from firmware_sim.errors import RequestError
from firmware_sim.explain import explained, listed, shown
from firmware_sim.generator_sections import (
    GENERATORS,
    GeneratorSection,
    Points,
    RecordingSection,
)
from firmware_sim.section import FINITE_IN_WORDS, LARGEST, Duration, OnBus, Section, duration_ns
from firmware_sim.signal_database import check_sendable, load_database

if TYPE_CHECKING:
    # Where it is used, as cantools takes longer to import than an empty bus to start.
    from cantools.database.can import Database, Message

    from firmware_sim.devices.rest_bus import Plan, RestBus

T = TypeVar("T")

_LISTED = 6
_SELDOM = ("event", "spontan", "trigger")
"""What words for messages that are not sent by themselves have in them."""


class ProtectSection(Section, frozen=True, kw_only=True):
    """``[[device.protect]]``: the counter and the checksum of a message.

    Attributes:
        message: The message.
        counter: The signal that counts its frames.
        checksum: The signal of its checksum, a whole byte.
        kind: Which checksum, see `firmware_sim.devices.protection`.
        data_id: With ``e2e-p1``: what the receiver knows the message by.
        data_id_mode: With ``e2e-p1``: which bytes of that are in the checksum.
        nibble: With the mode ``nibble``: the signal of 4 bits that carries a part of the data id.
    """

    message: str
    counter: str | None = None
    checksum: str | None = None
    kind: Kind = "crc8-j1850"
    data_id: Annotated[int, Meta(ge=0, le=0xFFFF)] = 0
    data_id_mode: DataIdMode = "both"
    nibble: str | None = None

    def protection(self) -> Protection:
        """Return it for the device."""
        return Protection(
            counter=self.counter,
            checksum=self.checksum,
            kind=self.kind,
            data_id=self.data_id,
            data_id_mode=self.data_id_mode,
            nibble=self.nibble,
        )


class RestBusSection(OnBus, frozen=True, kw_only=True, tag="rest-bus", tag_field="type"):
    """``[[device]]`` with ``type = "rest-bus"``: what nodes that are not there would send.

    Attributes:
        dbc: The signal database, relative to the scenario file; any format that cantools reads.
        nodes: The nodes that it stands in for; None for all.
        except_nodes: Nodes that it does not stand in for: those that are there.
        cycle: By message, the time from frame to frame instead of the database's; "0s" for
            never. A message without a cycle time, and one that is sent on events, is sent only
            with one given here.
        signals: By ``Message.Signal``: a number, or what it does over time.
        select: By ``Message.Multiplexer``, the number that it stays at; others go round.
        protect: Counters and checksums.
    """

    dbc: str
    nodes: tuple[str, ...] | None = None
    except_nodes: tuple[str, ...] = ()
    # What is in these is converted here, as msgspec does not tell the key of a table's entry.
    cycle: dict[str, Any] = field(default_factory=dict)
    signals: dict[str, Any] = field(default_factory=dict)
    select: dict[str, Any] = field(default_factory=dict)
    protect: tuple[dict[str, Any], ...] = ()

    def in_folder(self, folder: Path) -> RestBusSection:
        """Return it with its files relative to *folder*."""
        signals = dict(self.signals)
        for name, value in signals.items():
            match value:
                case {"recording": {"file": str(file)} as recording}:
                    recording = {**recording, "file": str(folder / file)}
                    signals[name] = {**value, "recording": recording}
        return msgspec.structs.replace(self, dbc=str(folder / self.dbc), signals=signals)

    def check(self) -> None:
        """See `DeviceSection`."""
        self.make("")

    def make(self, seed: str) -> RestBus:
        """Return the device.

        Raises:
            RequestError: The database cannot be read, or has not what the table names.
        """
        from firmware_sim.devices.rest_bus import RestBus  # noqa: PLC0415

        plans = self._plans(load_database(self.dbc), seed)
        try:
            return RestBus(self.name, plans)
        except ValueError as error:
            raise RequestError("dbc", *_got_expected(error)) from None

    def _plans(self, database: Database, seed: str) -> list[Plan]:
        from firmware_sim.devices.protection import Protector  # noqa: PLC0415
        from firmware_sim.devices.rest_bus import Plan, pages  # noqa: PLC0415

        messages = {message.name: message for message in self._messages(database)}
        generators: dict[str, dict[str, Generator]] = {name: {} for name in messages}
        for name, value in self.signals.items():
            message, signal = _split(f"signals.{name}", name, messages)
            generators[message.name][signal] = _generator(value, message, signal, name, seed)
        selected: dict[str, dict[str, int]] = {name: {} for name in messages}
        for name, value in self.select.items():
            message, signal = _split(f"select.{name}", name, messages)
            number = _converted(f"select.{name}", value, int)
            selected[message.name][signal] = number
            if not any(
                all(page.selected.get(n) == k for n, k in selected[message.name].items())
                for page in pages(message)
            ):
                raise RequestError(
                    f"select.{name}", number, "a multiplexer, and one of its numbers"
                )
        protections: dict[str, Protection] = {}
        for index, table in enumerate(self.protect):
            where = f"protect[{index}]"
            protect = _converted(where, table, ProtectSection)
            _known(f"{where}.message", protect.message, messages)
            protections[protect.message] = protect.protection()
            try:
                Protector(messages[protect.message], protections[protect.message])
            except ValueError as error:
                key, _, text = str(error).partition(": ")
                raise RequestError(f"{where}.{key}", *_got_expected(text)) from None
        return [
            Plan(
                message=message,
                cycle_ns=self._cycle_ns(message),
                generators=generators[name],
                selected=selected[name],
                protection=protections.get(name, Protection()),
            )
            for name, message in messages.items()
        ]

    def _messages(self, database: Database) -> list[Message]:
        nodes = [node.name for node in database.nodes]
        for key, names in (("nodes", self.nodes or ()), ("except_nodes", self.except_nodes)):
            for index, name in enumerate(names):
                _known(f"{key}[{index}]", name, nodes)
        everything = {message.name: message for message in database.messages}
        for name in self.cycle:
            _known(f"cycle.{name}", name, everything)
        sent = [
            message
            for message in database.messages
            if (self.nodes is None or set(self.nodes) & set(message.senders))
            and not set(self.except_nodes) & set(message.senders)
            and self._cycle_ns(message)
        ]
        for message in sent:
            check_sendable(message)
        return sent

    def _cycle_ns(self, message: Message) -> int:
        given = self.cycle.get(message.name)
        if given is not None:
            return duration_ns(_converted(f"cycle.{message.name}", given, Duration))
        how = (message.send_type or "").lower()
        if "cyclic" not in how and any(word in how for word in _SELDOM):
            return 0
        return max(int(message.cycle_time or 0), 0) * 1_000_000


def _generator(value: object, message: Message, signal: str, name: str, seed: str) -> Generator:
    where = f"signals.{name}"
    if isinstance(value, int | float):
        if not abs(value) <= LARGEST:
            raise RequestError(where, shown(value), FINITE_IN_WORDS)
        return constant(float(value))
    if not isinstance(value, dict):
        raise RequestError(where, shown(value), "a number or a table")
    section = _converted(where, value, GeneratorSection)

    def load(recording: RecordingSection) -> Points:
        from firmware_sim.recorded import recorded  # noqa: PLC0415

        return recorded(Path(recording.file), message, signal, recording.column)

    random = Random(f"{seed}/{name}")  # noqa: S311 - a simulation, not a secret
    try:
        return section.make(random, load)
    except RequestError as error:
        raise RequestError(_join(where, error.where), error.got, error.expected) from None


def _converted(where: str, value: object, kind: type[T]) -> T:
    """Return *value*, which the file has at *where*, as *kind*.

    Raises:
        RequestError: It is none.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        key, got, expected = explained(value, str(error), partial(_keys, kind), lambda _path: "")
        raise RequestError(_join(where, key), got, expected) from None


def _keys(kind: type, path: str) -> Iterable[str]:
    keys: tuple[str, ...] = getattr(GENERATORS.get(path, kind), "__struct_encode_fields__", ())
    return keys


def _join(*keys: str) -> str:
    return ".".join(filter(None, keys))


def _split(where: str, name: str, messages: dict[str, Message]) -> tuple[Message, str]:
    signals = {
        f"{message.name}.{signal.name}": (message, signal.name)
        for message in messages.values()
        for signal in message.signals
    }
    _known(where, name, signals)
    return signals[name]


def _known(where: str, name: str, names: Iterable[str]) -> None:
    names = list(names)
    if name in names:
        return
    if not names:
        raise RequestError(where, repr(name), "one that is sent, and nothing is")
    if len(names) <= _LISTED:
        raise RequestError(where, repr(name), f"one of {listed(names)}")
    # A database may have thousands; those that look like it are of more help.
    close = listed(difflib.get_close_matches(name, names, 3, 0.0))
    raise RequestError(where, repr(name), f"one of {len(names)}, such as {close}")


def _got_expected(text: object) -> tuple[str, str]:
    got, _, expected = str(text).removeprefix("got ").rpartition(", expected ")
    return got, expected
