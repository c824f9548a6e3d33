"""What `[[transmit]]` tables and rules' actions may say, and the one line for what they may not."""

from pathlib import Path

import pytest

from gateway.clock import NS_PER_S
from gateway.config.load import load_config
from gateway.errors import ConfigError

SOURCE = '[[source]]\nname = "can0"\ntype = "can"\nchannel = "can0"\n'
GPS = '[[source]]\nname = "gps"\ntype = "serial"\nport = "/dev/ttyUSB0"\nprotocol = "nmea0183"\n'
FAN = '[[transmit]]\nname = "fan"\nsource = "can0"\nmessage = "Fan"\nrate = 2\n'
RULE = '[[rule]]\nname = "hot"\nsignal = "TEMP"\nabove = 110\n'


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load(*parts):
        Path("car.toml").write_text("".join(parts), encoding="utf-8")
        return load_config("car.toml")

    return load


@pytest.fixture
def errors_in(load):
    def errors_in(*parts):
        with pytest.raises(ConfigError) as caught:
            load(*parts)
        errors = (caught.value, *caught.value.others)
        return [str(error).removeprefix("car.toml: ") for error in errors]

    return errors_in


def test_a_transmit_is_sent_at_most_once_a_time_and_expires_after_a_second_unless_it_says_more(
    load,
):
    [fan] = load(SOURCE, FAN).transmit
    assert (fan.rate, fan.burst, fan.expiry, fan.values) == (2.0, 1, NS_PER_S, {})


def test_values_are_numbers_or_words(load):
    [fan] = load(SOURCE, FAN, 'values = { SPEED = 80, TRIM = -0.5, MODE = "on" }').transmit
    assert fan.values == {"SPEED": 80, "TRIM": -0.5, "MODE": "on"}


def test_an_action_is_one_table_or_a_list_of_them(load):
    actions = (
        'on_raise = { transmit = "fan", values = { SPEED = 100 } }\n'
        'on_clear = [{ transmit = "fan" }, { transmit = "fan", values = { SPEED = 0 } }]\n'
    )
    [rule] = load(SOURCE, FAN, RULE, actions).rule
    assert [(key, action.transmit, action.values) for key, action in rule.actions] == [
        ("on_raise", "fan", {"SPEED": 100}),
        ("on_clear #1", "fan", {}),
        ("on_clear #2", "fan", {"SPEED": 0}),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            FAN.replace("rate = 2\n", ""),
            'transmit "fan".rate: got nothing, expected a number from 0.001 to 10000',
            id="a rate must be given",
        ),
        pytest.param(
            FAN.replace("rate = 2", "rate = 0"),
            'transmit "fan".rate: got 0, expected a number from 0.001 to 10000',
            id="a rate of nothing",
        ),
        pytest.param(
            FAN + "burst = 0",
            'transmit "fan".burst: got 0, expected an integer from 1 to 1000',
            id="a burst of nothing",
        ),
        pytest.param(
            FAN + 'expiry = "0s"',
            "transmit \"fan\".expiry: got 0 s, expected longer than 0, and at most '1m'",
            id="an expiry of nothing",
        ),
        pytest.param(
            FAN + 'expiry = "61s"',
            "transmit \"fan\".expiry: got 61 s, expected longer than 0, and at most '1m'",
            id="an expiry of more than a minute",
        ),
        pytest.param(
            FAN + "values = { SPEED = inf }",
            'transmit "fan".values.SPEED: got inf, expected an integer, a finite number'
            " or text that is not empty",
            id="a value that is not finite",
        ),
        pytest.param(
            FAN + "values = { SPEED = true }",
            'transmit "fan".values.SPEED: got true, expected an integer, a finite number'
            " or text that is not empty",
            id="a value that is neither a number nor a word",
        ),
        pytest.param(
            FAN + FAN,
            "transmit \"fan\".name: got 'fan' a second time, expected a name used only once",
            id="two of the same name",
        ),
        pytest.param(
            FAN.replace('"can0"', '"can1"'),
            "transmit \"fan\".source: got 'can1', expected the name of a CAN source: 'can0'",
            id="a source that does not exist",
        ),
        pytest.param(
            FAN.replace('"can0"', '"gps"') + GPS,
            "transmit \"fan\".source: got 'gps', which is not a CAN bus but a serial source,"
            " expected the name of a CAN source: 'can0'",
            id="a source that is not a bus",
        ),
        pytest.param(
            FAN + RULE + 'on_raise = { transmit = "fun" }',
            "rule \"hot\".on_raise.transmit: got 'fun', expected the name of a [[transmit]]: 'fan'",
            id="an action that is not armed",
        ),
        pytest.param(
            RULE + 'on_clear = [{ transmit = "fan" }]',
            "rule \"hot\".on_clear #1.transmit: got 'fan', expected the name of a [[transmit]]",
            id="an action where nothing is armed",
        ),
        pytest.param(
            RULE + 'on_raise = "fan"',
            "rule \"hot\".on_raise: got 'fan', expected a table",
            id="an action that is no table",
        ),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(errors_in, text, line):
    assert errors_in(SOURCE, text) == [line]


def test_an_adapter_with_room_for_one_program_cannot_be_sent_on(errors_in):
    assert errors_in(SOURCE, 'interface = "slcan"\n', FAN) == [
        'source "can0".interface: got \'slcan\', which transmit "fan" would have to share,'
        " expected an interface that several programs can use at once, such as 'socketcan'"
    ]


def test_a_source_that_only_listens_cannot_be_sent_on(errors_in):
    options = 'interface = "firmware_sim"\noptions = { listen_only = true }\n'
    assert errors_in(SOURCE, options, FAN) == [
        'source "can0".options.listen_only: got true, although transmit "fan" sends there,'
        " expected false"
    ]
