"""Files and commands of the machine that the tests run on, and of one in a folder."""

from __future__ import annotations

import os

import pytest

from gateway.doctor.machine import Answer, Machine, run_command


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, lambda _: None)


def test_a_file_is_read_below_the_root_folder(machine, tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "model").write_bytes(b"Raspberry Pi 5\0")
    assert machine.read("/proc/model") == "Raspberry Pi 5"


def test_a_file_that_is_not_there_or_is_a_folder_has_no_text(machine, tmp_path):
    (tmp_path / "proc").mkdir()
    assert (machine.read("/proc"), machine.read("/proc/model")) == (None, None)


def test_bytes_that_are_no_text_do_no_harm(machine, tmp_path):
    (tmp_path / "x").write_bytes(b"a\xff\n")
    assert machine.read("/x") == "a\ufffd"


def test_paths_are_found_and_resolved_as_the_machine_calls_them(machine, tmp_path):
    (tmp_path / "dev" / "serial").mkdir(parents=True)
    (tmp_path / "dev" / "ttyACM0").touch()
    (tmp_path / "dev" / "serial" / "gps").symlink_to("../ttyACM0")
    (tmp_path / "dev" / "serial" / "gone").symlink_to("../ttyACM1")
    assert machine.find("/dev/serial/*") == ["/dev/serial/gone", "/dev/serial/gps"]
    assert machine.resolve("/dev/serial/gps") == "/dev/ttyACM0"
    assert machine.resolve("/dev/serial/gone") is None
    assert machine.link("/dev/serial/gone") == "../ttyACM1"
    assert machine.link("/dev/ttyACM0") is None


def test_a_port_may_be_named_relative_to_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gps").touch()
    machine = Machine()
    assert machine.exists("gps")
    assert machine.resolve("./gps") == str((tmp_path / "gps").resolve())


def test_the_user_of_this_process_is_told_from_files_alone():
    machine = Machine()
    assert machine.user_id == os.geteuid()
    assert machine.resolve("/proc/self/exe").startswith("/")


def test_a_command_that_succeeds_is_what_it_prints(tmp_path):
    machine = Machine(tmp_path, lambda command: Answer(0, " ".join(command)))
    assert machine.run("ip", "link") == "ip link"
    assert machine.succeeds("ip", "link") is True


def test_a_command_that_fails_prints_nothing_and_one_that_is_missing_cannot_be_told(tmp_path):
    failing, missing = (
        Machine(tmp_path, lambda _: Answer(1, "no")),
        Machine(tmp_path, lambda _: None),
    )
    assert (failing.run("ip"), failing.succeeds("ip")) == (None, False)
    assert (missing.run("ip"), missing.succeeds("ip")) == (None, None)


def test_commands_are_run_in_the_c_locale():
    assert run_command(("sh", "-c", "echo $LC_ALL; exit 3")) == Answer(3, "C\n")


def test_tools_of_an_administrator_are_found_without_their_folder_in_the_path(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    assert "/usr/sbin" in run_command(("sh", "-c", "echo $PATH")).out


def test_a_command_that_is_missing_has_no_answer():
    assert run_command(("no-such-command-anywhere",)) is None


def test_a_loop_of_links_leads_nowhere(machine, tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert machine.resolve("/a") is None
    assert not machine.exists("/a")
