"""The file that describes a bench: its links, its rules, and what a test's words mean on it."""

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.clock import NS_PER_S
from gateway.config.consistency import disagreements, why_not
from gateway.config.convert import Bad, to_section
from gateway.config.load import load_config
from gateway.config.model import (
    CanConfig,
    Config,
    Duration,
    FieldError,
    ReplayConfig,
    RuleConfig,
    Section,
    SourceConfig,
    key_of,
)
from gateway.config.show import as_toml
from gateway.config.values import BitRate, FilePath, Finite, Name, SignalValue, Text
from gateway.errors import ConfigError

CanAddress = Annotated[int, Meta(ge=0, le=0x1FFFFFFF, description="a CAN id, 0 to 0x1FFFFFFF")]
Hex = Annotated[
    str,
    Meta(pattern=r"^([0-9A-Fa-f]{2} ?)+\Z", description="bytes in hexadecimal, such as '22 F1 95'"),
]
_SHORT = 0x7FF
_WIDE = re.compile(r"\d{4}")
"""A width or precision of thousands: text that fills the memory."""


class StimulusConfig(Section, frozen=True, kw_only=True):
    r"""What happens on a bench when a test sets something.

    It is one of four kinds::

        "car.ENGINE_TEMP"                                       an input of a simulated device
        { message = "Box", signal = "COOLANT" }                 a message to a device on CAN
        { port = "/dev/ttyACM0", command = "TEMP {value}\n" }   a line to a device on serial
        { program = ["uhubctl", "-a", "{value:.0f}"] }          a program

    Attributes:
        input: DEVICE.INPUT of a device of the scenario.
        message: A message of the databases; sent once for each `set`.
        signal: The signal of *message* that gets the value.
        source: The source on whose bus it is sent; needed where several know the message.
        values: The message's other signals.
        port: A serial port; opened while the bench runs.
        baudrate: Bits a second.
        command: What is written to the port; ``{value}`` stands for the value, as in `str.format`.
        program: A command and its arguments, likewise. It has ended well before `set` returns.
        rest: The value that stands for "nothing set", which is set at the end of a test and by
            `release`; without it a message, port or program cannot be released.
    """

    input: Text | None = None
    message: Text | None = None
    signal: Text | None = None
    source: Name | None = None
    values: dict[Text, SignalValue] = msgspec.field(default_factory=dict)
    port: Text | None = None
    baudrate: BitRate = 115_200
    command: Text | None = None
    program: tuple[Text, ...] = ()
    rest: Finite | None = None

    def __post_init__(self) -> None:
        kinds = ("input", "message", "port", "program")
        given = [kind for kind in kinds if getattr(self, kind)]
        if len(given) != 1:
            got = " and ".join(given) or "none of them"
            raise FieldError("", got, "exactly one of input, message, port or program")
        for kind, part in (("message", "signal"), ("port", "command")):
            if (getattr(self, kind) is None) != (getattr(self, part) is None):
                missing = part if getattr(self, part) is None else kind
                expected = f"a {missing}: {kind} and {part} go together"
                raise FieldError(missing, "nothing", expected)
        if self.input is not None and "." not in self.input:
            raise FieldError("input", as_toml(self.input), "DEVICE.INPUT, such as car.ENGINE_TEMP")
        for key, text in (("command", self.command or ""), *(("program", t) for t in self.program)):
            if not _takes_value(text):
                expected = "text in which {value} stands for the value"
                raise FieldError(key, as_toml(text), expected)


def _takes_value(text: str) -> bool:
    """Whether `str.format` makes something of *text* with a value, and nothing endless."""
    try:
        fields = string.Formatter().parse(text)
        if any(_WIDE.search(f"{name}{form}") for _, name, form, _ in fields):
            return False
        text.format(value=0.0)
    except (ValueError, LookupError, AttributeError, TypeError):
        return False
    return True


class IsoTpConfig(Section, frozen=True, kw_only=True):
    """``[isotp.NAME]``: who `request` speaks to, by ISO 15765-2.

    Attributes:
        request: The CAN id that the device listens to; above 0x7FF of 29 bits.
        response: The one it answers with.
        source: The CAN source; the first one by default.
        timeout: How long an answer may take, where the test does not say.
        version: A request whose answer says what firmware it is, shown in the report's header.
    """

    request: CanAddress
    response: CanAddress
    source: Name | None = None
    timeout: Duration = Duration(NS_PER_S)
    version: Hex | None = None

    def __post_init__(self) -> None:
        if (self.request > _SHORT) != (self.response > _SHORT):
            raise FieldError("response", hex(self.response), "an id as long as that of the request")


