"""Scenario files: what is read, and the one line that says what is wrong."""

from pathlib import Path

import pytest

from firmware_sim.device_sections import F1CarSection, GpsSection, LoadSection, SlcanSection
from firmware_sim.errors import ScenarioError
from firmware_sim.scenario import BusSection, Scenario, load_scenario

EXAMPLE = Path(__file__).parents[3] / "examples" / "f1-scenario.toml"

CAR = """
[[bus]]
name = "can0"
[[device]]
name = "car"
type = "f1-car"
bus = "can0"
"""


@pytest.fixture
def scenario(tmp_path):
    """Write a scenario; return its path."""

    def write(text):
        file = tmp_path / "scenario.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def test_the_example_has_a_car_its_gps_and_an_adapter_on_one_bus():
    loaded = load_scenario(EXAMPLE)
    assert [bus.name for bus in loaded.bus] == ["can0"]
    assert [type(device) for device in loaded.device] == [F1CarSection, GpsSection, SlcanSection]


def test_what_is_not_given_has_its_default(scenario):
    loaded = load_scenario(scenario(CAR + '[[device]]\nname="l"\ntype="load"\nbus="can0"\nrate=9'))
    assert loaded.scenario.seed == 0
    assert loaded.bus == (BusSection(name="can0", queue=16_384, patience_s=2.0),)
    assert loaded.device[1] == LoadSection(name="l", bus="can0", rate=9)


