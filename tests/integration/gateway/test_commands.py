"""What a person who types the commands sees: errors in one line, exit statuses, the demo."""

import json
import os
import subprocess
import sys
import tomllib

import pytest

pytestmark = pytest.mark.slow


def test_check_prints_the_processes_and_the_signals_and_opens_nothing(bench):
    done = bench.gateway("check", "car.toml")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["car.toml:", "all", "right"] in lines
    assert ["analyzer-2", "analyzer", "judges"] in [line[:3] for line in lines]
    assert ["can0.EngineStatus.RPM", "1/min", "decoded", "revving"] in lines
    assert not (bench.folder / "journal.jsonl").exists()


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        pytest.param(
            "car.toml",
            "[gateway\n",
            "gateway: car.toml: line 1, column 9: got",
            id="TOML that is none",
        ),
        pytest.param(
            "car.dbc",
            "BO_ 1 x: nonsense",
            "gateway: car.dbc: line 1, column 10: got",
            id="a database that cannot be read",
        ),
        pytest.param(
            "drive.log",
            "hello\n",
            "gateway: drive.log: line 1: got 'hello', expected a candump log",
            id="a recording that is none",
        ),
        pytest.param(
            "drive.log",
            "",
            "gateway: drive.log: got an empty file, expected a candump log",
            id="an empty recording",
        ),
    ],
)
@pytest.mark.parametrize("command", [("check",), ("run",)])
def test_a_broken_file_is_one_line_and_status_2(bench, command, file, text, expected):
    (bench.folder / file).write_text(text)
    done = bench.gateway(*command, "car.toml")
    assert done.stderr.startswith(expected)
    assert done.stderr.count("\n") == 1
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            'signal = "RPM"',
            'signal = "RMP"',
            "gateway: car.toml: rule \"revving\".signal: got 'RMP', expected the name of a known "
            "signal; close: RPM\n",
            id="an unknown signal",
        ),
        pytest.param(
            'can0 = ["car.dbc"]',
            'can0 = ["car.dbc"], can1 = ["car.dbc"]',
            "gateway: car.toml: rule \"engine_hot\".signal: got 'ENGINE_TEMP', expected "
            "one of can0.EngineStatus.ENGINE_TEMP, can1.EngineStatus.ENGINE_TEMP",
            id="an ambiguous signal",
        ),
        pytest.param(
            "severity",
            "severitty",
            'gateway: car.toml: rule "engine_very_hot".severitty: got ',
            id="an unknown key",
        ),
    ],
)
def test_a_broken_configuration_is_one_line_and_status_2(bench, before, after, expected):
    path = bench.folder / "car.toml"
    before, after = (
        before.replace("{{", "{").replace("}}", "}"),
        after.replace("{{", "{").replace("}}", "}"),
    )
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    done = bench.gateway("check", "car.toml")
    assert done.stderr.startswith(expected)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_every_error_of_a_configuration_is_told_at_once(bench):
    path = bench.folder / "car.toml"
    path.write_text(path.read_text().replace("above = 110.0", 'above = "hot"') + "\nabove = 1\n")
    done = bench.gateway("check", "car.toml")
    assert done.stderr.count("gateway: car.toml: ") == done.stderr.count("\n") == 2


def test_a_journal_that_cannot_be_written_is_told_before_anything_runs(bench):
    done = bench.gateway("run", "car.toml", "--alarms", "nowhere/journal.jsonl")
    assert done.stderr.startswith("gateway: nowhere/journal.jsonl: got ")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_runtime_folder_that_cannot_be_made_is_one_line(bench):
    (bench.folder / "run").write_text("a file where a folder should be")
    done = bench.gateway("run", "car.toml")
    assert done.stderr == f"gateway: {bench.folder}/run: File exists\n"
    assert done.returncode == 3


def test_status_says_when_nothing_runs(bench):
    done = bench.gateway("status", "car.toml")
    assert (done.returncode, done.stderr) == (3, "gateway: no gateway is running with car.toml\n")


def test_a_configuration_may_have_a_name_that_is_not_utf8(bench):
    name = os.fsdecode(b"car\xff.toml")
    bench.configure(speed="1.0")
    (bench.folder / "car.toml").rename(bench.folder / name)
    with bench.running(name=name):
        status = bench.status()
        text = bench.gateway("status", name).stdout
    assert status["config"].endswith("car\\xff.toml")
    assert "car\\xff.toml)" in text


def test_status_shows_processes_rates_ledger_and_active_alarms(bench):
    bench.configure(speed="1.0")
    with bench.running():
        status = bench.status_when(
            lambda status: status["alarms"] and status["processes"][0]["rate"]
        )
        text = bench.gateway("status", "car.toml").stdout
    assert status["state"] == "running"
    assert [each["name"] for each in status["processes"]] == [
        "drive", "analyzer-0", "analyzer-1", "analyzer-2", "journal", "console"
    ]  # fmt: skip
    assert {each["state"] for each in status["processes"]} == {"running"}
    assert status["processes"][0]["rate"] > 100  # of 1,110 frames a second, were nothing else on
    for entry in status["ledger"]:
        assert entry["received"] == entry["delivered"] + entry["lost"]
    for alarm in status["alarms"]:
        assert alarm["signal"].startswith("can0.")
        assert alarm["value"] is not None
    assert "every stage adds up" in text
    assert "active alarms: " in text


