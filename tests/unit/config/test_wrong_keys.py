"""Keys that are missing, unknown or in the wrong place, and the line a person sees for each."""

from __future__ import annotations

import pytest

CAN = """\
[[source]]
name = "can0"
type = "can"
channel = "can0"
"""
GPS = """\
[[source]]
name = "gps"
type = "serial"
port = "/dev/ttyUSB0"
protocol = "nmea0183"
"""
DRIVE = """\
[[source]]
name = "drive"
type = "replay"
path = "drive.log"
"""
NAME = "1 to 32 letters, digits, '_' or '-'"

WRONG = {
    "an empty file": (
        "",
        "source: got nothing, expected at least one [[source]] table",
    ),
    "no sources": (
        "source = []\n",
        "source: got nothing, expected at least one [[source]] table",
    ),
    "a table in the plural": (
        "[[sources]]\n" + CAN,
        "sources: got an unknown key, expected source",
    ),
    "an unknown table": (
        "[mqtt]\n" + CAN,
        "mqtt: got an unknown key, expected gateway, analyzers, alarms, source, transmit or rule",
    ),
    "the file's own name as a key": (
        "file = 'a'\n" + CAN,
        "file: got an unknown key, expected gateway, analyzers, alarms, source, transmit or rule",
    ),
    "an unknown key that is close to a known one": (
        GPS + "baud = 4800\n",
        'source "gps".baud: got an unknown key, expected baudrate',
    ),
    "a key of another type of source": (
        CAN + "port = 'a'\n",
        'source "can0".port: got an unknown key, expected type, name, interface, channel,'
        " bitrate, fd, dbc, signals, filters or options",
    ),
    "an unknown key with blanks in it": (
        "[analyzers]\n'the count' = 1\n" + CAN,
        "analyzers.'the count': got an unknown key, expected count",
    ),
    "a missing name": (
        "[[source]]\ntype = 'can'\nchannel = 'can0'\n",
        f"source #1.name: got nothing, expected {NAME}",
    ),
    "a missing channel": (
        "[[source]]\ntype = 'can'\nname = 'can0'\n",
        'source "can0".channel: got nothing, expected text that is not empty',
    ),
    "a missing protocol": (
        GPS.replace('protocol = "nmea0183"', ""),
        "source \"gps\".protocol: got nothing, expected 'nmea0183', 'lines', 'csv' or 'framed'",
    ),
    "a missing recording": (
        DRIVE.replace('path = "drive.log"', "channels = { can0 = [] }"),
        'source "drive".path: got nothing, expected the path of a file'
        " or a list, each item the path of a file",
    ),
    "a missing signal": (
        CAN + "[[rule]]\nname = 'hot'\nabove = 1\n",
        'rule "hot".signal: got nothing, expected text that is not empty',
    ),
    "a missing type": (
        "[[source]]\nname = 'can0'\n",
        "source \"can0\".type: got nothing, expected 'can', 'serial', 'replay', 'modbus' or 'obd'",
    ),
}


@pytest.mark.parametrize(("text", "error"), WRONG.values(), ids=WRONG)
def test_a_wrong_key_is_told_with_what_it_may_be(text, error, errors_in):
    assert errors_in(text) == [error]
