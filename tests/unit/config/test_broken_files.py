"""Every kind of broken configuration, and the one line that a person sees for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.load import load_config
from gateway.errors import ConfigError

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
CSV = GPS.replace("nmea0183", "csv")
LINES = GPS.replace("nmea0183", "lines")
FRAMED = GPS.replace("nmea0183", "framed")
DRIVE = """\
[[source]]
name = "drive"
type = "replay"
path = "drive.log"
"""
NAME = "1 to 32 letters, digits, '_' or '-'"
DURATION = "a duration such as '500ms', '2s' or '1.5m', at most '8760h'"

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a recording and a database in it."""
    (tmp_path / "drive.log").touch()
    (tmp_path / "car.dbc").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)


def errors_in(text: str) -> list[str]:
    Path("car.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config("car.toml")
    return [str(error) for error in (caught.value, *caught.value.others)]


def case(name: str, text: str, *lines: str):
    return pytest.param(text, [f"car.toml: {line}" for line in lines], id=name)


SYNTAX = [
    case(
        "a line without an equals sign",
        "[gateway]\nname 'car'\n",
        "line 2, column 6: got \"name 'car'\", expected TOML"
        " (Expected '=' after a key in a key/value pair)",
    ),
    case(
        "a key that is given twice",
        "[gateway]\nname = 'a'\nname = 'b'\n",
        "line 3, column 11: got \"name = 'b'\", expected TOML (Cannot overwrite a value)",
    ),
    case(
        "a table that is given twice",
        "[gateway]\n[gateway]\n",
        "line 2, column 9: got '[gateway]', expected TOML (Cannot declare ('gateway',) twice)",
    ),
    case(
        "an end inside a value",
        "[gateway]\nname =",
        "line 2: got the end of the file, expected TOML (Invalid value)",
    ),
    case(
        "a character that TOML does not allow",
        "name = 'a\x07b'\n",
        "line 1, column 10: got \"name = 'a\\u0007b'\", expected TOML"
        " (Found invalid character '\\\\x07')",
    ),
    case(
        "lists nested without end",
        "a = " + "[" * 100_000,
        "got lists in lists in lists ..., expected TOML",
    ),
    case(
        "a number of thousands of digits",
        "a = " + "9" * 5_000,
        "got text that is not TOML, expected TOML (Exceeds the limit (4300 digits) for integer"
        " string conversion: value has 5000 digits; use sys.set_int_max_str_digits()"
        " to increase the limit)",
    ),
]

KEYS = [
    case("an empty file", "", "source: got nothing, expected at least one [[source]] table"),
    case(
        "no sources",
        "source = []\n",
        "source: got nothing, expected at least one [[source]] table",
    ),
    case(
        "a table in the plural",
        "[[sources]]\n" + CAN,
        "sources: got an unknown key, expected source",
    ),
    case(
        "an unknown table",
        "[mqtt]\n" + CAN,
        "mqtt: got an unknown key, expected gateway, analyzers, alarms, source, transmit or rule",
    ),
    case(
        "the file's own name as a key",
        "file = 'a'\n" + CAN,
        "file: got an unknown key, expected gateway, analyzers, alarms, source, transmit or rule",
    ),
    case(
        "an unknown key that is close to a known one",
        GPS + "baud = 4800\n",
        'source "gps".baud: got an unknown key, expected baudrate',
    ),
    case(
        "a key of another type of source",
        CAN + "port = 'a'\n",
        'source "can0".port: got an unknown key, expected type, name, interface, channel,'
        " bitrate, fd, dbc, signals, filters or options",
    ),
    case(
        "an unknown key with blanks in it",
        "[analyzers]\n'the count' = 1\n" + CAN,
        "analyzers.'the count': got an unknown key, expected count",
    ),
    case(
        "a missing name",
        "[[source]]\ntype = 'can'\nchannel = 'can0'\n",
        f"source #1.name: got nothing, expected {NAME}",
    ),
    case(
        "a missing channel",
        "[[source]]\ntype = 'can'\nname = 'can0'\n",
        'source "can0".channel: got nothing, expected text that is not empty',
    ),
    case(
        "a missing protocol",
        GPS.replace('protocol = "nmea0183"', ""),
        "source \"gps\".protocol: got nothing, expected 'nmea0183', 'lines', 'csv' or 'framed'",
    ),
    case(
        "a missing recording",
        DRIVE.replace('path = "drive.log"', "channels = { can0 = [] }"),
        'source "drive".path: got nothing, expected the path of a file'
        " or a list, each item the path of a file",
    ),
    case(
        "a missing signal",
        CAN + "[[rule]]\nname = 'hot'\nabove = 1\n",
        'rule "hot".signal: got nothing, expected text that is not empty',
    ),
    case(
        "a missing type",
        "[[source]]\nname = 'can0'\n",
        "source \"can0\".type: got nothing, expected 'can', 'serial', 'replay', 'modbus' or 'obd'",
    ),
]

VALUES = [
    case(
        "an unknown type of source",
        CAN.replace('"can"', '"canbus"'),
        "source \"can0\".type: got 'canbus', expected 'can', 'serial', 'replay', 'modbus' or 'obd'",
    ),
    case(
        "a type that is not text",
        CAN.replace('"can"', "[1]"),
        "source \"can0\".type: got [1], expected 'can', 'serial', 'replay', 'modbus' or 'obd'",
    ),
    case(
        "one table where a list of them belongs",
        CAN.replace("[[source]]", "[source]"),
        "source: got a table, expected a list of tables, headed [[ ]]",
    ),
    case(
        "numbers where tables belong",
        "source = [1]\n",
        "source #1: got 1, expected a table",
    ),
    case(
        "text where a table belongs",
        "gateway = 'car'\n" + CAN,
        "gateway: got 'car', expected a table",
    ),
    case(
        "a list of tables where one belongs",
        "[[gateway]]\n" + CAN,
        "gateway: got [a table], expected a table",
    ),
    case(
        "a name with a blank",
        CAN.replace('"can0"', '"can 0"', 1),
        f"source #1.name: got 'can 0', expected {NAME}",
    ),
    case(
        "a name with a newline at its end",
        CAN.replace('"can0"', '"can0\\n"', 1),
        f'source #1.name: got "can0\\n", expected {NAME}',
    ),
    case(
        "text where a number belongs",
        GPS + "baudrate = '9600'\n",
        "source \"gps\".baudrate: got '9600', expected an integer from 1 to 100000000",
    ),
    case(
        "a fraction where an integer belongs",
        "[analyzers]\ncount = 2.0\n" + CAN,
        "analyzers.count: got 2.0, expected an integer from 1 to 64",
    ),
    case(
        "true where an integer belongs",
        "[analyzers]\ncount = true\n" + CAN,
        "analyzers.count: got true, expected an integer from 1 to 64",
    ),
    case(
        "an integer that is too small",
        "[analyzers]\ncount = 0\n" + CAN,
        "analyzers.count: got 0, expected an integer from 1 to 64",
    ),
    case(
        "an integer that is too large",
        "[gateway]\nring_capacity = 16_777_217\n" + CAN,
        "gateway.ring_capacity: got 16777217, expected an integer from 64 to 16777216",
    ),
    case(
        "an integer beyond all measure",
        f"[gateway]\nring_capacity = 0x{'f' * 6000}\n" + CAN,
        "gateway.ring_capacity: got a huge integer, expected an integer from 64 to 16777216",
    ),
    case(
        "a number where true or false belongs",
        CAN + "fd = 1\n",
        'source "can0".fd: got 1, expected true or false',
    ),
    case(
        "a number where text belongs",
        CAN.replace('channel = "can0"', "channel = 0"),
        'source "can0".channel: got 0, expected text that is not empty',
    ),
    case(
        "empty text",
        CAN.replace('channel = "can0"', "channel = ''"),
        "source \"can0\".channel: got '', expected text that is not empty",
    ),
    case(
        "text where a list belongs",
        CAN + "dbc = 'car.dbc'\n",
        "source \"can0\".dbc: got 'car.dbc', expected a list, each item the path of a file",
    ),
    case(
        "a number in a list of files",
        CAN + "dbc = ['car.dbc', 5]\n",
        'source "can0".dbc #2: got 5, expected the path of a file',
    ),
    case(
        "a value that is not listed",
        CAN + RULE + "above = 1\nseverity = 'sever'\n",
        "rule \"hot\".severity: got 'sever', expected 'info', 'warning' or 'critical'",
    ),
    case(
        "a number that is not listed",
        GPS + "bytesize = 9\n",
        'source "gps".bytesize: got 9, expected 5, 6, 7 or 8',
    ),
    case(
        "a date where a number belongs",
        CAN + RULE + "above = 2026-11-21\n",
        'rule "hot".above: got 2026-11-21, expected a finite number',
    ),
    case(
        "a threshold that is not a number",
        CAN + RULE + "above = nan\n",
        'rule "hot".above: got nan, expected a finite number',
    ),
    case(
        "a threshold without end",
        CAN + RULE + "below = -inf\n",
        'rule "hot".below: got -inf, expected a finite number',
    ),
    case(
        "a deadband below 0",
        CAN + RULE + "above = 1\ndeadband = -0.5\n",
        'rule "hot".deadband: got -0.5, expected a finite number >= 0',
    ),
    case(
        "a speed of 0",
        DRIVE + "channels = { can0 = [] }\nspeed = 0\n",
        "source \"drive\".speed: got 0, expected a number from 0.001 to 1000000 or 'max'",
    ),
    case(
        "a speed in words",
        DRIVE + "channels = { can0 = [] }\nspeed = 'fast'\n",
        "source \"drive\".speed: got 'fast', expected a number from 0.001 to 1000000 or 'max'",
    ),
    case(
        "a speed at which an hour would take centuries",
        DRIVE + "channels = { can0 = [] }\nspeed = 1e-9\n",
        "source \"drive\".speed: got 1e-09, expected a number from 0.001 to 1000000 or 'max'",
    ),
    case(
        "a rate at which the second sentence comes when 64 bits of nanoseconds are over",
        DRIVE + "protocol = 'nmea0183'\nrate = 1e-10\n",
        'source "drive".rate: got 1e-10, expected a number from 0.001 to 1000000',
    ),
    case(
        "an option that is a list",
        CAN + "options = { serial = [1] }\n",
        'source "can0".options.serial: got [1], expected text, an integer, a number'
        " or true or false",
    ),
    case(
        "a filter that is none",
        CAN + "filters = ['123:7FF', '12G:7FF']\n",
        "source \"can0\".filters #2: got '12G:7FF', expected a filter as candump takes it,"
        " such as '123:7FF' or '200~700'",
    ),
    case(
        "a filter of error frames, which are always read",
        CAN + "filters = ['#FFFFFFFF']\n",
        "source \"can0\".filters #1: got '#FFFFFFFF', expected a filter as candump takes it,"
        " such as '123:7FF' or '200~700'",
    ),
    case(
        "filters in a word",
        CAN + "filters = 'known'\n",
        "source \"can0\".filters: got 'known', expected a list, each item a filter as candump"
        " takes it, such as '123:7FF' or '200~700' or 'wanted'",
    ),
    case(
        "long text, which is cut",
        CAN + f"fd = '{'x' * 200}'\n",
        f'source "can0".fd: got \'{"x" * 56}..., expected true or false',
    ),
]

DURATIONS = [
    case(
        "a duration without a unit",
        CAN + RULE + "above = 1\non_delay = 500\n",
        f'rule "hot".on_delay: got 500, expected {DURATION}',
    ),
    case(
        "a duration with an unknown unit",
        CAN + RULE + "above = 1\non_delay = '5 days'\n",
        f"rule \"hot\".on_delay: got '5 days', expected {DURATION}",
    ),
    case(
        "a duration below 0",
        CAN + RULE + "above = 1\noff_delay = '-1s'\n",
        f"rule \"hot\".off_delay: got '-1s', expected {DURATION}",
    ),
    case(
        "a duration of more than a year",
        CAN + RULE + "stale_after = '8761h'\n",
        f"rule \"hot\".stale_after: got '8761h', expected {DURATION}",
    ),
    case(
        "a duration of hundreds of digits",
        CAN + RULE + f"stale_after = '{'9' * 400}s'\n",
        f'rule "hot".stale_after: got \'{"9" * 56}..., expected {DURATION}',
    ),
    case(
        "a duration that is a number of thousands of digits",
        CAN + RULE + f"stale_after = 0x{'f' * 5_000}\n",
        f'rule "hot".stale_after: got a huge integer, expected {DURATION}',
    ),
    case(
        "a duration that is tables without end",
        CAN + RULE + f"stale_after{'.a' * 2_000} = 1\n",
        f'rule "hot".stale_after: got a table, expected {DURATION}',
    ),
]

TOGETHER = [
    case(
        "a rule without a condition",
        CAN + RULE,
        'rule "hot": got no condition, expected exactly one of above, below, outside,'
        " rate_above or stale_after",
    ),
    case(
        "a rule with two conditions",
        CAN + RULE + "below = 2\nabove = 1\n",
        'rule "hot": got above and below, expected exactly one of above, below, outside,'
        " rate_above or stale_after",
    ),
    case(
        "a span that is upside down",
        CAN + RULE + "outside = [5, -5]\n",
        'rule "hot".outside: got [5.0, -5.0], expected [low, high], the lower number first',
    ),
    case(
        "a span without width",
        CAN + RULE + "outside = [5, 5]\n",
        'rule "hot".outside: got [5.0, 5.0], expected [low, high], the lower number first',
    ),
    case(
        "a latency that nobody would wait for",
        "[gateway]\nlatency = '1.5s'\n" + CAN,
        "gateway.latency: got 1.5 s, expected at most '1s'",
    ),
    case(
        "a span of three numbers",
        CAN + RULE + "outside = [1, 2, 3]\n",
        'rule "hot".outside: got [1, 2, 3], expected [low, high], two finite numbers,'
        " the lower first",
    ),
    case(
        "a span with a deadband that meets in the middle",
        CAN + RULE + "outside = [0, 10]\ndeadband = 5.5\n",
        'rule "hot".deadband: got 5.5, expected at most half the width of outside, 5.0'
        " (or it would never clear)",
    ),
    case(
        "silence that is reported at once",
        CAN + RULE + "stale_after = '0s'\n",
        'rule "hot".stale_after: got no time at all, expected a duration longer than 0',
    ),
    case(
        "silence with a deadband",
        CAN + RULE + "stale_after = '1s'\ndeadband = 1\n",
        'rule "hot".deadband: got 1.0, expected none with stale_after',
    ),
    case(
        "two sources of one name",
        GPS + GPS,
        "source \"gps\".name: got 'gps' a second time, expected a name used only once",
    ),
    case(
        "two rules of one name",
        CAN + RULE + "above = 1\n" + RULE + "below = 1\n",
        "rule \"hot\".name: got 'hot' a second time, expected a name used only once",
    ),
    case(
        "two sources whose signals would have the same names",
        CAN + DRIVE + "channels = { can0 = [] }\n",
        'source "drive".channels.can0: got \'can0\', which source "can0" has, too,'
        " expected each source to name its signals differently",
    ),
    case(
        "a known key of the source among the options",
        CAN + "options = { bitrate = 500_000 }\n",
        'source "can0".options.bitrate: got 500000, expected bitrate to be a key'
        " of the source itself",
    ),
    case(
        "a replay of CAN without channels",
        DRIVE,
        'source "drive".channels: got nothing, expected the databases of at least one channel,'
        " such as { can0 = ['car.dbc'] }",
    ),
    case(
        "a replay of no files",
        DRIVE.replace('"drive.log"', "[]"),
        'source "drive".path: got [], expected at least one recording',
    ),
    case(
        "a replay of NMEA text with channels",
        DRIVE + "protocol = 'nmea0183'\nchannels = { can0 = [] }\n",
        "source \"drive\".channels: got a table, expected none for protocol = 'nmea0183'",
    ),
    case(
        "a channel whose name cannot be part of a signal's name",
        DRIVE + "channels = { 'can 0' = [] }\n",
        f"source \"drive\".channels.'can 0': got 'can 0', expected {NAME}",
    ),
    case(
        "frames that are not declared",
        FRAMED,
        "source \"gps\".frames: got nothing, expected at least one of them for protocol = 'framed'",
    ),
    case(
        "columns that are not declared",
        CSV,
        "source \"gps\".fields: got nothing, expected at least one of them for protocol = 'csv'",
    ),
    case(
        "lines whose names are not declared",
        LINES,
        "source \"gps\".fields: got nothing, expected at least one of them for protocol = 'lines'",
    ),
    case(
        "columns for a protocol that has none",
        GPS + "fields = [{ name = 'a' }]\n",
        "source \"gps\".fields: got 1 of them, expected none for protocol = 'nmea0183'",
    ),
    case(
        "a separator for a protocol that has none",
        GPS + "separator = ';'\n",
        "source \"gps\".separator: got ';', expected none for protocol = 'nmea0183'",
    ),
    case(
        "a separator that numbers contain",
        CSV + "fields = [{ name = 'a' }]\nseparator = '.'\n",
        "source \"gps\".separator: got '.', expected one character that no number contains",
    ),
    case(
        "two columns of one name",
        CSV + "fields = [{ name = 'a' }, { name = 'a' }]\n",
        "source \"gps\".fields: got two with name = 'a', expected no two alike",
    ),
    case(
        "two frames of one id",
        FRAMED
        + "frames = [{ name = 'a', id = 1, fields = [{ name = 'x' }] },"
        + " { name = 'b', id = 1, fields = [{ name = 'x' }] }]\n",
        'source "gps".frames: got two with id = 1, expected no two alike',
    ),
    case(
        "a frame without fields",
        FRAMED + "frames = [{ name = 'a', id = 1, fields = [] }]\n",
        'source "gps".frames "a".fields: got nothing, expected at least one field',
    ),
    case(
        "an unknown type deep inside",
        FRAMED + "frames = [{ name = 'a', id = 1, fields = [{ name = 'x', type = 'u9' }] }]\n",
        "source \"gps\".frames \"a\".fields \"x\".type: got 'u9', expected 'u8', 'i8', 'u16',"
        " 'i16', 'u32', 'i32', 'u64', 'i64', 'f32' or 'f64'",
    ),
    case(
        "a frame's id that is not a byte",
        FRAMED + "frames = [{ name = 'a', id = 256, fields = [{ name = 'x' }] }]\n",
        'source "gps".frames "a".id: got 256, expected an integer from 0 to 255',
    ),
    case(
        "a field that is always 0",
        CSV + "fields = [{ name = 'a', scale = 0 }]\n",
        'source "gps".fields "a".scale: got 0.0, expected a finite number other than 0',
    ),
    case(
        "a range that is upside down",
        CSV + "fields = [{ name = 'a', minimum = 1, maximum = -1 }]\n",
        'source "gps".fields "a".maximum: got -1.0, expected at least the minimum, 1.0',
    ),
]

FILES = [
    case(
        "a database that is not there",
        CAN + "dbc = ['car.dbc', 'radar.dbc']\n",
        "source \"can0\".dbc #2: got 'radar.dbc' (no such file), expected a signal database;"
        " a path is relative to this file",
    ),
    case(
        "a folder in place of a database",
        DRIVE + "channels = { can0 = ['folder'] }\n",
        "source \"drive\".channels.can0 #1: got 'folder' (a folder), expected a signal database;"
        " a path is relative to this file",
    ),
    case(
        "a recording that is not there",
        DRIVE.replace("drive.log", "lap.log") + "channels = { can0 = [] }\n",
        "source \"drive\".path: got 'lap.log' (no such file), expected a recording;"
        " a path is relative to this file",
    ),
    case(
        "one recording of several that is not there",
        DRIVE.replace('"drive.log"', '["drive.log", "lap.log"]') + "channels = { can0 = [] }\n",
        "source \"drive\".path #2: got 'lap.log' (no such file), expected a recording;"
        " a path is relative to this file",
    ),
    case(
        "the home of nobody",
        CAN + "dbc = ['~nobody-knows-me/car.dbc']\n",
        "source \"can0\".dbc #1: got '~nobody-knows-me/car.dbc'"
        " (no such user), expected a signal database;"
        " a path is relative to this file",
    ),
    case(
        "a path that no file can have",
        CAN + 'dbc = ["car\\u0000.dbc"]\n',
        'source "can0".dbc #1: got "car\\u0000.dbc" (no path: it has a NUL in it), expected'
        " a signal database; a path is relative to this file",
    ),
    case(
        "a journal in a folder that is not there",
        "[alarms]\njournal = 'logs/alarms.jsonl'\n" + CAN,
        "alarms.journal: got 'logs/alarms.jsonl' (no such folder), expected a file in a folder"
        " that exists and is writable",
    ),
    case(
        "a folder in place of the journal",
        "[alarms]\njournal = 'folder'\n" + CAN,
        "alarms.journal: got 'folder' (a folder), expected a file in a folder"
        " that exists and is writable",
    ),
]

SEVERAL = [
    case(
        "all errors are reported, in the order of the file",
        "[analyzers]\ncount = 0\n" + GPS + "baud = 1\nparity = 'X'\n" + RULE + "above = 'x'\n",
        "analyzers.count: got 0, expected an integer from 1 to 64",
        'source "gps".baud: got an unknown key, expected baudrate',
        "source \"gps\".parity: got 'X', expected 'N', 'E', 'O', 'M' or 'S'",
        "rule \"hot\".above: got 'x', expected a finite number",
    ),
]


@pytest.mark.parametrize(
    ("text", "lines"), SYNTAX + KEYS + VALUES + DURATIONS + TOGETHER + FILES + SEVERAL
)
def test_a_broken_file_is_told_in_one_line_an_error(text, lines):
    assert errors_in(text) == lines


def test_a_file_that_does_not_exist():
    with pytest.raises(ConfigError) as caught:
        load_config("none.toml")
    assert str(caught.value) == "none.toml: got no such file, expected a configuration file"


def test_a_folder_instead_of_a_file():
    with pytest.raises(ConfigError) as caught:
        load_config("folder")
    assert str(caught.value) == "folder: got a folder, expected a configuration file"


def test_a_file_that_may_not_be_read(monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root reads everything, so it is played
    with pytest.raises(ConfigError) as caught:
        load_config("car.toml")
    assert str(caught.value) == "car.toml: got no permission, expected a configuration file"


def test_a_file_that_is_not_utf8():
    Path("car.toml").write_bytes(b"[gateway]\nname = 'caf\xe9'\n")
    with pytest.raises(ConfigError) as caught:
        load_config("car.toml")
    assert str(caught.value) == "car.toml: line 2: got the byte 0xe9, expected text in UTF-8"