class BenchFile(Section, frozen=True, kw_only=True):
    """A bench file. Paths in it are relative to its folder.

    Attributes:
        file: Where it was read. Not a key.
        gateway: The gateway's configuration, whose sources and rules the bench takes; or
        source: its sources, and
        rule: its rules, in this file.
        scenario: What `firmware-sim` runs for it; needed for ``--bench=sim`` and
            ``--bench=INTERFACE``.
        buses: Which bus of the scenario a source is; the one of the source's name, or channel, or
            the only one, where nothing is said.
        ports: Which port of the scenario a serial source is, likewise.
        bridge: By the scenario's buses, the CAN interfaces of this machine on which its devices
            are to be; only where the file itself is given as ``--bench=FILE``.
        set: What tests may set, by the names they use. A text is short for ``{ input = TEXT }``.
        reset: What resets a device, by names that tests may use, like the entries of `set`; the
            value is its ``rest``, 1 by default. After a test that did anything to the devices all
            are reset. A bench that is all simulated needs none.
        isotp: See `IsoTpConfig`.
        ready: What must hold before a test begins, an expression.
        ready_within: How long that may take.
        capabilities: Further abilities of the bench that tests may need, by names of your own.
        lacks: What it cannot do although it looks as if it could.
        tolerates: What it is known for, and no test is to fail for afterwards.
    """

    file: Path
    gateway: FilePath | None = None
    source: tuple[SourceConfig, ...] = ()
    rule: tuple[RuleConfig, ...] = ()
    scenario: FilePath | None = None
    buses: dict[Name, Text] = msgspec.field(default_factory=dict)
    ports: dict[Name, Text] = msgspec.field(default_factory=dict)
    bridge: dict[Text, Text] = msgspec.field(default_factory=dict)
    set: dict[Text, StimulusConfig] = msgspec.field(default_factory=dict)
    reset: dict[Text, StimulusConfig] = msgspec.field(default_factory=dict)
    isotp: dict[Name, IsoTpConfig] = msgspec.field(default_factory=dict)
    ready: Text | None = None
    ready_within: Duration = Duration(5 * NS_PER_S)
    capabilities: tuple[Text, ...] = ()
    lacks: tuple[Text, ...] = ()
    tolerates: tuple[Literal["bus_errors", "drops", "leaks"], ...] = ()

    def __post_init__(self) -> None:
        if (self.gateway is None) == (not self.source):
            got = "nothing" if self.gateway is None else "both"
            raise FieldError("gateway", got, "either gateway = FILE or [[source]] tables")
        if self.gateway is not None and self.rule:
            raise FieldError("rule", "rules beside gateway", "them in that file")
        if self.bridge and self.scenario is None:
            raise FieldError("bridge", "a bridge without a scenario", "scenario = FILE, too")

    def resolve(self, path: str) -> Path:
        """Return *path* as the file means it: relative to its own folder."""
        return self.file.parent / Path(path).expanduser()

    def named(self) -> frozenset[str]:
        """Return what it has names for, as tests may need it: set.NAME and request.NAME."""
        return frozenset(
            [*(f"set.{name}" for name in self.set), *(f"request.{name}" for name in self.isotp)]
        )

    def configuration(self) -> Config:
        """Return the sources and rules, as a gateway's configuration.

        Raises:
            ConfigError: It is wrong, or has what a bench cannot watch: a recording.
        """
        if self.gateway is not None:
            # The journal's folder need not be there where tests run.
            config = load_config(self.resolve(self.gateway), without=["alarms"])
        else:
            config = Config(file=self.file, source=self.source, rule=self.rule)
            for error in disagreements(config):
                raise error
        for source in config.source:
            if isinstance(source, ReplayConfig):
                where = key_of(source, "type")
                raise ConfigError(config.file, where, "'replay'", "a live link, to watch in tests")
        return config


def load_bench_file(path: Path) -> BenchFile:
    """Return the bench file at *path*. Of the files that it names only the presence is checked.

    Raises:
        ConfigError: It cannot be read, is not TOML, or is not a bench file; the first error.
    """
    errors: list[ConfigError] = []

    def report(key: str, got: str, expected: str) -> None:
        errors.append(ConfigError(path, key, got, expected))

    bench = to_section(_document(path), BenchFile, "", report, file=path)
    if isinstance(bench, Bad):
        raise errors[0]
    for key in ("gateway", "scenario"):
        named = getattr(bench, key)
        if named is not None and not bench.resolve(named).is_file():
            raise ConfigError(path, key, f"{as_toml(named)} (no such file)", "a file")
    return bench


def _document(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigError(path, "", why_not(error), "a bench file") from None
    except RecursionError:
        raise ConfigError(path, "", "lists in lists in lists ...", "TOML") from None
    except ValueError as error:  # not UTF-8, or not TOML
        raise ConfigError(path, "", "text that is not TOML", f"TOML ({error})") from None
    for key in ("set", "reset"):
        stimuli = document.get(key)
        if isinstance(stimuli, dict):
            document[key] = {
                name: {"input": value} if isinstance(value, str) else value
                for name, value in stimuli.items()
            }
    return document


def can_sources(config: Config) -> list[CanConfig]:
    """Return the CAN buses among the sources of *config*."""
    return [source for source in config.source if isinstance(source, CanConfig)]
