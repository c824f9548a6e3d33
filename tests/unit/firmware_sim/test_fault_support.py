"""The vocabulary of faults: what works on what, and the line that says why not."""

from pathlib import Path

import pytest

from firmware_sim.devices.f1_ecus import DERIVED, READERS
from firmware_sim.errors import RequestError, ScenarioError
from firmware_sim.faults.kinds import KINDS
from firmware_sim.faults.support import COLUMNS, SUPPORT, table
from firmware_sim.recording import Recording
from firmware_sim.scenario import load_scenario

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"

SCENARIO = """
[[bus]]
name = "can0"
bit_rate = 500_000
[[bus]]
name = "quick"
[[device]]
name = "engine"
type = "load"
bus = "can0"
rate = 10
[[device]]
name = "pump"
type = "load"
bus = "quick"
rate = 10
[[device]]
name = "wind"
type = "wind"
port = "wind"
"""
ON = {"input": "wind.wind_speed", "device": "engine", "port": "wind", "bus": "can0"}


@pytest.fixture
def refused(tmp_path):
    """Return why a scenario with these lines cannot run."""

    def why(lines):
        file = tmp_path / "scenario.toml"
        file.write_text(SCENARIO + lines)
        with pytest.raises((RequestError, ScenarioError)) as caught:
            Recording(load_scenario(file), tmp_path / "out").run(1.0)
        return str(caught.value).removeprefix(f"{file}: ")

    return why


def test_the_page_has_the_table_that_the_code_makes():
    assert table() in PAGE.read_text()


def test_the_page_explains_every_kind_and_its_keys():
    text = PAGE.read_text()
    for kind, struct in KINDS.items():
        assert f"| `{kind}` |" in text
        for key in set(struct.__struct_encode_fields__) - {"on", "at", "when", "for", "seed"}:
            assert f"`{key}`" in text, f"{kind}: {key}"


def test_every_kind_works_on_something():
    for kind, supported in SUPPORT.items():
        assert supported.keys() == COLUMNS.keys()
        assert any(not isinstance(made, str) for made in supported.values()), kind


