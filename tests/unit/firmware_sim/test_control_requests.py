"""Requests that make no sense: answered with a line, and the simulator goes on."""

import selectors
import sys

import pytest

from firmware_sim.control import ControlServer
from firmware_sim.devices.wind import Wind
from firmware_sim.errors import SimError
from firmware_sim.faults.faults import Faults
from firmware_sim.outlets import NoOutlet
from firmware_sim.rig import Member, Rig
from firmware_sim.schedule import Schedule


@pytest.fixture
def rig():
    """A boat's wind instrument, whose sentences go nowhere."""
    made = Rig(Schedule())
    place = made.schedule.add(Wind("wind"), NoOutlet())
    made.members["wind"] = Member("wind", "wind", [place])
    return made


@pytest.fixture
def obey(rig):
    with selectors.DefaultSelector() as selector:
        yield ControlServer("test", rig, Faults(rig, 1), selector).obey


@pytest.mark.parametrize(
    ("line", "error"),
    [
        pytest.param(b'{"do": 1', "request: got '{\"do\": 1', expected JSON", id="no JSON"),
        pytest.param(
            b'{"d\xae": 1}',
            "request: got '{\"d\N{REPLACEMENT CHARACTER}\": 1}', expected JSON",
            id="no UTF-8",
        ),
        pytest.param(
            b"[" * 100_000, f"request: got '{'[' * 80}', expected JSON", id="nested without end"
        ),
        pytest.param(
            b'{"do": "reset", "device": "a\\nb"}',
            "device: got 'a\\nb', expected one of 'wind'",
            id="a name of two lines",
        ),
        pytest.param(
            b'{"do": "clear", "i\\nd": 1}',
            "'i\\nd': got an unknown key, expected one of 'do', 'id'",
            id="a key of two lines",
        ),
        pytest.param(
            b'{"do": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
            "do: got a dict, expected one of 'state', 'set', 'release', 'reset', 'inject', 'clear'",
            id="tables in tables",
        ),
        pytest.param(
            b'{"do": "set", "device": "wind", "values": {"depth": NaN}}',
            "values.depth: got nan, expected a finite number",
            id="not a number",
        ),
        pytest.param(
            b'{"do": "set", "device": "wind", "values": {"depth": "deep"}}',
            "values.depth: got 'deep', expected float",
            id="text for a number",
        ),
        pytest.param(
            b'{"do": "inject", "fault": {"kind": "wrong", "on": "wind.depth", "value": 1e999}}',
            "value: got inf, expected a finite number",
            id="a number that no float can hold",
        ),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_with_one_line(obey, line, error):
    assert obey(line) == {"ok": False, "error": error}
    assert obey(b'{"do": "clear"}')["ok"]


def test_a_request_that_fails_does_not_end_the_simulation(rig, obey):
    class Firmware:
        name, due_ns = "ecu", None

        def reset(self, _now_ns):
            raise SimError("ecu: cannot start ./firmware: no such file or directory")

    place = rig.schedule.add(Firmware(), NoOutlet())
    rig.members["ecu"] = Member("ecu", "process", [place])
    assert obey(b'{"do": "reset", "device": "ecu"}') == {
        "ok": False,
        "error": "ecu: cannot start ./firmware: no such file or directory",
    }


def test_what_a_fault_makes_of_an_input_is_finite(rig, obey):
    for request in (
        b'{"do": "set", "device": "wind", "values": {"depth": 1e308}}',
        b'{"do": "inject", "fault": {"kind": "wrong", "on": "wind.depth", "factor": -1e308}}',
    ):
        assert obey(request)["ok"]
    rig.schedule.run_to(0)
    assert rig.members["wind"].holding("depth").last["depth"] == -sys.float_info.max
