"""`gateway run` over a recording: from frames to warnings, through all the processes."""

import json
import os
import select
import signal
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("analyzers", [1, 3, 7])
def test_a_replay_raises_the_events_of_the_back_test_byte_for_byte(bench, analyzers):
    config = bench.folder / "car.toml"
    config.write_text(config.read_text().replace("count = 3", f"count = {analyzers}"))
    expected = bench.gateway("backtest", "car.toml", "drive.log").stdout
    done = bench.gateway("run", "car.toml")
    assert done.returncode == 0, done.stderr
    assert (bench.folder / "journal.jsonl").read_text() == expected
    assert expected.count("\n") > 10


def test_a_replay_in_real_time_raises_the_same_events(bench):
    bench.write_drive(6)
    bench.configure(speed="1.0")
    expected = bench.gateway("backtest", "car.toml", "drive.log").stdout
    done = bench.gateway("run", "car.toml")
    assert done.returncode == 0, done.stderr
    assert (bench.folder / "journal.jsonl").read_text() == expected


def test_two_back_tests_give_the_same_bytes(bench):
    first, second = (bench.gateway("backtest", "car.toml", "drive.log").stdout for _ in range(2))
    assert first == second
    assert '"event":"raised","rule":"engine_hot"' in first


def test_the_events_are_those_that_the_drive_should_raise(bench):
    bench.gateway("run", "car.toml")
    seen = [(e["event"], e["rule"], e["t_ns"]) for e in bench.events()]
    s, ms = 10**9, 10**6
    assert ("raised", "engine_very_hot", 101 * s + ms) in seen
    assert ("raised", "engine_hot", 101 * s + 21 * ms) in seen  # after its on-delay
    assert ("raised", "tyre_low", 102 * s) in seen
    assert ("raised", "tyre_silent", 102 * s + 790 * ms) in seen  # 300 ms after the last sample
    assert ("cleared", "tyre_silent", 103 * s + 500 * ms) in seen
    assert {rule for _, rule, _ in seen} == {
        "engine_hot", "engine_very_hot", "tyre_low", "tyre_silent", "revving"
    }  # fmt: skip


def test_the_ledger_accounts_for_every_frame_sample_and_alarm(bench):
    text = bench.gateway("run", "car.toml").stdout
    rows = bench.ledger_rows(text)
    frames = len((bench.folder / "drive.log").read_text().splitlines())
    events = len(bench.events())
    assert rows["drive"] == (frames, frames, 0, 0)
    published = rows["drive > samples"][0]
    for analyzer in range(3):
        assert rows[f"samples > analyzer-{analyzer}"] == (published, published, 0, 0)
    assert rows["alarms > journal"] == rows["journal"] == (events, events, 0, 0)
    assert "every stage adds up" in text


def test_alarms_go_to_standard_output_as_json_lines_and_nothing_else_does(bench):
    done = bench.gateway("run", "car.toml", "--alarms", "-")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == bench.events()
    assert "every stage adds up" in done.stderr


def test_alarms_go_to_the_file_that_the_command_line_names(bench):
    bench.gateway("run", "car.toml", "--alarms", "other.jsonl")
    assert bench.events("other.jsonl")
    assert not bench.events("journal.jsonl")


def test_warnings_are_printed_for_people(bench):
    printed = bench.gateway("run", "car.toml").stdout
    assert (
        "00:01:41.021 WARNING  engine_hot: High engine temperature: "
        "can0.EngineStatus.ENGINE_TEMP = 120 degC (above 110)\n"
    ) in printed


def test_seconds_ends_a_run_by_itself(bench):
    bench.configure(speed="1.0")
    done = bench.gateway("run", "car.toml", "--seconds", "2")
    assert done.returncode == 0, done.stderr
    assert 0 < bench.ledger_rows(done.stdout)["drive"][0] < 6000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_what_was_read_and_ends_with_the_ledger(bench, number):
    bench.configure(speed="1.0")
    with bench.running() as process:
        bench.read_until(process.stdout, "engine_hot")
        process.send_signal(number)
        rest, log = process.communicate(timeout=120)
    assert process.returncode == 0, log
    rows = bench.ledger_rows(rest)
    assert rows["drive > samples"][1] == rows["samples > analyzer-0"][1] > 0
    assert rows["alarms > journal"][1] == len(bench.events())


def journalled(status):
    """How many events the journal has."""
    return next(each["delivered"] for each in status["ledger"] if each["stage"] == "journal")


@pytest.mark.parametrize("victim", ["drive", "analyzer-0", "analyzer-2", "journal"])
def test_a_process_that_is_killed_costs_no_event(bench, victim):
    bench.write_drive(6)
    bench.configure(speed="1.0")
    expected = bench.gateway("backtest", "car.toml", "drive.log").stdout
    with bench.running() as process:
        for restarts in range(3):
            # In the middle of events: what it was at must not be lost, nor happen twice.
            bench.status_when(lambda status, told=3 * restarts + 1: journalled(status) >= told)
            os.kill(bench.pid_of(victim, restarts), signal.SIGKILL)
        out, log = process.communicate(timeout=120)
    assert process.returncode == 0, log
    assert log.count(f"{victim} ended (killed by SIGKILL)") == 3
    assert (bench.folder / "journal.jsonl").read_text() == expected
    assert "every stage adds up" in out


