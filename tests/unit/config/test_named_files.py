"""Files that a configuration names and that are not there, or are something else."""

from __future__ import annotations

import pytest

CAN = """\
[[source]]
name = "can0"
type = "can"
channel = "can0"
"""
DRIVE = """\
[[source]]
name = "drive"
type = "replay"
path = "drive.log"
"""

MISSING = {
    "a database that is not there": (
        CAN + "dbc = ['car.dbc', 'radar.dbc']\n",
        "source \"can0\".dbc #2: got 'radar.dbc' (no such file), expected a signal database;"
        " a path is relative to this file",
    ),
    "a folder in place of a database": (
        DRIVE + "channels = { can0 = ['folder'] }\n",
        "source \"drive\".channels.can0 #1: got 'folder' (a folder), expected a signal database;"
        " a path is relative to this file",
    ),
    "a recording that is not there": (
        DRIVE.replace("drive.log", "lap.log") + "channels = { can0 = [] }\n",
        "source \"drive\".path: got 'lap.log' (no such file), expected a recording;"
        " a path is relative to this file",
    ),
    "one recording of several that is not there": (
        DRIVE.replace('"drive.log"', '["drive.log", "lap.log"]') + "channels = { can0 = [] }\n",
        "source \"drive\".path #2: got 'lap.log' (no such file), expected a recording;"
        " a path is relative to this file",
    ),
    "the home of nobody": (
        CAN + "dbc = ['~nobody-knows-me/car.dbc']\n",
        "source \"can0\".dbc #1: got '~nobody-knows-me/car.dbc'"
        " (no such user), expected a signal database;"
        " a path is relative to this file",
    ),
    "a path that no file can have": (
        CAN + 'dbc = ["car\\u0000.dbc"]\n',
        'source "can0".dbc #1: got "car\\u0000.dbc" (no path: it has a NUL in it), expected'
        " a signal database; a path is relative to this file",
    ),
    "a journal in a folder that is not there": (
        "[alarms]\njournal = 'logs/alarms.jsonl'\n" + CAN,
        "alarms.journal: got 'logs/alarms.jsonl' (no such folder), expected a file in a folder"
        " that exists and is writable",
    ),
    "a folder in place of the journal": (
        "[alarms]\njournal = 'folder'\n" + CAN,
        "alarms.journal: got 'folder' (a folder), expected a file in a folder"
        " that exists and is writable",
    ),
}


@pytest.mark.parametrize(("text", "error"), MISSING.values(), ids=MISSING)
def test_a_file_that_cannot_be_used_is_told_with_the_reason(text, error, errors_in):
    assert errors_in(text) == [error]
