"""What a configuration wants of the machine."""

from __future__ import annotations

import pytest

from gateway.config.load import load_config
from gateway.doctor.wanted import asks_for_fd, can_sources, serial_ports

TOML = """
[[source]]
name = "bus"
type = "can"
channel = "can0"
fd = true

[[source]]
name = "engine"
type = "obd"
channel = "can1"
values = ["rpm"]

[[source]]
name = "adapter"
type = "can"
interface = "slcan"
channel = "/dev/ttyACM0@115200"

[[source]]
name = "elsewhere"
type = "can"
interface = "socketcand"
channel = "can2"

[[source]]
name = "gps"
type = "serial"
port = "/dev/gps"
protocol = "nmea0183"

[[source]]
name = "plant"
type = "modbus"
port = "/dev/rs485"
[[source.devices]]
name = "pump"
address = 1
registers = [{ name = "pressure", address = 0 }]
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "c.toml").write_text(TOML)
    return load_config(tmp_path / "c.toml")


def test_interfaces_of_this_kernel_are_those_of_every_source_on_a_bus_of_it(config):
    assert [each.channel for each in can_sources(config)] == ["can0", "can1"]
    assert [asks_for_fd(each) for each in can_sources(config)] == [True, False]


def test_serial_ports_are_those_of_every_source_on_a_line(config):
    assert serial_ports(config) == ["/dev/ttyACM0", "/dev/gps", "/dev/rs485"]


def test_without_a_configuration_nothing_is_wanted():
    assert can_sources(None) == []
    assert serial_ports(None) == []
    assert not asks_for_fd(None)