def test_events_of_a_recording_wait_for_an_analyzer_that_stands_still(bench):
    bench.configure(speed="1.0")
    expected = bench.gateway("backtest", "car.toml", "drive.log").stdout
    with bench.running() as process:
        for number in range(3):
            bench.status_when(lambda status, told=3 * number + 1: journalled(status) >= told)
            pid = bench.pid_of(f"analyzer-{number}", 0)
            os.kill(pid, signal.SIGSTOP)
            select.select([], [], [], 1.3)  # the others go on; live they would be waited for less
            os.kill(pid, signal.SIGCONT)
        _, log = process.communicate(timeout=120)
    assert process.returncode == 0, log
    assert (bench.folder / "journal.jsonl").read_text() == expected


def test_a_view_that_was_killed_still_knows_which_alarms_are_on(bench):
    hot = (
        f"({100 + tenth // 10}.{tenth % 10}00000) can0 100#803E000000000000\n"
        for tenth in range(600)
    )
    (bench.folder / "drive.log").write_text("".join(hot))
    bench.configure(speed="1.0")
    with bench.running("--live") as process:
        bench.status_when(lambda status: len(status["alarms"]) == 3)
        os.kill(bench.pid_of("view", 0), signal.SIGKILL)
        bench.pid_of("view", 1)
        # The new one has not seen them go on.
        lines = bench.read_until(process.stdout, "3 alarms active")
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=120)
    assert process.returncode == 0, log
    assert len([line for line in lines if "engine_very_hot" in line]) <= 1


def test_how_a_run_went_is_told_though_nobody_reads_its_ledger(bench):
    bench.write_drive(60)
    bench.configure(speed="1.0")
    with bench.running() as process:
        process.stdout.close()
        os.kill(bench.pid_of("analyzer-0", 0), signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        log = process.stderr.read()
        assert process.wait() == 3
    assert log.endswith("gateway: did not stop in time and had to be killed: analyzer-0\n")


def test_the_log_is_printed_when_nobody_sees_the_view(bench):
    def shown(status):
        [way] = [entry for entry in status["ledger"] if entry["stage"] == "alarms > view"]
        return way["delivered"]

    bench.write_drive(60)
    bench.configure(speed="1.0")
    with bench.running("--live") as process:
        process.stdout.close()
        for _ in range(3):  # what comes later than a warning it could not show
            before = shown(bench.status())
            bench.status_when(lambda status, before=before: shown(status) > before)
        os.kill(bench.pid_of("analyzer-0", 0), signal.SIGKILL)
        bench.read_until(process.stderr, "analyzer-0 ended (killed by SIGKILL)")


def test_a_warning_in_the_view_names_its_signal_as_the_table_does(bench):
    said = bench.gateway("run", "car.toml", "--live").stdout
    assert " engine_hot: High engine temperature: ENGINE_TEMP = 120 degC (above 110)\n" in said


def test_a_journal_killed_while_it_writes_has_every_event_once(bench):
    # Two events every ten milliseconds: hardly a moment at which none is under way.
    lines = []
    for ms in range(6000):
        temp = "803E" if ms // 5 % 2 else "B036"  # 120 and 100 degC
        stamp = f"({100 + ms // 1000}.{ms % 1000:03d}000)"
        lines.append(f"{stamp} can0 100#{temp}000000000000")
    (bench.folder / "drive.log").write_text("\n".join(lines) + "\n")
    bench.configure(speed="1.0")
    config = bench.folder / "car.toml"
    config.write_text(config.read_text().replace('on_delay = "20ms"', ""))
    expected = bench.gateway("backtest", "car.toml", "drive.log").stdout
    assert expected.count("\n") > 700
    with bench.running() as process:
        for restarts in range(4):
            os.kill(bench.pid_of("journal", restarts), signal.SIGKILL)
        out, log = process.communicate(timeout=120)
    assert process.returncode == 0, log
    assert (bench.folder / "journal.jsonl").read_text() == expected
    events = expected.count("\n")
    assert bench.ledger_rows(out)["journal"] == (events, events, 0, 0)


def test_a_killed_supervisor_takes_its_children_with_it_and_a_restart_works(bench):
    bench.write_drive(120)  # longer than they are waited for: or else they end by themselves
    bench.configure(speed="1.0")
    with bench.running() as process:
        processes = bench.status_when(
            lambda status: all(each["state"] == "running" for each in status["processes"])
        )["processes"]
        pids = [each["pid"] for each in processes]
        # A lock that a child has, too, would outlast the supervisor by as long as the child does.
        assert not [name for pid in pids for name in open_files(pid) if name.endswith(".lock")]
        process.kill()
        process.wait()
        pidfds = [fd for fd in map(_open_pidfd, pids) if fd is not None]
        for fd in pidfds:
            os.close(fd)
    done = bench.gateway("run", "car.toml", "--seconds", "0.2")
    assert done.returncode == 0, done.stderr


def open_files(pid):
    """The names of the files that a process has open."""
    names = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            names.append(os.readlink(descriptor))
    return names


def _open_pidfd(pid):
    """Return a descriptor of a process that still runs, after it has ended; None if it has."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    assert select.select([fd], [], [], 60)[0], f"process {pid} outlived the supervisor"
    return fd


def test_one_instance_runs_a_configuration(bench):
    bench.write_drive(600)
    bench.configure(speed="1.0")
    with bench.running() as process:
        bench.status()
        second = bench.gateway("run", "car.toml")
        assert second.returncode == 3
        assert second.stderr.endswith(f"already running as process {process.pid}\n")


def test_a_torn_last_line_of_the_journal_is_cut_off_and_said(bench):
    journal = bench.folder / "journal.jsonl"
    bench.gateway("run", "car.toml")
    whole = journal.read_text()
    journal.write_text(whole + '{"event":"raised","rule":"engi')
    done = bench.gateway("run", "car.toml")
    assert "cut off 30 bytes" in done.stderr
    assert journal.read_text() == whole * 2
