"""A running scenario does what it is asked to over its control socket."""

import json
import socket
import subprocess
import sys
import time

import pytest

from firmware_sim import testing
from firmware_sim.control import ADDRESS, ask, running_scenarios
from firmware_sim.errors import ControlError, RequestError

SCENARIO = """
[[bus]]
name = "can0"
[[device]]
name = "load"
type = "load"
bus = "can0"
rate = 100
[[device]]
name = "adapter"
type = "slcan"
bus = "can0"
port = "slcan0"
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """The control name of a scenario that runs."""
    folder = tmp_path_factory.mktemp("control")
    file = folder / "scenario.toml"
    file.write_text(SCENARIO)
    name = testing.unique_name("control")
    with testing.running("run", str(file), "--namespace", name, "--ports", str(folder)):
        yield name


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "firmware_sim", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_state_tells_of_buses_ports_and_devices(scenario):
    state = ask(scenario, {"do": "state"})
    assert state["t_ns"] > 0
    assert state["buses"]["can0"]["channel"] == f"{scenario}.can0"
    assert [node["name"] for node in state["buses"]["can0"]["nodes"]] == ["load", "adapter"]
    assert state["ports"]["adapter"]["plugged"]
    assert {name: device["type"] for name, device in state["devices"].items()} == {
        "load": "load",
        "adapter": "slcan",
    }


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (
            {},
            "do: got nothing, expected one of 'state', 'set', 'release', 'reset', "
            "'inject', 'clear'",
        ),
        (
            {"do": "fly"},
            "do: got 'fly', expected one of 'state', 'set', 'release', 'reset', 'inject', 'clear'",
        ),
        ({"do": "set", "device": "load"}, "values: got nothing, expected a value"),
        (
            {"do": "reset", "device": "load", "at": 3},
            "at: got an unknown key, expected one of 'do', 'device'",
        ),
        (
            {"do": "set", "device": "cra", "values": {"A": 1.0}},
            "device: got 'cra', expected one of 'load', 'adapter'",
        ),
        (
            {"do": "set", "device": "load", "values": {"A": 1.0}},
            "values.A: got an unknown input, expected none, for there is no input",
        ),
        (
            {"do": "inject", "fault": {"kind": "drop", "on": "laod"}},
            "on: got 'laod', expected one of 'load', 'adapter', 'can0'",
        ),
        (
            {"do": "inject", "fault": {"kind": "drop", "on": "load", "of": 1}},
            "fault.of: got an unknown key, expected one of 'kind', 'on', 'at', 'when', 'for', "
            "'seed', 'rate'",
        ),
        (
            {"do": "inject", "fault": {"kind": "bus_off", "on": "load"}},
            "on: got 'load', expected a bus with a bit_rate: without, it has no physical layer",
        ),
        ({"do": "clear", "id": 77}, "id: got 77, expected none, for there is no fault"),
        (
            {"do": "reset", "device": "load"},
            "device: got 'load', expected a device that can be reset",
        ),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(scenario, request_, error):
    with pytest.raises(RequestError) as refused:
        ask(scenario, request_)
    assert str(refused.value) == error


def test_a_fault_is_injected_told_of_and_cleared(scenario):
    number = ask(scenario, {"do": "inject", "fault": {"kind": "drop", "on": "load"}})["id"]
    (fault,) = ask(scenario, {"do": "state"})["faults"]
    assert (fault["id"], fault["kind"], fault["on"]) == (number, "drop", "load")
    assert (fault["rate"], fault["state"]) == (1.0, "running")
    while not ask(scenario, {"do": "state"})["faults"][0]["effects"]:
        pass
    carried = ask(scenario, {"do": "state"})["buses"]["can0"]["frames"]
    assert ask(scenario, {"do": "clear", "id": number})["effects"] > 0
    assert ask(scenario, {"do": "state"})["faults"] == []
    while ask(scenario, {"do": "state"})["buses"]["can0"]["frames"] == carried:
        pass


def test_a_fault_ends_by_itself_after_its_time(scenario):
    fault = {"kind": "drop", "on": "load", "for": "50ms"}
    ask(scenario, {"do": "inject", "fault": fault})
    while ask(scenario, {"do": "state"})["faults"][0]["state"] == "running":
        pass
    (told,) = ask(scenario, {"do": "state"})["faults"]
    assert (told["state"], told["effects"]) == ("over", 5)
    assert ask(scenario, {"do": "clear"})["effects"] == 5


def test_each_answer_says_when_it_was_obeyed(scenario):
    before = time.monotonic_ns()
    state = ask(scenario, {"do": "state"})
    assert before <= state["monotonic_ns"] <= time.monotonic_ns()
    assert 0 <= state["monotonic_ns"] - state["start_ns"] - state["t_ns"] < 10_000_000_000


def test_requests_are_answered_in_order_whatever_the_pieces_they_come_in(scenario):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(30)
        sock.connect(ADDRESS + scenario)
        sock.sendall(b'{"do": "state"}\nno JSON\n{"do": ')
        sock.sendall(b'"fly"}\n')
        with sock.makefile("rb") as answers:
            first, second, third = (json.loads(answers.readline()) for _ in range(3))
    assert first["ok"]
    assert second == {"ok": False, "error": "request: got 'no JSON', expected JSON"}
    assert third["error"].startswith("do: got 'fly'")


def test_a_scenario_is_found_by_its_name_as_long_as_it_runs(scenario):
    assert scenario in running_scenarios()
    with pytest.raises(ControlError, match="no scenario is controlled as 'nobody-here'"):
        ask("nobody-here", {"do": "state"})


def test_the_commands_say_what_the_scenario_answers(scenario):
    shown = command("state", "--control", scenario)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"bus can0: {scenario}.can0" in shown.stdout
    told = command("state", "--control", scenario, "--json")
    assert json.loads(told.stdout)["ok"]
    injected = command(
        "inject", "--control", scenario, "drop", "load", "--rate", "0.5", "--for", "1h"
    )
    assert (injected.returncode, injected.stderr) == (0, "")
    (fault,) = ask(scenario, {"do": "state"})["faults"]
    assert (fault["id"], fault["rate"], fault["for"]) == (int(injected.stdout), 0.5, "1h")
    cleared = command("clear", "--control", scenario, injected.stdout.strip())
    assert cleared.returncode == 0
    assert int(cleared.stdout) >= 0
    assert ask(scenario, {"do": "state"})["faults"] == []
    refused = command("set", "--control", scenario, "load.RPM=3")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "firmware-sim: values.RPM: got an unknown input, expected none, for there is no input\n"
    )
