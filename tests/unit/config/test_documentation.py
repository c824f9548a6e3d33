"""The page about the configuration file says what the model says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from gateway.clock import parse_duration
from gateway.config.load import load_config
from gateway.config.model import (
    ActionConfig,
    AlarmsConfig,
    AnalyzersConfig,
    CanConfig,
    Config,
    Duration,
    FieldConfig,
    FrameConfig,
    GatewayConfig,
    ReplayConfig,
    RuleConfig,
    Section,
    SerialConfig,
    TransmitConfig,
)
from gateway.config.obd_values import OBD_NAMES
from gateway.config.polled import (
    ModbusConfig,
    ModbusDeviceConfig,
    ObdConfig,
    ObdFieldConfig,
    ObdRequestConfig,
    RegisterConfig,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"
SECTIONS = {
    "## `[gateway]`": GatewayConfig,
    "## `[analyzers]`": AnalyzersConfig,
    "## `[alarms]`": AlarmsConfig,
    '## `[[source]]` with `type = "can"`': CanConfig,
    '## `[[source]]` with `type = "serial"`': SerialConfig,
    "### `[[source.fields]]` and `[[source.frames.fields]]`": FieldConfig,
    "### `[[source.frames]]`": FrameConfig,
    '## `[[source]]` with `type = "replay"`': ReplayConfig,
    '## `[[source]]` with `type = "modbus"`': ModbusConfig,
    "### `[[source.devices]]`": ModbusDeviceConfig,
    "### `[[source.devices.registers]]`": RegisterConfig,
    '## `[[source]]` with `type = "obd"`': ObdConfig,
    "### `[[source.requests]]`": ObdRequestConfig,
    "### `[[source.requests.fields]]`": ObdFieldConfig,
    "## `[[transmit]]`": TransmitConfig,
    "## `[[rule]]`": RuleConfig,
    "### `[rule.on_raise]` and `[rule.on_clear]`": ActionConfig,
}


def documented(heading: str) -> dict[str, str]:
    """The keys under a heading of the page, and their defaults as they stand there."""
    text = PAGE.read_text(encoding="utf-8")
    part = re.split(r"\n(?=##)", text.partition(f"\n{heading}\n")[2])[0]
    rows = re.findall(r"^\| `(\w+)` \|.+? \| (\S+) \|", part, re.MULTILINE)
    return dict(rows)


def modelled(section: type[Section]) -> dict[str, object]:
    """The keys of a struct, and their defaults; its tag is a key as well."""
    required = msgspec.NODEFAULT
    keys: dict[str, object] = {}
    for field in msgspec.structs.fields(section):
        factory = field.default_factory
        keys[field.name] = field.default if factory is required else factory()
    if section.__struct_config__.tag is not None:
        keys["type"] = required
    return keys


def as_default(shown: str, key: str, section: type[Section]) -> object:
    """A default of the page as the struct holds it."""
    if shown in ("required", "none"):
        return {"required": msgspec.NODEFAULT, "none": None}[shown]
    value = tomllib.loads(f"value = {shown.strip('`')}")["value"]
    if isinstance(modelled(section)[key], Duration):
        return parse_duration(value)
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize(("heading", "section"), SECTIONS.items())
def test_the_page_has_every_key_of_the_model_and_no_other(heading, section):
    assert sorted(documented(heading)) == sorted(modelled(section))


@pytest.mark.parametrize(("heading", "section"), SECTIONS.items())
def test_the_page_gives_every_default_as_the_model_does(heading, section):
    page = {key: as_default(text, key, section) for key, text in documented(heading).items()}
    assert page == modelled(section)


def test_the_page_has_a_heading_for_every_table():
    headings = re.findall(r"^##+ `.+$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == list(SECTIONS)
    tables = {field.name for field in msgspec.structs.fields(Config)} - {"file"}
    assert tables == {re.search(r"\[+(\w+)", heading)[1] for heading in headings}


def test_the_examples_of_the_page_are_valid(tmp_path):
    (tmp_path / "car.dbc").touch()
    examples = re.findall(r"```toml\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 4
    for example in examples:
        (tmp_path / "car.toml").write_text(example, encoding="utf-8")
        assert load_config(tmp_path / "car.toml").source


def test_the_page_names_every_value_of_obd():
    named = PAGE.read_text(encoding="utf-8").partition("that have a name: ")[2].partition("\n")[0]
    assert tuple(re.findall(r"`(\w+)`", named)) == OBD_NAMES
