"""Every kind of simulated device, and firmware of one's own, up to the gateway's rules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import can
import pytest

from firmware_sim.testing import running, unique_name

pytestmark = pytest.mark.slow

FIRMWARE = Path(__file__).with_name("firmware.c")
COMPILER = shutil.which("cc") or shutil.which("gcc")

DEVICES = """
[[bus]]
name = "can0"

[[device]]
name = "car"
type = "f1-car"
bus = "can0"

[[device]]
name = "wind"
type = "wind"
port = "wind"
[device.initial]
depth = 2.5

[[device]]
name = "engine"
type = "modbus-slave"
port = "modbus"
address = 17
[device.initial]
coolant_temp = 107.3

[[device]]
name = "imu"
type = "framed-sensor"
port = "imu"
[device.initial]
az = -3.25
"""

GATEWAY = """
[[source]]
name = "wind"
type = "serial"
port = "{ports}/wind"
protocol = "nmea0183"

[[source]]
name = "plant"
type = "modbus"
port = "{ports}/modbus"
every = "50ms"
[[source.devices]]
name = "engine"
address = 17
registers = [{{ name = "coolant", kind = "input", address = 0, type = "i16", scale = 0.1 }}]

[[source]]
name = "imu"
type = "serial"
port = "{ports}/imu"
protocol = "framed"
[[source.frames]]
name = "motion"
id = 1
fields = [{{ name = "ax" }}, {{ name = "ay" }}, {{ name = "az" }}]

[[source]]
name = "obd"
type = "obd"
interface = "firmware_sim"
channel = "{namespace}.can0"
values = ["coolant_temp"]
every = "50ms"

[[rule]]
name = "shallow"
signal = "DPT.depth_below_transducer"
below = 3.0

[[rule]]
name = "plant_hot"
signal = "coolant"
above = 107.0

[[rule]]
name = "upside_down"
signal = "az"
below = 0.0

[[rule]]
name = "engine_warm"
signal = "obd.live.coolant_temp"
above = 60.0
"""


def alarms_of(configuration, folder, seconds="5"):
    """The first event of every rule while the gateway runs."""
    ran = subprocess.run(
        [sys.executable, "-m", "gateway", "run", configuration, "--seconds", seconds,
         "--alarms", "-"],
        env={**os.environ, "RUNTIME_DIRECTORY": str(folder / "run")},
        capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    events = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    return {event["rule"]: event for event in reversed(events)}, ran.stdout + ran.stderr


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path


def test_serial_devices_and_those_that_must_be_asked_reach_the_rules(folder):
    (folder / "devices.toml").write_text(DEVICES)
    namespace = unique_name()
    (folder / "gateway.toml").write_text(GATEWAY.format(ports=folder, namespace=namespace))
    scenario = str(folder / "devices.toml")
    with running("run", scenario, "--namespace", namespace, "--ports", str(folder)):
        first, said = alarms_of(str(folder / "gateway.toml"), folder)
    assert {rule: event["value"] for rule, event in first.items() if rule != "engine_warm"} == {
        "shallow": 2.5,
        "plant_hot": pytest.approx(107.3),
        "upside_down": -3.25,
    }
    assert 60 < first["engine_warm"]["value"] < 130
    assert "every stage adds up" in said


@pytest.fixture
def firmware(folder):
    """The test's own firmware, compiled, in a scenario that starts it."""
    if COMPILER is None:
        pytest.skip("no C compiler: sudo apt install gcc")
    program = folder / "firmware"
    subprocess.run([COMPILER, "-Wall", "-Wextra", "-Werror", "-o", program, FIRMWARE], check=True)
    (folder / "firmware.toml").write_text(
        '[[bus]]\nname = "can0"\n'
        '[[device]]\nname = "ecu"\ntype = "process"\nbus = "can0"\nport = "uart"\n'
        'command = ["./firmware", "{bus}", "{uart}"]\n'
    )
    namespace = unique_name()
    arguments = ["--namespace", namespace, "--ports", str(folder), "--log-format", "json"]
    scenario = str(folder / "firmware.toml")
    with running("run", scenario, *arguments, stdout=subprocess.PIPE) as simulator:
        simulator.namespace = namespace
        yield simulator


def test_firmware_of_ones_own_is_heard_on_bus_and_serial_port(firmware, folder):
    channel = f"{firmware.namespace}.can0"
    (folder / "ecu.dbc").write_text(
        'VERSION ""\nBU_: Ecu\nBO_ 801 Count: 4 Ecu\n SG_ COUNT : 0|32@1+ (1,0) [0|0] "" Ecu\n'
    )
    (folder / "gateway.toml").write_text(
        f'[[source]]\nname = "can0"\ntype = "can"\ninterface = "firmware_sim"\n'
        f'channel = "{channel}"\ndbc = ["ecu.dbc"]\n'
        f'[[source]]\nname = "uart"\ntype = "serial"\nport = "{folder}/uart"\n'
        'protocol = "lines"\nfields = [{ name = "ticks" }]\n'
        '[[rule]]\nname = "counting"\nsignal = "COUNT"\nabove = 0\n'
        '[[rule]]\nname = "ticking"\nsignal = "ticks"\nabove = 0\n'
    )
    first, said = alarms_of(str(folder / "gateway.toml"), folder)
    assert set(first) == {"counting", "ticking"}
    assert "every stage adds up" in said


@pytest.fixture
def bus(firmware):
    """The bus, which the firmware has joined: it has been heard there."""
    with can.Bus(f"{firmware.namespace}.can0", interface="firmware_sim") as bus:
        assert bus.recv(timeout=30)
        yield bus


def test_firmware_of_ones_own_answers(bus):
    bus.send(can.Message(arbitration_id=0x322, data=b"\x0f\xa0", is_extended_id=False))
    answer = next(message for message in bus if message.arbitration_id == 0x323)
    assert answer.data == b"\xf0\x5f"


def test_firmware_that_ends_is_noticed_and_the_rest_goes_on(firmware, bus):
    bus.send(can.Message(arbitration_id=0x3FF, data=b"\x05", is_extended_id=False))
    state = "running"
    while state == "running":
        found = subprocess.run(
            [sys.executable, "-m", "firmware_sim", "state", "--control", firmware.namespace,
             "--json"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        state = json.loads(found.stdout)["devices"]["ecu"]["state"]
    assert state == "exited 5"
    assert firmware.poll() is None