def test_decode_prints_a_row_a_sample(bench):
    done = bench.gateway("decode", "drive.log", "--dbc", "car.dbc")
    assert done.stdout.splitlines()[:4] == [
        "time_s,channel,message,signal,value,unit",
        "100.000000000,can0,EngineStatus,ENGINE_TEMP,100.0,degC",
        "100.000000000,can0,EngineStatus,RPM,4000.0,1/min",
        "100.000000000,can0,Tyre,TYRE_PRESSURE,2.2,bar",
    ]


def test_decode_prints_json_lines(bench):
    done = bench.gateway("decode", "drive.log", "--dbc", "car.dbc", "--format", "jsonl")
    assert json.loads(done.stdout.splitlines()[0]) == {
        "time_s": 100.0,
        "channel": "can0",
        "message": "EngineStatus",
        "signal": "ENGINE_TEMP",
        "value": 100.0,
        "unit": "degC",
    }


def test_decode_names_the_channels_there_are(bench):
    done = bench.gateway("decode", "drive.log", "--dbc", "car.dbc", "--channel", "can7")
    assert done.stderr == "gateway: drive.log: --channel: got 'can7', expected one of can0\n"
    assert done.returncode == 2


def test_decode_ends_quietly_when_nobody_reads_on(bench):
    command = f"{sys.executable} -m gateway decode drive.log --dbc car.dbc | head -1"
    done = subprocess.run(
        command, shell=True, cwd=bench.folder, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("time_s,channel,message,signal,value,unit\n", "")


@pytest.mark.parametrize("command", [("check", "car.toml"), ("doctor",)])
def test_a_disk_without_room_for_the_output_is_one_line_and_status_3(bench, command):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=bench.folder,
            env={**bench.environment, "PYTHONUNBUFFERED": ""},
            check=False,
        )
    assert (done.returncode, done.stderr) == (3, "gateway: No space left on device\n")


def test_the_gateway_runs_with_its_standard_streams_closed(bench):
    command = [sys.executable, "-m", "gateway", "run", "car.toml"]
    closed = 'exec "$@" <&- >&- 2>&-'
    subprocess.run(
        ["sh", "-c", closed, "sh", *command], cwd=bench.folder, env=bench.environment, check=True
    )
    assert "raised" in {event["event"] for event in bench.events()}


def test_a_letter_that_the_terminal_does_not_have_is_shown_in_escapes(bench):
    dbc = bench.folder / "car.dbc"
    dbc.write_text(dbc.read_text().replace('"degC"', '"\u2103"'), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "car.toml"],
        capture_output=True,
        text=True,
        cwd=bench.folder,
        env={**bench.environment, "PYTHONIOENCODING": "latin-1"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ENGINE_TEMP" in done.stdout
    assert "\\u2103" in done.stdout


def test_the_demo_raises_each_of_its_warnings_within_thirty_seconds_and_loses_nothing(bench):
    done = bench.gateway("demo", "--seconds", "30")
    assert done.returncode == 0, done.stderr
    for warning in (
        "High engine temperature",
        "Low tire pressure",
        "Approaching top speed",
        "Extreme G-Force detected",
        "Low fuel warning",
    ):
        assert warning in done.stdout
    assert "every stage adds up" in done.stdout
    rows = bench.ledger_rows(done.stdout)
    assert {"can0", "gps", "samples > analyzer-2"} <= rows.keys()
    for received, delivered, lost, waiting in rows.values():
        assert (received, lost, waiting) == (delivered, 0, 0)


@pytest.mark.parametrize("command", [("check", "car.toml"), ("backtest", "car.toml", "drive.log")])
def test_that_nobody_reads_on_is_no_failure(bench, command):
    end, pipe = os.pipe()
    os.close(end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *command],
            cwd=bench.folder,
            stdout=pipe,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(pipe)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_demos_files_can_be_saved_checked_and_run_from_anywhere(bench):
    said = bench.gateway("demo", "--save", "my car").stdout
    assert "    gateway run 'my car/car.toml' --live\n" in said
    assert bench.gateway("check", "my car/car.toml").returncode == 0
    saved = tomllib.loads((bench.folder / "my car" / "car.toml").read_text())
    ports = [source["port"] for source in saved["source"] if "port" in source]
    assert ports == [str(bench.folder / "my car" / "gps")]


def test_saving_the_demo_overwrites_nothing_that_somebody_changed(bench):
    bench.gateway("demo", "--save", "mine")
    (bench.folder / "mine" / "f1.dbc").unlink()
    assert bench.gateway("demo", "--save", "mine").returncode == 0

    changed = (bench.folder / "mine" / "car.toml").read_text().replace("110.0", "105.0")
    (bench.folder / "mine" / "car.toml").write_text(changed)
    (bench.folder / "mine" / "f1.dbc").unlink()
    done = bench.gateway("demo", "--save", "mine")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gateway: mine/car.toml: got a file that was changed, expected ")
    assert (bench.folder / "mine" / "car.toml").read_text() == changed
    assert not (bench.folder / "mine" / "f1.dbc").exists()
