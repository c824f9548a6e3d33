"""A bench that is described by a file of its own: links as they are written, stimuli of each kind.

The hardware is played: by a scenario that runs on its own, and by the far end of a pty.
"""

import os
import select
import sys
import tty

import pytest

from firmware_sim.testing import running, unique_name

pytestmark = pytest.mark.slow

RACK = """
ready = "EngineStatus.ECU_STATE == 'normal'"
ready_within = "30s"
capabilities = ["door"]

[set]
"engine.coolant_temp" = {{ program = {program}, rest = 90 }}
"door" = {{ port = "{port}", command = "RELAY 1 {{value:.0f}}\\n", rest = 0 }}
"button" = {{ port = "{other}", command = "PRESS\\n" }}

[set."rpm.limit"]
message = "EcuCommand"
signal = "VALUE"
values = {{ TARGET = "EngineEcu", OPCODE = "set_rpm_limit", SEQUENCE = 7 }}
rest = 0

[reset.car]
message = "EcuCommand"
signal = "OPCODE"
values = {{ TARGET = "all", VALUE = 0, SEQUENCE = 0 }}
rest = 7

[isotp.engine]
request = 0x7E0
response = 0x7E8

[[source]]
name = "can0"
type = "can"
interface = "firmware_sim"
channel = "{channel}"
dbc = ["f1.dbc"]
"""


OTHER = """
gateway = "car.toml"
scenario = "scenario.toml"

[set]
fuel = "car.FUEL_LEVEL"

[isotp.gearbox]
request = 0x7E6
response = 0x7EE
"""


class Relay:
    """The far end of a serial cable."""

    def __init__(self):
        self._far, near = os.openpty()
        tty.setraw(near)
        self.port = os.ttyname(near)
        self._near = near

    def heard(self, lines):
        """The next so many lines."""
        data = b""
        poll = select.poll()
        poll.register(self._far, select.POLLIN)
        while data.count(b"\n") < lines:
            assert poll.poll(20_000), data
            data += os.read(self._far, 100)
        return data.decode().splitlines()

    def close(self):
        os.close(self._far)
        os.close(self._near)


@pytest.fixture
def relays():
    both = Relay(), Relay()
    yield both
    for each in both:
        each.close()


@pytest.fixture
def rack(tmp_path, relays):
    """The text of a bench file for a car that runs already."""
    name = unique_name("rack")
    scenario = tmp_path / "car.toml"
    scenario.write_text(
        '[[bus]]\nname = "can0"\n[[device]]\nname = "car"\ntype = "f1-car"\nbus = "can0"\n'
    )
    program = [sys.executable, "-m", "firmware_sim", "set", "--control", name]
    with running("run", str(scenario), "--namespace", name, "--control", name):
        yield RACK.format(
            program=[*program, "car.ENGINE_TEMP={value}"],
            port=relays[0].port,
            other=relays[1].port,
            channel=f"{name}.can0",
        )


TESTS = """
import pytest

def test_program(bench):
    bench.set("engine.coolant_temp", 125)
    assert bench.expect("EngineStatus.LIMP_HOME == 1", within="30s")

def test_message(bench):
    bench.set("rpm.limit", 3999)
    refused = "EngineReply.SEQUENCE == 7 and EngineReply.STATUS == 'bad_value'"
    assert bench.expect(refused, within="30s")

def test_port(bench):
    bench.set("door", 1)

@pytest.mark.bench(needs=["door", "set.door", "send", "request.engine"])
def test_request(bench):
    assert bench.request(b"\\x01\\x00", to="engine", within="30s")[:2] == b"\\x41\\x00"

def test_no_rest(bench):
    bench.set("button", 1)
    with pytest.raises(Exception, match="release: button cannot be released; give it a `rest`"):
        bench.release("button")

def test_fault(bench):
    bench.inject("drop", on="car")

def test_reset(bench):
    bench.reset("car")
    assert bench.expect("EngineStatus.ECU_STATE == 'self_test'", within="30s")

def test_no_such_reset(bench):
    bench.reset("lorry")

def test_of_the_other_bench(bench):
    bench.set("fuel", 3)

def test_request_of_the_other_bench(bench):
    bench.request(b"\\x01\\x00", to="gearbox")

def test_of_no_bench(bench):
    bench.set("feul", 3)
"""


def test_stimuli_of_each_kind_and_what_is_skipped(project, pytester, rack, relays):
    (pytester.path / "rack.toml").write_text(rack)
    result = project(TESTS, "--bench=rack.toml", bench=OTHER)
    result.assert_outcomes(passed=6, skipped=3, failed=2)
    result.stdout.fnmatch_lines(
        [
            "bench: rack.toml (rack.toml)",
            "*BenchError: reset: got 'lorry', expected a name of [[]reset[]]: car",
            "*BenchError: set: got 'feul', expected a name of [[]set[]] in rack.toml: *",
            "SKIPPED * bench rack.toml cannot inject.drop: no simulator runs on it",
            "SKIPPED * bench rack.toml cannot set fuel: rack.toml does not say how",
            "SKIPPED * bench rack.toml cannot request gearbox: rack.toml does not say how",
        ]
    )
    assert relays[0].heard(3) == ["RELAY 1 0", "RELAY 1 1", "RELAY 1 0"]
    assert relays[1].heard(1) == ["PRESS"]


def test_what_is_set_is_released_when_a_run_is_interrupted(project, pytester, rack, relays):
    (pytester.path / "rack.toml").write_text(rack)
    result = project(
        """
        import pytest

        def test_interrupted(bench):
            bench.set("door", 1)
            raise KeyboardInterrupt
        """,
        "--bench=rack.toml",
        subprocess=True,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert relays[0].heard(3) == ["RELAY 1 0", "RELAY 1 1", "RELAY 1 0"]


def test_a_bench_has_one_user_at_a_time(project, pytester, rack):
    (pytester.path / "rack.toml").write_text(rack)
    pytester.makeconftest("""
        import os
        import subprocess
        import sys

        def pytest_collection_modifyitems(items):
            if os.environ.get("INNER"):
                del items[1:]
    """)
    result = project(
        """
        import os
        import subprocess
        import sys

        def test_first(bench): ...

        def test_second_run(bench):
            command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider"]
            environment = {**os.environ, "INNER": "1"}
            run = subprocess.run(
                [*command, "--bench=rack.toml"], env=environment, capture_output=True, text=True
            )
            assert f"bench: --bench=rack.toml is in use by process {os.getpid()}" in run.stdout
        """,
        "--bench=rack.toml",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("program = ['", "program = ['/nonexistent/"), "set: engine.coolant_temp: *No such file*"),
        (('message = "EcuCommand"', 'message = "EcuComand"'), "send: got 'EcuComand', expected*"),
        (('port = "/dev', 'port = "/nodev'), "set: door: *could not open port*"),
        (
            ("car.ENGINE_TEMP=", "car.TEMP="),
            "set: engine.coolant_temp: */python* ended with st*2:*",
        ),
        (('interface = "firmware_sim"', 'interface = "socketcan"'), "the bench is not complete: *"),
    ],
)
def test_what_is_amiss_with_the_rack_is_told_in_a_line(project, pytester, rack, change, message):
    (pytester.path / "rack.toml").write_text(rack.replace(*change))
    result = project("def test_one(bench): ...", "--bench=rack.toml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"bench: {message}"])
    result.stdout.no_fnmatch_line("*Traceback*")
