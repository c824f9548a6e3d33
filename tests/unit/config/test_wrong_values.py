"""Values of the wrong kind or range, and the line a person sees for each."""

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
RULE = """\
[[rule]]
name = "hot"
signal = "TEMP"
"""
DRIVE = """\
[[source]]
name = "drive"
type = "replay"
path = "drive.log"
"""
NAME = "1 to 32 letters, digits, '_' or '-'"
DURATION = "a duration such as '500ms', '2s' or '1.5m', at most '8760h'"

WRONG = {
    "an unknown type of source": (
        CAN.replace('"can"', '"canbus"'),
        "source \"can0\".type: got 'canbus', expected 'can', 'serial', 'replay', 'modbus' or 'obd'",
    ),
    "a type that is not text": (
        CAN.replace('"can"', "[1]"),
        "source \"can0\".type: got [1], expected 'can', 'serial', 'replay', 'modbus' or 'obd'",
    ),
    "one table where a list of them belongs": (
        CAN.replace("[[source]]", "[source]"),
        "source: got a table, expected a list of tables, headed [[ ]]",
    ),
    "numbers where tables belong": (
        "source = [1]\n",
        "source #1: got 1, expected a table",
    ),
    "text where a table belongs": (
        "gateway = 'car'\n" + CAN,
        "gateway: got 'car', expected a table",
    ),
    "a list of tables where one belongs": (
        "[[gateway]]\n" + CAN,
        "gateway: got [a table], expected a table",
    ),
    "a name with a blank": (
        CAN.replace('"can0"', '"can 0"', 1),
        f"source #1.name: got 'can 0', expected {NAME}",
    ),
    "a name with a newline at its end": (
        CAN.replace('"can0"', '"can0\\n"', 1),
        f'source #1.name: got "can0\\n", expected {NAME}',
    ),
    "text where a number belongs": (
        GPS + "baudrate = '9600'\n",
        "source \"gps\".baudrate: got '9600', expected an integer from 1 to 100000000",
    ),
    "a fraction where an integer belongs": (
        "[analyzers]\ncount = 2.0\n" + CAN,
        "analyzers.count: got 2.0, expected an integer from 1 to 64",
    ),
    "true where an integer belongs": (
        "[analyzers]\ncount = true\n" + CAN,
        "analyzers.count: got true, expected an integer from 1 to 64",
    ),
    "an integer that is too small": (
        "[analyzers]\ncount = 0\n" + CAN,
        "analyzers.count: got 0, expected an integer from 1 to 64",
    ),
    "an integer that is too large": (
        "[gateway]\nring_capacity = 16_777_217\n" + CAN,
        "gateway.ring_capacity: got 16777217, expected an integer from 64 to 16777216",
    ),
    "an integer beyond all measure": (
        f"[gateway]\nring_capacity = 0x{'f' * 6000}\n" + CAN,
        "gateway.ring_capacity: got a huge integer, expected an integer from 64 to 16777216",
    ),
    "a number where true or false belongs": (
        CAN + "fd = 1\n",
        'source "can0".fd: got 1, expected true or false',
    ),
    "a number where text belongs": (
        CAN.replace('channel = "can0"', "channel = 0"),
        'source "can0".channel: got 0, expected text that is not empty',
    ),
    "empty text": (
        CAN.replace('channel = "can0"', "channel = ''"),
        "source \"can0\".channel: got '', expected text that is not empty",
    ),
    "text where a list belongs": (
        CAN + "dbc = 'car.dbc'\n",
        "source \"can0\".dbc: got 'car.dbc', expected a list, each item the path of a file",
    ),
    "a number in a list of files": (
        CAN + "dbc = ['car.dbc', 5]\n",
        'source "can0".dbc #2: got 5, expected the path of a file',
    ),
    "a value that is not listed": (
        CAN + RULE + "above = 1\nseverity = 'sever'\n",
        "rule \"hot\".severity: got 'sever', expected 'info', 'warning' or 'critical'",
    ),
    "a number that is not listed": (
        GPS + "bytesize = 9\n",
        'source "gps".bytesize: got 9, expected 5, 6, 7 or 8',
    ),
    "a date where a number belongs": (
        CAN + RULE + "above = 2026-11-21\n",
        'rule "hot".above: got 2026-11-21, expected a finite number',
    ),
    "a threshold that is not a number": (
        CAN + RULE + "above = nan\n",
        'rule "hot".above: got nan, expected a finite number',
    ),
    "a threshold without end": (
        CAN + RULE + "below = -inf\n",
        'rule "hot".below: got -inf, expected a finite number',
    ),
    "a deadband below 0": (
        CAN + RULE + "above = 1\ndeadband = -0.5\n",
        'rule "hot".deadband: got -0.5, expected a finite number >= 0',
    ),
    "a speed of 0": (
        DRIVE + "channels = { can0 = [] }\nspeed = 0\n",
        "source \"drive\".speed: got 0, expected a number from 0.001 to 1000000 or 'max'",
    ),
    "a speed in words": (
        DRIVE + "channels = { can0 = [] }\nspeed = 'fast'\n",
        "source \"drive\".speed: got 'fast', expected a number from 0.001 to 1000000 or 'max'",
    ),
    "a speed at which an hour would take centuries": (
        DRIVE + "channels = { can0 = [] }\nspeed = 1e-9\n",
        "source \"drive\".speed: got 1e-09, expected a number from 0.001 to 1000000 or 'max'",
    ),
    "a rate at which the second sentence comes when 64 bits of nanoseconds are over": (
        DRIVE + "protocol = 'nmea0183'\nrate = 1e-10\n",
        'source "drive".rate: got 1e-10, expected a number from 0.001 to 1000000',
    ),
    "an option that is a list": (
        CAN + "options = { serial = [1] }\n",
        'source "can0".options.serial: got [1], expected text, an integer, a number'
        " or true or false",
    ),
    "a filter that is none": (
        CAN + "filters = ['123:7FF', '12G:7FF']\n",
        "source \"can0\".filters #2: got '12G:7FF', expected a filter as candump takes it,"
        " such as '123:7FF' or '200~700'",
    ),
    "a filter of error frames, which are always read": (
        CAN + "filters = ['#FFFFFFFF']\n",
        "source \"can0\".filters #1: got '#FFFFFFFF', expected a filter as candump takes it,"
        " such as '123:7FF' or '200~700'",
    ),
    "filters in a word": (
        CAN + "filters = 'known'\n",
        "source \"can0\".filters: got 'known', expected a list, each item a filter as candump"
        " takes it, such as '123:7FF' or '200~700' or 'wanted'",
    ),
    "long text, which is cut": (
        CAN + f"fd = '{'x' * 200}'\n",
        f'source "can0".fd: got \'{"x" * 56}..., expected true or false',
    ),
}

