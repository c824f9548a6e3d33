"""What a configuration file means once it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clock import NS_PER_S
from gateway.config.load import load_config
from gateway.config.model import (
    AlarmsConfig,
    AnalyzersConfig,
    CanConfig,
    FieldConfig,
    FieldError,
    FrameConfig,
    GatewayConfig,
    ReplayConfig,
    RuleConfig,
    SerialConfig,
    key_of,
)

WHOLE = """\
[gateway]
name = "car"
ring_capacity = 4096
latency = "20ms"

[analyzers]
count = 3

[alarms]
journal = "alarms.jsonl"

[[source]]
name = "can0"
type = "can"
interface = "slcan"
channel = "/dev/ttyACM0"
bitrate = 500_000
fd = true
dbc = ["car.dbc"]
signals = ["ENGINE_*"]
options = { ttyBaudrate = 115200, listen_only = true }

[[source]]
name = "imu"
type = "serial"
port = "/dev/ttyUSB0"
baudrate = 115200
bytesize = 7
parity = "E"
stopbits = 2
protocol = "framed"
signals = ["roll"]

[[source.frames]]
name = "attitude"
id = 1
byte_order = "big"

[[source.frames.fields]]
name = "roll"
unit = "deg"
type = "i16"
scale = 0.01
offset = -5
minimum = -180
maximum = 180

[[source]]
name = "drive"
type = "replay"
path = ["drive.log"]
speed = "max"
channels = { pt = ["car.dbc"], radar = [] }
rate = 5
signals = ["SPEED"]

[[rule]]
name = "engine_hot"
signal = "ENGINE_TEMP"
above = 110
deadband = 2
on_delay = "500ms"
off_delay = "1.5m"
severity = "critical"
message = "High engine temperature"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "drive.log").touch()
    (tmp_path / "car.dbc").touch()
    return tmp_path


def load(folder: Path, text: str):
    (folder / "car.toml").write_text(text, encoding="utf-8")
    return load_config(folder / "car.toml")


def test_every_key_arrives_in_its_struct(folder):
    config = load(folder, WHOLE)
    assert config.file == folder / "car.toml"
    assert config.gateway == GatewayConfig(name="car", ring_capacity=4096, latency=20_000_000)
    assert config.analyzers == AnalyzersConfig(count=3)
    assert config.alarms == AlarmsConfig(journal="alarms.jsonl")
    assert config.source == (
        CanConfig(
            name="can0",
            interface="slcan",
            channel="/dev/ttyACM0",
            bitrate=500_000,
            fd=True,
            dbc=("car.dbc",),
            signals=("ENGINE_*",),
            options={"ttyBaudrate": 115200, "listen_only": True},
        ),
        SerialConfig(
            name="imu",
            port="/dev/ttyUSB0",
            baudrate=115200,
            bytesize=7,
            parity="E",
            stopbits=2,
            protocol="framed",
            frames=(
                FrameConfig(
                    name="attitude",
                    id=1,
                    byte_order="big",
                    fields=(
                        FieldConfig(
                            name="roll",
                            unit="deg",
                            type="i16",
                            scale=0.01,
                            offset=-5.0,
                            minimum=-180.0,
                            maximum=180.0,
                        ),
                    ),
                ),
            ),
            signals=("roll",),
        ),
        ReplayConfig(
            name="drive",
            path=("drive.log",),
            speed="max",
            channels={"pt": ("car.dbc",), "radar": ()},
            rate=5.0,
            signals=("SPEED",),
        ),
    )
    assert config.rule == (
        RuleConfig(
            name="engine_hot",
            signal="ENGINE_TEMP",
            above=110.0,
            deadband=2.0,
            on_delay=NS_PER_S // 2,
            off_delay=90 * NS_PER_S,
            severity="critical",
            message="High engine temperature",
        ),
    )


def test_what_is_not_given_has_its_default(folder):
    config = load(folder, '[[source]]\nname = "can0"\ntype = "can"\nchannel = "can0"\n')
    assert config.gateway == GatewayConfig(name="gateway", ring_capacity=32768, latency=17_000_000)
    assert config.analyzers.count == 1
    assert config.alarms.journal is None
    assert config.source == (CanConfig(name="can0", channel="can0", interface="socketcan"),)
    assert config.rule == ()


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("above = 5", "above", 5.0),
        ("below = -5.5", "below", -5.5),
        ("outside = [1, 2.5]", "outside", (1.0, 2.5)),
        ("rate_above = 0.5", "rate_above", 0.5),
        ("stale_after = '250us'", "stale_after", 250_000),
    ],
)
def test_each_condition_of_a_rule_is_read(folder, line, field, value):
    rule = f'[[rule]]\nname = "r"\nsignal = "s"\n{line}\n'
    config = load(folder, '[[source]]\nname = "a"\ntype = "can"\nchannel = "a"\n' + rule)
    assert config.rule == (RuleConfig(name="r", signal="s", **{field: value}),)


def test_a_deadband_may_take_up_the_whole_span_as_decimals_add():
    rule = RuleConfig(name="r", signal="s", outside=(0.1, 0.5), deadband=0.2)
    assert rule.deadband == 0.2


def test_a_replay_of_nmea_text_needs_no_channels(folder):
    config = load(
        folder,
        '[[source]]\nname = "boat"\ntype = "replay"\npath = "drive.log"\n'
        'protocol = "nmea0183"\nspeed = 2\n',
    )
    assert config.source == (
        ReplayConfig(name="boat", path="drive.log", protocol="nmea0183", speed=2.0),
    )


def test_a_byte_order_mark_at_the_start_is_passed_over(folder):
    (folder / "car.toml").write_text(WHOLE, encoding="utf-8-sig")
    assert load_config(folder / "car.toml").gateway.name == "car"


def test_paths_are_relative_to_the_file_and_know_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", "/home/pi")
    config = load(folder, WHOLE)
    assert config.resolve("car.dbc") == folder / "car.dbc"
    assert config.resolve("/etc/car.dbc") == Path("/etc/car.dbc")
    assert config.resolve("~/car.dbc") == Path("/home/pi/car.dbc")


def test_the_journal_may_exist_or_not(folder):
    assert load(folder, WHOLE).alarms.journal == "alarms.jsonl"
    (folder / "alarms.jsonl").touch()
    assert load(folder, WHOLE).alarms.journal == "alarms.jsonl"


def test_a_struct_made_in_a_program_is_held_to_the_same_rules():
    with pytest.raises(FieldError, match="got no condition, expected exactly one of above"):
        RuleConfig(name="r", signal="s")


def test_errors_elsewhere_call_a_key_as_the_loader_does():
    rule = RuleConfig(name="hot", signal="s", above=1.0)
    assert key_of(rule, "signal") == 'rule "hot".signal'
    assert key_of(CanConfig(name="can0", channel="can0")) == 'source "can0"'
