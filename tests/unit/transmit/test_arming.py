"""What the configuration arms, looked up before anything runs."""

import pytest

from gateway.config.load import load_config
from gateway.errors import ConfigError
from gateway.record import AlarmKind
from gateway.transmit.arming import arm

CONFIG = """
[[source]]
name = "can0"
type = "can"
channel = "can0"
dbc = ["fan.dbc"]

[[source]]
name = "can1"
type = "can"
channel = "can1"
dbc = ["fan.dbc"]

[[transmit]]
name = "fan"
source = "can0"
message = "FanControl"
values = { TRIM = 0, MODE = "auto" }
rate = 5

[[transmit]]
name = "lamp"
source = "can1"
message = "Lamps"
rate = 5

[[rule]]
name = "calm"
signal = "SPEED"
below = 1

[[rule]]
name = "hot"
signal = "SPEED"
above = 1
on_raise = [
    { transmit = "fan", values = { SPEED = 100 } },
    { transmit = "lamp", values = { LAMP = 1 } },
]
on_clear = { transmit = "lamp", values = { LAMP = 0 } }
"""


@pytest.fixture
def load(dbc):
    def load(old="", new=""):
        assert old in CONFIG
        (dbc.parent / "car.toml").write_text(CONFIG.replace(old, new))
        return load_config(dbc.parent / "car.toml")

    return load


def test_each_bus_has_what_may_be_sent_on_it_and_what_rules_send_there(load):
    can0, can1 = arm(load())
    assert [(bus.source.name, list(bus.armed)) for bus in (can0, can1)] == [
        ("can0", ["fan"]),
        ("can1", ["lamp"]),
    ]
    [fan] = can0.actions
    assert (fan.rule, fan.kind, fan.cause) == (1, AlarmKind.RAISED, "hot raised")
    assert fan.frame["data"][0, :3].tolist() == [200, 0, 2]
    assert [(each.kind, each.frame["data"][0, 0]) for each in can1.actions] == [
        (AlarmKind.RAISED, 1),
        (AlarmKind.CLEARED, 0),
    ]


def test_without_a_transmit_nothing_is_armed_and_no_database_is_read(load, dbc):
    start = CONFIG.index("[[transmit]]")
    config = load(CONFIG[start:], "")
    dbc.write_text("not a database")
    assert arm(config) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        pytest.param(
            '"FanControl"',
            '"FanControll"',
            "transmit \"fan\".message: got 'FanControll', expected a message of the databases of"
            ' source "can0"; close: FanControl',
            id="a message that does not exist",
        ),
        pytest.param(
            '"Lamps"',
            '"Wide"',
            "transmit \"lamp\".message: got 'Wide', of 12 bytes for CAN FD, expected a message of"
            " classic CAN, or fd = true at the source",
            id="a message that the bus cannot carry",
        ),
        pytest.param(
            "TRIM = 0",
            "TRIM = 300",
            'transmit "fan".values.TRIM: got 300, expected what 8 bits can hold',
            id="a value out of range",
        ),
        pytest.param(
            '"auto"',
            '"fast"',
            "transmit \"fan\".values.MODE: got 'fast', expected a number, 'off', 'on' or 'auto'",
            id="a word that the signal does not have",
        ),
        pytest.param(
            "SPEED = 100 ",
            "SPEED = 101 ",
            'rule "hot".on_raise #1.values.SPEED: got 101, expected 0 to 100 %',
            id="a value of an action out of range",
        ),
        pytest.param(
            'on_clear = { transmit = "lamp", values = { LAMP = 0 } }',
            'on_clear = { transmit = "lamp" }',
            'rule "hot".on_clear.values.LAMP: got nothing, expected a value',
            id="an action that leaves a signal without a value",
        ),
    ],
)
def test_what_could_not_be_sent_is_told_before_anything_runs(load, old, new, line):
    with pytest.raises(ConfigError) as caught:
        arm(load(old, new))
    assert str(caught.value).partition("car.toml: ")[2] == line