WRONG_DURATIONS = {
    "a duration without a unit": (
        CAN + RULE + "above = 1\non_delay = 500\n",
        f'rule "hot".on_delay: got 500, expected {DURATION}',
    ),
    "a duration with an unknown unit": (
        CAN + RULE + "above = 1\non_delay = '5 days'\n",
        f"rule \"hot\".on_delay: got '5 days', expected {DURATION}",
    ),
    "a duration below 0": (
        CAN + RULE + "above = 1\noff_delay = '-1s'\n",
        f"rule \"hot\".off_delay: got '-1s', expected {DURATION}",
    ),
    "a duration of more than a year": (
        CAN + RULE + "stale_after = '8761h'\n",
        f"rule \"hot\".stale_after: got '8761h', expected {DURATION}",
    ),
    "a duration of hundreds of digits": (
        CAN + RULE + f"stale_after = '{'9' * 400}s'\n",
        f'rule "hot".stale_after: got \'{"9" * 56}..., expected {DURATION}',
    ),
    "a duration that is a number of thousands of digits": (
        CAN + RULE + f"stale_after = 0x{'f' * 5_000}\n",
        f'rule "hot".stale_after: got a huge integer, expected {DURATION}',
    ),
    "a duration that is tables without end": (
        CAN + RULE + f"stale_after{'.a' * 2_000} = 1\n",
        f'rule "hot".stale_after: got a table, expected {DURATION}',
    ),
}


@pytest.mark.parametrize(
    ("text", "error"),
    [*WRONG.values(), *WRONG_DURATIONS.values()],
    ids=[*WRONG, *WRONG_DURATIONS],
)
def test_a_wrong_value_is_told_with_what_would_be_right(text, error, errors_in):
    assert errors_in(text) == [error]


def test_all_errors_are_told_in_the_order_of_the_file(errors_in):
    text = "[analyzers]\ncount = 0\n" + GPS + "baud = 1\nparity = 'X'\n" + RULE + "above = 'x'\n"
    assert errors_in(text) == [
        "analyzers.count: got 0, expected an integer from 1 to 64",
        'source "gps".baud: got an unknown key, expected baudrate',
        "source \"gps\".parity: got 'X', expected 'N', 'E', 'O', 'M' or 'S'",
        "rule \"hot\".above: got 'x', expected a finite number",
    ]