def test_an_empty_scenario_has_nothing_in_it(scenario):
    assert load_scenario(scenario("")) == Scenario()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "seed = = 1", "line 1, column 8: got invalid value, expected TOML", id="no TOML"
        ),
        pytest.param(b"\xff", "byte 0: got 0xff, expected UTF-8", id="no text"),
        pytest.param(
            "colour = 3",
            "colour: got an unknown key, expected one of 'scenario', 'bus', 'device', "
            "'step', 'fault'",
            id="unknown table",
        ),
        pytest.param(
            "[scenario]\nsead = 3",
            "scenario.sead: got an unknown key, expected one of 'seed', 'ports', 'gather_ms'",
            id="unknown key of the scenario",
        ),
        pytest.param(
            "[[bus]]\nname='a'\nspeed=1",
            "bus[0].speed: got an unknown key, expected one of 'name', 'bit_rate', "
            "'data_bit_rate', 'restart_ms', 'acknowledge', 'queue', 'patience_s'",
            id="unknown key of a bus",
        ),
        pytest.param(
            CAR + "colour='red'",
            "device[0].colour: got an unknown key, expected one of 'type', 'name', "
            "'initial', 'bus'",
            id="unknown key of a device",
        ),
        pytest.param("[[bus]]", "bus[0].name: got nothing, expected a value", id="no name"),
        pytest.param(
            "[[bus]]\nname='a b'",
            "bus[0].name: got 'a b', expected 1 to 32 letters, digits, '_' or '-'",
            id="bad name",
        ),
        pytest.param(
            "[[bus]]\nname=3", "bus[0].name: got 3, expected str", id="a number for a name"
        ),
        pytest.param("bus = 3", "bus: got 3, expected array", id="a number for a table"),
        pytest.param(
            "[scenario]\nseed='x'", "scenario.seed: got 'x', expected int", id="text for a number"
        ),
        pytest.param(
            "[[bus]]\nname='a'\nqueue=0", "bus[0].queue: got 0, expected int >= 1", id="too small"
        ),
        pytest.param(
            "[[bus]]\nname='a'\npatience_s=nan",
            "bus[0].patience_s: got nan, expected float >= 0.0",
            id="not a number",
        ),
        pytest.param(
            CAR
            + "[[device]]\nname='g'\ntype='gps'\nport='p'\ncar='car'\nstart=9999-12-31T23:59:59Z",
            "device[1].start: got 9999-12-31 23:59:59+00:00, "
            "expected a date and time from 1980 to 2079",
            id="a time that no receiver has",
        ),
        pytest.param(
            CAR + "[[device]]\nname='g'\ntype='gps'\nport='p'\ncar='car'\nstart='soon'",
            "device[1].start: got 'soon', expected a date and time: 2026-07-05T14:00:00Z",
            id="no time",
        ),
        pytest.param(
            "[[device]]\nname='a'\ntype='f2-car'",
            "device[0].type: got 'f2-car', expected one of 'f1-car', 'gps', 'slcan', 'load', "
            "'framed-sensor', 'modbus-slave', 'process', 'rest-bus', 'wind'",
            id="unknown type",
        ),
        pytest.param(
            "[[device]]\nname='a'",
            "device[0].type: got nothing, expected one of 'f1-car', 'gps', 'slcan', 'load', "
            "'framed-sensor', 'modbus-slave', 'process', 'rest-bus', 'wind'",
            id="no type",
        ),
        pytest.param(
            CAR.replace('bus = "can0"', 'bus = "can1"'),
            "device[0].bus: got 'can1', expected one of 'can0'",
            id="a bus that is not there",
        ),
        pytest.param(
            CAR.replace("[[bus]]\nname", "[[bus]]\nname='x'\n[[bus]]\nname='x'\n[[bus]]\nname"),
            "bus[1].name: got 'x', expected a name that no other bus has",
            id="two buses of one name",
        ),
        pytest.param(
            CAR + "[[device]]\nname='car'\ntype='f1-car'\nbus='can0'",
            "device[1].name: got 'car', expected a name that no other device has",
            id="two devices of one name",
        ),
        pytest.param(
            "[[device]]\nname='g'\ntype='gps'\nport='p'\ncar='k'",
            "device[0].car: got 'k', expected one that the scenario has, and it has none",
            id="a GPS without a car",
        ),
        pytest.param(
            CAR + "[[device]]\nname='g'\ntype='gps'\nport='p'\ncar='car'\n"
            "[[device]]\nname='s'\ntype='slcan'\nport='p'\nbus='can0'",
            "device[2].port: got 'p', expected a port that no other device has",
            id="two devices on one port",
        ),
        pytest.param(
            CAR + "[[device]]\nname='l'\ntype='load'\nbus='can0'\nrate=1\nlength=9",
            "device[1].length: got 9, expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, "
            "32, 48, 64",
            id="a length that CAN does not have",
        ),
        pytest.param(
            CAR + "[[device]]\nname='l'\ntype='load'\nbus='can0'\nrate=1\nfirst_id=0x7ff\nids=2",
            "device[1].ids: got 2, expected at most 1, so that all ids are of one kind",
            id="ids of two kinds",
        ),
        pytest.param(
            CAR + "[[device]]\nname='l'\ntype='load'\nbus='can0'\nrate=0",
            "device[1].rate: got 0, expected int >= 1",
            id="no rate",
        ),
        pytest.param(
            "a = " + "[" * 100_000,
            "got a number of thousands of digits, or lists in lists in lists ..., expected TOML",
            id="lists nested without end",
        ),
        pytest.param(
            "a = " + "9" * 5_000,
            "got a number of thousands of digits, or lists in lists in lists ..., expected TOML",
            id="a number of thousands of digits",
        ),
        pytest.param(
            "[[bus]]\nname = 0x" + "f" * 5_000,
            "bus[0].name: got a huge integer, expected str",
            id="a number of thousands of digits in hexadecimal",
        ),
        pytest.param(
            "[[bus]]\nname='a'\nqueue = 0x" + "f" * 5_000,
            "bus[0].queue: got a huge integer, expected int <= 16777216",
            id="a whole number that is too large to be shown",
        ),
        pytest.param(
            "[[bus]]\nname='a'\npatience_s = 0x" + "f" * 5_000,
            "bus[0].patience_s: got a huge integer, expected a number that a float can hold",
            id="a number that no float can hold",
        ),
        pytest.param(
            "[scenario]\nseed = 0x" + "f" * 5_000,
            "scenario.seed: got a huge integer, expected int <= 9223372036854775807",
            id="a seed of thousands of digits",
        ),
        pytest.param(
            "[[device]]\nname='a'\ntype" + ".a" * 2_000 + " = 1",
            "device[0].type: got a dict, expected one of 'f1-car', 'gps', 'slcan', 'load', "
            "'framed-sensor', 'modbus-slave', 'process', 'rest-bus', 'wind'",
            id="tables nested without end",
        ),
        pytest.param(
            "[[bus]]\nname='" + "a " * 500 + "'",
            "bus[0].name: got '" + "a " * 28 + "..., expected 1 to 32 letters, digits, '_' or '-'",
            id="a text of a thousand characters",
        ),
        pytest.param(
            '[[bus]]\nname="a\\n"',
            "bus[0].name: got 'a\\n', expected 1 to 32 letters, digits, '_' or '-'",
            id="a name that ends with a line feed",
        ),
        pytest.param(
            '[scenario]\n"a\\nb" = 1',
            "scenario.'a\\nb': got an unknown key, expected one of 'seed', 'ports', 'gather_ms'",
            id="a key with a line feed",
        ),
        pytest.param(
            '[scenario]\n"" = 1',
            "scenario.'': got an unknown key, expected one of 'seed', 'ports', 'gather_ms'",
            id="an empty key",
        ),
        pytest.param(
            "[[step]]\nat = '" + "9" * 400 + "s'",
            "step[0].at: got '" + "9" * 56 + "..., expected a time such as '10s', '250ms' or "
            "'1.5min'",
            id="a time of hundreds of digits",
        ),
        pytest.param(
            '[[step]]\nat = "5s\\n"',
            "step[0].at: got '5s\\n', expected a time such as '10s', '250ms' or '1.5min'",
            id="a time that ends with a line feed",
        ),
    ],
)
def test_a_wrong_scenario_is_refused_in_one_line(scenario, text, line):
    file = scenario(text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    assert str(caught.value) == f"{file}: {line}"


def test_a_scenario_that_is_not_there_is_refused_in_one_line(tmp_path):
    with pytest.raises(ScenarioError, match="got no such file or directory, expected a scenario"):
        load_scenario(tmp_path / "absent.toml")


def test_what_a_running_scenario_refuses_is_one_line_whatever_its_names_are(scenario):
    file = scenario(CAR + '[[device]]\nname="s"\ntype="rest-bus"\nbus="can0"\ndbc="a\\nb.dbc"')
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    assert str(caught.value).startswith(f"{file}: device[1].dbc: got no such file or directory: ")
    assert "\n" not in str(caught.value)
