"""Faults on ports that no simulated device drives: an slcan adapter's, and firmware's own."""

import sys

import pytest
import serial

from firmware_sim import testing

TIMEOUT_S = 30.0

ADAPTER = """
[[bus]]
name = "can0"
[[device]]
name = "load"
type = "load"
bus = "can0"
rate = 100
period_ms = 10
[[device]]
name = "adapter"
type = "slcan"
bus = "can0"
port = "adapter"
"""
ECHO = """
import os, sys
line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
while data := os.read(line, 100):
    os.write(line, data)
"""
FIRMWARE = """
[[device]]
name = "echo"
type = "process"
command = ["{python}", "echo.py", "{{uart}}"]
port = "echo"
"""


@pytest.fixture
def running(tmp_path):
    """Write a scenario and return what runs it."""

    def start(text):
        (tmp_path / "echo.py").write_text(ECHO)
        file = tmp_path / "scenario.toml"
        file.write_text(text)
        return testing.running_scenario(file, tmp_path / "ports")

    return start


def opened(port):
    return serial.Serial(str(port), timeout=TIMEOUT_S)


def next_number(line):
    """Return the number in the load's next frame, which must be whole."""
    text = line.read_until(b"\r")
    assert text.startswith(b"t1008"), text
    return int.from_bytes(bytes.fromhex(text[5:13].decode()), "little")


def is_doubled(line):
    """Return whether each of the next frames comes twice."""
    numbers = [next_number(line) for _ in range(8)]
    return len(set(numbers)) <= 5


def test_an_adapter_s_lines_can_be_doubled_and_are_single_again(running):
    with running(ADAPTER) as scenario, opened(scenario.ports / "adapter") as line:
        line.write(b"O\r")
        assert line.read_until(b"\r") == b"\r"
        assert not is_doubled(line)
        number = scenario.inject("duplicate", "adapter")
        while not is_doubled(line):
            pass
        assert scenario.clear(number) > 0
        while is_doubled(line):
            pass
        first = next_number(line)
        assert [next_number(line) for _ in range(5)] == list(range(first + 1, first + 6))


def test_an_adapter_that_is_unplugged_is_gone_and_comes_back(running):
    with running(ADAPTER) as scenario:
        path = scenario.ports / "adapter"
        number = scenario.inject("unplug", "adapter")
        assert not path.is_symlink()
        assert not scenario.ask("state")["ports"]["adapter"]["plugged"]
        scenario.clear(number)
        with opened(path) as line:
            line.write(b"V\r")
            assert line.read_until(b"\r") == b"V1013\r"


def test_what_firmware_says_can_be_spoilt_and_is_right_again(running):
    firmware = FIRMWARE.format(python=sys.executable)
    with running(firmware) as scenario, opened(scenario.ports / "echo") as line:
        line.write(b"hello\n")
        assert line.read_until(b"\n") == b"hello\n"
        number = scenario.inject("truncate", "echo", length=3)
        line.write(b"again\n")
        assert line.read(3) == b"aga"
        assert scenario.clear(number) == 1
        line.write(b"right\n")
        assert line.read_until(b"\n") == b"right\n"


def test_firmware_hears_at_the_wrong_speed(running):
    firmware = FIRMWARE.format(python=sys.executable)
    with running(firmware) as scenario, opened(scenario.ports / "echo") as line:
        line.write(b"hello\n")
        assert line.read_until(b"\n") == b"hello\n"
        number = scenario.inject("wrong_baud", "echo", factor=0.5)
        line.write(b"hello\n")
        while not scenario.ask("state")["faults"][0]["effects"]:
            pass
        scenario.clear(number)
        line.write(b"\n")
        assert line.read_until(b"\n") != b"hello\n"
