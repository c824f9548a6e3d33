"""What the configuration arms: messages that may be sent, and the rules that send them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from gateway.config.model import CanConfig, Config, FieldError, TransmitConfig, key_of
from gateway.config.show import as_toml, one_of
from gateway.decode.database import read_database
from gateway.errors import ConfigError
from gateway.record import AlarmKind, Frames
from gateway.transmit.encoding import Encoder, Values


@dataclass(frozen=True, slots=True)
class Armed:
    """A message that may be sent.

    Attributes:
        config: Its ``[[transmit]]`` table.
        encoder: Makes its frames.
    """

    config: TransmitConfig
    encoder: Encoder

    def frame(self, values: Values) -> Frames:
        """Return its frame with *values* in place of its own; see `Encoder.encode`."""
        return self.encoder.encode(values, self.config.values)


@dataclass(frozen=True, slots=True)
class Action:
    """What a rule sends, encoded before anything runs.

    Attributes:
        rule: The rule's position in the configuration.
        kind: Whether it is sent when the alarm is raised, or when it is cleared.
        cause: That in words, for people.
        transmit: The name of what is sent.
        frame: One frame.
    """

    rule: int
    kind: AlarmKind
    cause: str
    transmit: str
    frame: Frames


@dataclass(frozen=True, slots=True)
class ArmedBus:
    """All that may be sent on one bus.

    Attributes:
        source: The bus.
        armed: Its messages, by the name of their ``[[transmit]]``.
        actions: What rules send there.
    """

    source: CanConfig
    armed: dict[str, Armed]
    actions: tuple[Action, ...]


def arm(config: Config) -> list[ArmedBus]:
    """Look up all that *config* arms; one for each source on which something may be sent.

    Raises:
        ConfigError: A message or signal does not exist, or a value does not fit it.
        DatabaseError: A signal database cannot be used.
    """
    named = {transmit.source for transmit in config.transmit}
    sources = [each for each in config.source if isinstance(each, CanConfig) and each.name in named]
    armed = {source.name: _armed_on(source, config) for source in sources}
    everything = {name: each for bus in armed.values() for name, each in bus.items()}
    actions = _actions(config, everything)
    return [
        ArmedBus(
            source,
            armed[source.name],
            tuple(each for each in actions if each.transmit in armed[source.name]),
        )
        for source in sources
    ]


def _armed_on(source: CanConfig, config: Config) -> dict[str, Armed]:
    databases = [read_database(config.resolve(file)) for file in source.dbc]
    # The first of a name: that the others do not contradict it, was seen when they were loaded.
    messages = {each.name: each for database in reversed(databases) for each in database.messages}
    found = {}
    for transmit in config.transmit:
        if transmit.source != source.name:
            continue
        if transmit.message not in messages:
            close = difflib.get_close_matches(transmit.message, messages, n=3)
            expected = f"a message of the databases of {key_of(source)}"
            expected += f"; close: {one_of(close)}" if close else ""
            got = as_toml(transmit.message)
            raise ConfigError(config.file, key_of(transmit, "message"), got, expected)
        try:
            encoder = Encoder(messages[transmit.message], source.fd)
        except FieldError as error:
            where = key_of(transmit, error.key)
            raise ConfigError(config.file, where, error.got, error.expected) from None
        try:
            encoder.check(transmit.values)
        except FieldError as error:
            where = key_of(transmit, f"values.{error.key}")
            raise ConfigError(config.file, where, error.got, error.expected) from None
        found[transmit.name] = Armed(transmit, encoder)
    return found


def _actions(config: Config, armed: dict[str, Armed]) -> list[Action]:
    actions = []
    for index, rule in enumerate(config.rule):
        for key, action in rule.actions:
            raised = key.startswith("on_raise")
            try:
                frame = armed[action.transmit].frame(action.values)
            except FieldError as error:
                where = key_of(rule, f"{key}.values{f'.{error.key}' if error.key else ''}")
                raise ConfigError(config.file, where, error.got, error.expected) from None
            kind = AlarmKind.RAISED if raised else AlarmKind.CLEARED
            cause = f"{rule.name} {kind.name.lower()}"
            actions.append(Action(index, kind, cause, action.transmit, frame))
    return actions
