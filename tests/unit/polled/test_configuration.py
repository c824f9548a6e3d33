"""Every mistake in a source that has to ask is told in one line."""

from __future__ import annotations

import pytest

from gateway.config.load import load_config
from gateway.config.polled import ObdConfig
from gateway.errors import ConfigError

MODBUS = """
[[source]]
name = "plant"
type = "modbus"
port = "/dev/ttyUSB0"
{line}
[[source.devices]]
name = "engine"
address = 1
{device}
[[source.devices.registers]]
name = "coolant"
address = 0
{register}
"""
OBD = """
[[source]]
name = "car"
type = "obd"
channel = "can0"
{line}
[[source.requests]]
name = "battery"
data = "22 F4 0A"
[[source.requests.fields]]
name = "voltage"
type = "u16"
{field}
"""


@pytest.fixture
def first_error(tmp_path, monkeypatch):
    """Load a configuration; return the first thing that is wrong, without the file's name."""
    monkeypatch.chdir(tmp_path)

    def load(text):
        (tmp_path / "c.toml").write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_config("c.toml")
        return str(caught.value).removeprefix("c.toml: ").partition("\n")[0]

    return load


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ({"line": "every = '0s'"}, "source \"plant\".every: got 0 s, expected at least '1ms'"),
        (
            {"line": "timeout = '3s'"},
            "source \"plant\".timeout: got 3 s, expected longer than 0, and at most '2s'",
        ),
        (
            {"register": "type = 'u12'"},
            'source "plant".devices "engine".registers "coolant".type: got \'u12\', expected '
            "'u16', 'i16', 'u32', 'i32', 'u64', 'i64', 'f32' or 'f64'",
        ),
        (
            {"register": "scale = 0"},
            'source "plant".devices "engine".registers "coolant".scale: got 0.0, expected a finite '
            "number other than 0",
        ),
        (
            {"register": "type = 'u64'\n[[source.devices.registers]]\nname = 'last'\n"
             "address = 65533\ntype = 'u64'"},
            'source "plant".devices "engine".registers "last".address: got 65533, expected room '
            "for 4 registers up to 65535",
        ),
        (
            {"register": "[[source.devices.registers]]\nname = 'coolant'\naddress = 2"},
            "source \"plant\".devices \"engine\".registers: got two with name = 'coolant', "
            "expected no two alike",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_a_modbus_source(part, error, first_error):
    parts = {"line": "", "device": "", "register": "", **part}
    assert first_error(MODBUS.format(**parts)) == error


def test_a_device_without_registers(first_error):
    text = MODBUS.format(line="", device="registers = []", register="")
    text = text[: text.index("[[source.devices.registers]]")]
    where = 'source "plant".devices "engine".registers'
    assert first_error(text) == f"{where}: got nothing, expected at least one register"


@pytest.mark.parametrize(
    ("line", "field", "error"),
    [
        (
            "request_id = 0x7DF",
            "",
            'source "car".answer_id: got nothing, expected the id of the one whose answers count',
        ),
        (
            "request_id = 0x18DB33F1",
            "",
            'source "car".answer_id: got nothing, expected the id of the one whose answers count',
        ),
        (
            "request_id = 0x20000000",
            "",
            'source "car".request_id: got 536870912, expected an integer from 0 to 536870911',
        ),
        (
            "options = { channel = 'can1' }",
            "",
            "source \"car\".options.channel: got 'can1', expected channel to be a key of the source"
            " itself",
        ),
        (
            "",
            "at = -1",
            'source "car".requests "battery".fields "voltage".at: got -1, expected an integer '
            "from 0 to 4094",
        ),
    ],
)
def test_a_mistake_in_an_obd_source(line, field, error, first_error):
    assert first_error(OBD.format(line=line, field=field)) == error


def test_a_value_that_obd_does_not_have(first_error):
    error = first_error(OBD.format(line="values = ['rpm', 'oil']", field=""))
    assert error.startswith("source \"car\".values #2: got 'oil', expected one of engine_load, ")


def test_a_request_that_is_not_hexadecimal(first_error):
    error = first_error(OBD.format(line="", field="").replace("22 F4 0A", "22 F"))
    where = 'source "car".requests "battery".data'
    assert error == f"{where}: got '22 F', expected bytes in hexadecimal, such as '22 F1 90'"


@pytest.mark.parametrize(
    ("request_id", "answers"), [(0x7E0, 0x7E8), (0x7E1, 0x7E9), (0x18DA10F1, 0x18DAF110)]
)
def test_the_id_of_the_answers_follows_from_that_of_the_requests(request_id, answers):
    config = ObdConfig(name="car", channel="can0", values=("rpm",), request_id=request_id)
    assert config.answers == answers
    assert config.unit_id == request_id


@pytest.mark.parametrize(
    ("request_id", "answer_id", "unit_id"),
    [(0x7DF, 0x7E9, 0x7E1), (0x18DB33F1, 0x18DAF110, 0x18DA10F1), (0x750, 0x758, 0x750)],
)
def test_one_of_all_units_that_are_asked_is_reached_by_an_id_of_its_own(
    request_id, answer_id, unit_id
):
    config = ObdConfig(
        name="car", channel="can0", values=("rpm",), request_id=request_id, answer_id=answer_id
    )
    assert config.unit_id == unit_id
