"""Firmware that is a process: started, given its ports, watched, stopped."""

from __future__ import annotations

import os
import selectors
import signal
import sys

import pytest
import serial

from firmware_sim.errors import SimError
from firmware_sim.links import NullModem
from firmware_sim.ports import PtyPort
from firmware_sim.process import FirmwareProcess


@pytest.fixture
def selector():
    with selectors.DefaultSelector() as made:
        yield made


@pytest.fixture
def firmware(tmp_path, selector):
    """Make firmware of a line of Python; at READY in it `told` becomes readable."""
    os.mkfifo(tmp_path / "told")
    told = os.open(tmp_path / "told", os.O_RDWR)

    def make(line, **environment):
        line = line.replace("READY", "open('told', 'w').write('x')")
        command = [sys.executable, "-c", line]
        process = FirmwareProcess("ecu", command, tmp_path, environment, selector)
        process.wait_until_ready = lambda: os.read(told, 1)
        return process

    yield make
    os.close(told)


def wait_until_ended(process, selector):
    while process.state == "running":
        for key, events in selector.select():
            key.data(events)


def test_it_runs_in_its_folder_with_what_it_is_given(firmware, selector, tmp_path):
    line = "import os; open('out', 'w').write(os.environ['UART'])"
    with firmware(line, UART="/dev/pts/x") as process:
        assert process.state == "running"
        wait_until_ended(process, selector)
    assert (tmp_path / "out").read_text() == "/dev/pts/x"
    assert process.state == "exited 0"


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("raise SystemExit(3)", "exited 3"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("import os; os.kill(os.getpid(), 40)", "killed by signal 40"),  # one without a name
    ],
)
def test_how_it_ended_is_known_and_said(firmware, selector, caplog, line, state):
    with firmware(line) as process:
        wait_until_ended(process, selector)
        assert process.state == state
    assert caplog.messages == [f"ecu: {state}"]


def test_it_is_stopped_at_the_end(firmware):
    with firmware("import signal; READY; signal.pause()") as process:
        pid = process._process.pid
        process.wait_until_ready()
    assert process.state == "stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_does_not_want_to_end_is_killed(firmware, caplog, mocker):
    mocker.patch("firmware_sim.process.STOP_S", 0.05)
    line = "import signal; signal.signal(15, signal.SIG_IGN); READY; signal.pause()"
    with firmware(line) as process:
        pid = process._process.pid
        process.wait_until_ready()
    assert caplog.messages == ["ecu: did not end within 0.05 s, killed"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_reset_begins_anew(firmware):
    with firmware("import signal; READY; signal.pause()") as process:
        process.wait_until_ready()
        first = process._process.pid
        process.reset(0)
        assert process.wait_until_ready() == b"x"
        assert process._process.pid != first
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)


@pytest.mark.parametrize("end", ["stopped", "killed", "reset"])
def test_what_it_has_started_ends_with_it(tmp_path, selector, mocker, end):
    # A script that starts the firmware is the scenario's process; the firmware is its child.
    if end == "killed":
        mocker.patch("firmware_sim.process.STOP_S", 0.05)
    deaf = "trap '' TERM; " if end == "killed" else ""
    script = tmp_path / "start.sh"
    script.write_text(f"#!/bin/sh\n{deaf}sleep 1000 & echo $! > told; wait; wait\n")
    script.chmod(0o755)
    os.mkfifo(tmp_path / "told")
    told = os.fdopen(os.open(tmp_path / "told", os.O_RDWR))
    with (
        told,
        selectors.DefaultSelector() as until,
        FirmwareProcess("ecu", ["./start.sh"], tmp_path, {}, selector) as process,
    ):
        child = os.pidfd_open(int(told.readline()))
        until.register(child, selectors.EVENT_READ)
        if end == "reset":
            process.reset(0)
        else:
            process.__exit__(None, None, None)
        ended = until.select(10)
        os.close(child)
        assert ended, "it outlived its parent"


def test_one_that_cannot_be_started_again_is_stopped_and_may_be_reset_later(tmp_path, selector):
    program, away = tmp_path / "firmware", tmp_path / "away"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    with FirmwareProcess("ecu", ["./firmware"], tmp_path, {}, selector) as process:
        program.rename(away)
        with pytest.raises(SimError, match="no such file or directory"):
            process.reset(0)
        assert process.state == "stopped"
        away.rename(program)
        process.reset(0)
        assert process.state == "running"


def test_a_program_that_is_not_there_is_said_in_one_line(tmp_path, selector):
    process = FirmwareProcess("ecu", ["./none"], tmp_path, {}, selector)
    with pytest.raises(SimError, match=r"^ecu: cannot start .*none: no such file or directory$"):
        process.__enter__()


def test_ctrl_c_is_for_the_simulator_alone(firmware):
    with firmware("import signal; READY; signal.pause()") as process:
        process.wait_until_ready()
        assert os.getpgid(process._process.pid) != os.getpgid(0)


def test_what_is_written_to_one_end_of_a_null_modem_is_read_from_the_other(tmp_path, selector):
    with (
        PtyPort(tmp_path / "uart", flow_control=True) as near,
        PtyPort(tmp_path / "gps") as far,
        serial.Serial(str(near.path), timeout=5) as firmware_end,
        serial.Serial(str(far.path), timeout=5) as gateway_end,
    ):
        cable = NullModem(near, far, selector)
        firmware_end.write(b"$GPGGA,1\r\n")
        gateway_end.write(b"\xb5\x62\x00")
        for _ in range(2):
            cable.settle()
            for key, events in selector.select(5):
                key.data(events)
        assert gateway_end.read(10) == b"$GPGGA,1\r\n"
        assert firmware_end.read(3) == b"\xb5\x62\x00"


def test_what_the_firmware_may_not_lose_waits_for_it(tmp_path, selector):
    with (
        PtyPort(tmp_path / "uart", flow_control=True) as near,
        PtyPort(tmp_path / "gps") as far,
        serial.Serial(str(near.path), timeout=5) as firmware_end,
    ):
        cable = NullModem(near, far, selector)
        near.write(b"x" * 30_000)
        received = b""
        while len(received) < 30_000:
            received += firmware_end.read(max(1, firmware_end.in_waiting))
            cable.settle()
            for key, events in selector.select(0):
                key.data(events)
        assert received == b"x" * 30_000
        assert near.dropped == 0


def test_it_ends_when_the_simulator_is_killed(tmp_path):
    code = (
        "import os, selectors, sys\n"
        "from pathlib import Path\n"
        "from firmware_sim.process import FirmwareProcess\n"
        f"line = 'import os, signal; os.write(1, b\"%d\\\\n\" % os.getpid()); signal.pause()'\n"
        "with selectors.DefaultSelector() as selector:\n"
        "    command = [sys.executable, '-c', line]\n"
        f"    with FirmwareProcess('ecu', command, Path({str(tmp_path)!r}), {{}}, selector):\n"
        "        selector.select()\n"
    )
    read, write = os.pipe()
    simulator = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", code],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)],
    )
    os.close(write)
    with open(read, "rb", buffering=0) as told:
        firmware = os.pidfd_open(int(told.readline()))
        os.kill(simulator, signal.SIGKILL)
        os.waitpid(simulator, 0)
        with selectors.DefaultSelector() as selector:
            selector.register(firmware, selectors.EVENT_READ)
            assert selector.select(10), "it outlived the simulator"
        os.close(firmware)