@pytest.mark.parametrize(
    ("kind", "column", "reason"),
    [
        (kind, column, made)
        for kind, supported in SUPPORT.items()
        for column, made in supported.items()
        if isinstance(made, str)
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(refused, kind, column, reason):
    more = "deviation = 1.0" if kind == "noise" else ""
    assert refused(f'[[fault]]\nkind = "{kind}"\non = "{ON[column]}"\n{more}') == (
        f"fault[0].kind: got {kind} on {COLUMNS[column]}, expected something else: {reason}"
    )


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        pytest.param(
            '[[fault]]\nkind="drop"\non="engin"',
            "fault[0].on: got 'engin', expected one of 'engine', 'pump', 'wind', 'can0', 'quick'",
            id="on nothing",
        ),
        pytest.param(
            '[[fault]]\nkind="stuck"\non="wind.speed"',
            "fault[0].on: got 'wind.speed', expected one of 'wind_speed', 'wind_angle', 'depth', "
            "'heading', after 'wind.'",
            id="on no input",
        ),
        pytest.param(
            '[[fault]]\nkind="bus_off"\non="can0.nobody"',
            "fault[0].on: got 'can0.nobody', expected one of 'recorder', 'engine', "
            "after the bus's name",
            id="on no node",
        ),
        pytest.param(
            '[[fault]]\nkind="drop"\non="can0.engine"',
            "fault[0].on: got 'can0.engine', expected a device, or a bus with devices of the "
            "scenario",
            id="what a controller sends",
        ),
        pytest.param(
            '[[fault]]\nkind="bus_off"\non="pump"',
            "fault[0].on: got 'pump', expected a bus with a bit_rate: without, it has no "
            "physical layer",
            id="on a bus without a bit rate",
        ),
        pytest.param(
            '[[fault]]\nkind="reset"\non="engine"',
            "fault[0].on: got 'engine', expected a device that can be reset",
            id="nothing to reset",
        ),
        pytest.param(
            '[[fault]]\nkind="corrupt"\non="engine"\nfield="crc"',
            "fault[0].byte: got nothing, expected the data byte that the crc is in",
            id="where the CRC is",
        ),
        pytest.param(
            '[[fault]]\nkind="corrupt"\non="wind"\nfield="counter"',
            "fault[0].field: got 'counter', expected 'bits' or 'crc' on a serial port",
            id="no counter",
        ),
        pytest.param(
            '[[fault]]\nkind="dorp"\non="engine"',
            f"fault[0].kind: got 'dorp', expected one of {', '.join(map(repr, KINDS))}",
            id="no such kind",
        ),
        pytest.param(
            '[[fault]]\nkind="drop"',
            "fault[0].on: got nothing, expected a value",
            id="on what",
        ),
        pytest.param(
            '[[fault]]\nkind="drop"\non="engine"\nrat=0.5',
            "fault[0].rat: got an unknown key, expected one of 'kind', 'on', 'at', 'when', 'for', "
            "'seed', 'rate'",
            id="unknown key",
        ),
        pytest.param(
            '[[fault]]\nkind="drop"\non="engine"\nrate=1.5',
            "fault[0].rate: got 1.5, expected float <= 1.0",
            id="more than all",
        ),
        pytest.param(
            '[[fault]]\nkind="drop"\non="engine"\nat="soon"',
            "fault[0].at: got 'soon', expected a time such as '10s', '250ms' or '1.5min'",
            id="no time",
        ),
        pytest.param(
            '[[fault]]\nkind="drop"\non="engine"\nat="1s"\nwhen="wind.depth > 1"',
            "fault[0].when: got 'wind.depth > 1', expected either at or when",
            id="at and when",
        ),
        pytest.param(
            '[[fault]]\nkind="drop"\non="engine"\nwhen="wind is strong"',
            "fault[0].when: got 'wind is strong', expected a condition: car.state == 'limp_home' "
            "or car.ENGINE_TEMP > 120",
            id="no condition",
        ),
        pytest.param(
            '[[fault]]\nkind="drop"\non="engine"\nwhen="wind.wind_speed > 1.2.3"',
            "fault[0].when: got 'wind.wind_speed > 1.2.3', expected a condition: "
            "car.state == 'limp_home' or car.ENGINE_TEMP > 120",
            id="no number",
        ),
        pytest.param(
            '[[fault]]\nkind="drop"\non="engine"\nwhen="wind.speed > 3"',
            "fault[0].when: got 'wind.speed > 3', expected one of 'wind_speed', "
            "'wind_angle', 'depth', 'heading', after 'wind.'",
            id="a condition on no input",
        ),
        pytest.param(
            "[[device]]\nname='car'\ntype='f1-car'\nbus='can0'\n"
            "[[step]]\nwhen=\"car.EnginEcu.state == 'normal'\"",
            "step[0].when: got \"car.EnginEcu.state == 'normal'\", expected one of 'state', "
            "'EngineEcu.state', 'ChassisEcu.state', 'TyreEcu.state', 'FuelEcu.state', "
            + ", ".join(map(repr, (*READERS, *DERIVED)))
            + ", after 'car.'",
            id="a condition on no part",
        ),
        pytest.param(
            "[[step]]\nwhen=\"engine.state == 'normal'\"",
            "step[0].when: got \"engine.state == 'normal'\", expected a device that has a state "
            "or inputs",
            id="a condition on a device without a state",
        ),
        pytest.param(
            "[[step]]\nset={'wind.speed' = 3.0}",
            "step[0].set.wind.speed: got an unknown input, expected one of 'wind_speed', "
            "'wind_angle', 'depth', 'heading', after 'wind.'",
            id="a step on no input",
        ),
        pytest.param(
            "[[step]]\nset={'engine.speed' = 3.0}",
            "step[0].set.engine.speed: got an unknown input, expected a device that has inputs",
            id="a step on a device without inputs",
        ),
        pytest.param(
            "[[step]]\nset={'wind.depth' = 'deep'}",
            "step[0].set.wind.depth: got 'deep', expected float",
            id="a step to no number",
        ),
        pytest.param(
            "[[step]]\nset={'wind.heading' = 1, 'wind.depth' = 0x" + "f" * 400 + "}",
            "step[0].set.wind.depth: got a huge integer, expected a number that a float can hold",
            id="a step to a number beyond all floats",
        ),
        pytest.param(
            "[[step]]\nat='0.5s'\nset={'wind.depth' = nan}",
            "step[0].set.wind.depth: got nan, expected a finite number",
            id="a step to NaN",
        ),
        pytest.param(
            "[[fault]]\nkind='wrong'\non='wind.depth'\nfactor=inf",
            "fault[0].factor: got inf, expected a finite number",
            id="a fault by an infinite factor",
        ),
        pytest.param(
            "[[step]]\nrelease=['sun']",
            "step[0].release: got 'sun', expected one of 'engine', 'pump', 'wind'",
            id="a step that releases nothing",
        ),
        pytest.param(
            "[[step]]\nreset=['engine']",
            "step[0].reset: got 'engine', expected a device that can be reset",
            id="a step that resets what cannot be",
        ),
        pytest.param(
            "[[device]]\nname='w2'\ntype='wind'\nport='w2'\ninitial={dept=1.0}",
            "device[3].initial.dept: got an unknown input, expected one of 'wind_speed', "
            "'wind_angle', 'depth', 'heading'",
            id="an initial value of no input",
        ),
        pytest.param(
            "[[device]]\nname='w2'\ntype='wind'\nport='w2'\ninitial={depth=true}",
            "device[3].initial.depth: got True, expected float",
            id="an initial value that is no number",
        ),
    ],
)
def test_what_is_wrong_with_a_time_line_is_said_in_one_line(refused, lines, line):
    assert refused(lines) == line
