"""Bench files: what they say, and how they are told that they are wrong."""

import pytest

from gateway.bench.bench_file import load_bench_file
from gateway.bench.choice import Choice, parse_choice
from gateway.bench.errors import BenchError
from gateway.errors import ConfigError

GATEWAY = """
[[source]]
name = "can0"
type = "can"
interface = "socketcan"
channel = "can0"
"""


@pytest.fixture
def load(tmp_path):
    (tmp_path / "car.toml").write_text(GATEWAY)
    (tmp_path / "scenario.toml").write_text("")

    def load(text):
        file = tmp_path / "bench.toml"
        file.write_text(text)
        return load_bench_file(file)

    return load


def test_a_bench_for_the_simulator_is_a_few_lines(load):
    bench = load("""
gateway = "car.toml"
scenario = "scenario.toml"

[set]
"engine.coolant_temp" = "car.ENGINE_TEMP"

[reset]
"lap" = "car.LAP"
""")
    assert bench.reset["lap"].input == "car.LAP"
    assert bench.set["engine.coolant_temp"].input == "car.ENGINE_TEMP"
    assert [source.channel for source in bench.configuration().source] == ["can0"]


def test_where_the_gateway_writes_its_journal_is_no_matter_of_the_bench(load, tmp_path):
    (tmp_path / "car.toml").write_text(
        GATEWAY + '[alarms]\njournal = "/nowhere/on/this/machine/alarms.jsonl"\n'
    )
    assert load('gateway = "car.toml"').configuration().alarms.journal is None


def test_sources_and_rules_may_stand_in_the_file_itself(load):
    bench = load(GATEWAY)
    assert bench.configuration().source[0].name == "can0"


def test_a_bench_of_hardware_says_how_each_name_is_set(load):
    bench = load(r"""
gateway = "car.toml"

[set]
"coolant" = { message = "Box", signal = "COOLANT", rest = 90 }
"door" = { port = "/dev/ttyACM0", command = "RELAY {value:.0f}\n", rest = 0 }
"supply" = { program = ["psu", "--volts", "{value}"] }

[isotp.engine]
request = 0x7E0
response = 0x7E8
version = "22 F1 95"
""")
    assert bench.set["coolant"].signal == "COOLANT"
    assert bench.set["door"].command == "RELAY {value:.0f}\n"
    assert bench.set["supply"].program == ("psu", "--volts", "{value}")
    assert bench.isotp["engine"].response == 0x7E8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "gateway: got nothing, expected either gateway = FILE or [[source]] tables"),
        ('gateway = "car.toml"' + GATEWAY, "gateway: got both, expected either"),
        ('gateway = "lorry.toml"', "gateway: got 'lorry.toml' (no such file), expected a file"),
        ('gateway = "car.toml"\nscenario = "x"', "scenario: got 'x' (no such file)"),
        ('gatway = "car.toml"', "gatway: got an unknown key, expected gateway"),
        ('gateway = "car.toml"\nbridge = {a = "b"}', "bridge: got a bridge without a scenario"),
        ("= 3", "bench.toml: got text that is not TOML, expected TOML (Invalid"),
        (
            'gateway = "car.toml"\nset = {x = "ENGINE_TEMP"}',
            "set.x.input: got 'ENGINE_TEMP', expected DEVICE.INPUT, such as car.ENGINE_TEMP",
        ),
        ('gateway = "car.toml"\nset = {x = {}}', "set.x: got none of them, expected exactly one"),
        (
            'gateway = "car.toml"\nset = {x = {message = "M"}}',
            "set.x.signal: got nothing, expected a signal: message and signal go together",
        ),
        (
            'gateway = "car.toml"\nset = {x = {port = "p", command = "SET {volts}"}}',
            "set.x.command: got 'SET {volts}', expected text in which {value} stands for the value",
        ),
        (
            'gateway = "car.toml"\nisotp = {e = {request = 0x7E0, response = 0x18DAF110}}',
            "isotp.e.response: got 0x18daf110, expected an id as long as that of the request",
        ),
        (
            'gateway = "car.toml"\nisotp = {e = {request = 1, response = 2, version = "xy"}}',
            "isotp.e.version: got 'xy', expected bytes in hexadecimal",
        ),
        pytest.param("a = " + "[" * 100_000, "got lists in lists in lists ...", id="nested"),
        *(
            pytest.param(
                f'gateway = "car.toml"\n[set]\n"a" = {{ program = ["psu", "{{{field}}}"] }}',
                "expected text in which {value} stands for the value",
                id=why,
            )
            for field, why in (
                ("value:9999999999", "a width that fills the memory"),
                ("value:.99999999f", "a precision that fills the memory"),
                ("value[0]", "an item of a number"),
            )
        ),
    ],
)
def test_a_wrong_file_is_told_in_a_line(load, text, message):
    with pytest.raises(ConfigError) as refused:
        load(text)
    assert message in str(refused.value)
    assert "bench.toml: " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_recording_cannot_be_a_link_of_a_bench(load, tmp_path):
    (tmp_path / "drive.log").write_text("")
    (tmp_path / "car.toml").write_text(
        '[[source]]\nname = "a"\ntype = "replay"\npath = "drive.log"\nprotocol = "nmea0183"'
    )
    with pytest.raises(ConfigError, match="'replay', expected a live link"):
        load('gateway = "car.toml"').configuration()


def test_the_file_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match="got no such file, expected a bench file"):
        load_bench_file(tmp_path / "bench.toml")


def test_the_choice_of_a_bench(tmp_path):
    assert parse_choice("sim", tmp_path) == Choice("sim")
    assert parse_choice("vcan0,vcan1", tmp_path).interfaces == ("vcan0", "vcan1")
    assert parse_choice("lab/bench.toml", tmp_path).file == tmp_path / "lab" / "bench.toml"
    with pytest.raises(BenchError, match="--bench: got 'a b', expected sim, a CAN interface"):
        parse_choice("a b", tmp_path)


def test_each_worker_has_interfaces_of_its_own(tmp_path):
    choice = parse_choice("vcan0,vcan1", tmp_path)
    assert choice.for_worker(0) == choice
    assert choice.for_worker(2).interfaces == ("vcan4", "vcan5")
    assert Choice("sim").for_worker(3) == Choice("sim")


def test_a_bench_of_hardware_is_for_one_worker(tmp_path):
    with pytest.raises(BenchError, match="there is one such bench; leave out -n"):
        parse_choice("bench.toml", tmp_path).for_worker(1)
    with pytest.raises(BenchError, match="can has no number to count from"):
        parse_choice("can", tmp_path).for_worker(1)
