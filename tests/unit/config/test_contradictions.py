"""Values that make no sense together, and the line a person sees for each."""

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

CONTRADICTIONS = {
    "a rule without a condition": (
        CAN + RULE,
        'rule "hot": got no condition, expected exactly one of above, below, outside,'
        " rate_above or stale_after",
    ),
    "a rule with two conditions": (
        CAN + RULE + "below = 2\nabove = 1\n",
        'rule "hot": got above and below, expected exactly one of above, below, outside,'
        " rate_above or stale_after",
    ),
    "a span that is upside down": (
        CAN + RULE + "outside = [5, -5]\n",
        'rule "hot".outside: got [5.0, -5.0], expected [low, high], the lower number first',
    ),
    "a span without width": (
        CAN + RULE + "outside = [5, 5]\n",
        'rule "hot".outside: got [5.0, 5.0], expected [low, high], the lower number first',
    ),
    "a latency that nobody would wait for": (
        "[gateway]\nlatency = '1.5s'\n" + CAN,
        "gateway.latency: got 1.5 s, expected at most '1s'",
    ),
    "a span of three numbers": (
        CAN + RULE + "outside = [1, 2, 3]\n",
        'rule "hot".outside: got [1, 2, 3], expected [low, high], two finite numbers,'
        " the lower first",
    ),
    "a span with a deadband that meets in the middle": (
        CAN + RULE + "outside = [0, 10]\ndeadband = 5.5\n",
        'rule "hot".deadband: got 5.5, expected at most half the width of outside, 5.0'
        " (or it would never clear)",
    ),
    "silence that is reported at once": (
        CAN + RULE + "stale_after = '0s'\n",
        'rule "hot".stale_after: got no time at all, expected a duration longer than 0',
    ),
    "silence with a deadband": (
        CAN + RULE + "stale_after = '1s'\ndeadband = 1\n",
        'rule "hot".deadband: got 1.0, expected none with stale_after',
    ),
    "two sources of one name": (
        GPS + GPS,
        "source \"gps\".name: got 'gps' a second time, expected a name used only once",
    ),
    "two rules of one name": (
        CAN + RULE + "above = 1\n" + RULE + "below = 1\n",
        "rule \"hot\".name: got 'hot' a second time, expected a name used only once",
    ),
    "two sources whose signals would have the same names": (
        CAN + DRIVE + "channels = { can0 = [] }\n",
        'source "drive".channels.can0: got \'can0\', which source "can0" has, too,'
        " expected each source to name its signals differently",
    ),
    "two sources on one serial port": (
        GPS + GPS.replace('"gps"', '"compass"'),
        'source "compass".port: got \'/dev/ttyUSB0\', which source "gps" has, too,'
        " expected a port of its own",
    ),
    "a CAN adapter on the serial port of another source": (
        GPS + CAN.replace('channel = "can0"', 'channel = "/dev/ttyUSB0@115200"'),
        'source "can0".channel: got \'/dev/ttyUSB0\', which source "gps" has, too,'
        " expected a port of its own",
    ),
    "a known key of the source among the options": (
        CAN + "options = { bitrate = 500_000 }\n",
        'source "can0".options.bitrate: got 500000, expected bitrate to be a key'
        " of the source itself",
    ),
    "a replay of CAN without channels": (
        DRIVE,
        'source "drive".channels: got nothing, expected the databases of at least one channel,'
        " such as { can0 = ['car.dbc'] }",
    ),
    "a replay of no files": (
        DRIVE.replace('"drive.log"', "[]"),
        'source "drive".path: got [], expected at least one recording',
    ),
    "a replay of NMEA text with channels": (
        DRIVE + "protocol = 'nmea0183'\nchannels = { can0 = [] }\n",
        "source \"drive\".channels: got a table, expected none for protocol = 'nmea0183'",
    ),
    "a channel whose name cannot be part of a signal's name": (
        DRIVE + "channels = { 'can 0' = [] }\n",
        f"source \"drive\".channels.'can 0': got 'can 0', expected {NAME}",
    ),
    "frames that are not declared": (
        FRAMED,
        "source \"gps\".frames: got nothing, expected at least one of them for protocol = 'framed'",
    ),
    "columns that are not declared": (
        CSV,
        "source \"gps\".fields: got nothing, expected at least one of them for protocol = 'csv'",
    ),
    "lines whose names are not declared": (
        LINES,
        "source \"gps\".fields: got nothing, expected at least one of them for protocol = 'lines'",
    ),
    "columns for a protocol that has none": (
        GPS + "fields = [{ name = 'a' }]\n",
        "source \"gps\".fields: got 1 of them, expected none for protocol = 'nmea0183'",
    ),
    "a separator for a protocol that has none": (
        GPS + "separator = ';'\n",
        "source \"gps\".separator: got ';', expected none for protocol = 'nmea0183'",
    ),
    "a separator that numbers contain": (
        CSV + "fields = [{ name = 'a' }]\nseparator = '.'\n",
        "source \"gps\".separator: got '.', expected one character that no number contains",
    ),
    "two columns of one name": (
        CSV + "fields = [{ name = 'a' }, { name = 'a' }]\n",
        "source \"gps\".fields: got two with name = 'a', expected no two alike",
    ),
    "two frames of one id": (
        FRAMED
        + "frames = [{ name = 'a', id = 1, fields = [{ name = 'x' }] },"
        + " { name = 'b', id = 1, fields = [{ name = 'x' }] }]\n",
        'source "gps".frames: got two with id = 1, expected no two alike',
    ),
    "a frame without fields": (
        FRAMED + "frames = [{ name = 'a', id = 1, fields = [] }]\n",
        'source "gps".frames "a".fields: got nothing, expected at least one field',
    ),
    "an unknown type deep inside": (
        FRAMED + "frames = [{ name = 'a', id = 1, fields = [{ name = 'x', type = 'u9' }] }]\n",
        "source \"gps\".frames \"a\".fields \"x\".type: got 'u9', expected 'u8', 'i8', 'u16',"
        " 'i16', 'u32', 'i32', 'u64', 'i64', 'f32' or 'f64'",
    ),
    "a frame's id that is not a byte": (
        FRAMED + "frames = [{ name = 'a', id = 256, fields = [{ name = 'x' }] }]\n",
        'source "gps".frames "a".id: got 256, expected an integer from 0 to 255',
    ),
    "a field that is always 0": (
        CSV + "fields = [{ name = 'a', scale = 0 }]\n",
        'source "gps".fields "a".scale: got 0.0, expected a finite number other than 0',
    ),
    "a range that is upside down": (
        CSV + "fields = [{ name = 'a', minimum = 1, maximum = -1 }]\n",
        'source "gps".fields "a".maximum: got -1.0, expected at least the minimum, 1.0',
    ),
}


@pytest.mark.parametrize(("text", "error"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_told_where_it_can_be_mended(text, error, errors_in):
    assert errors_in(text) == [error]
