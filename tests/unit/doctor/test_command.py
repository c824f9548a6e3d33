"""`gateway doctor` as a person or a program meets it."""

from __future__ import annotations

import json

import pytest

from gateway.cli import main
from gateway.cli.doctor import format_finding
from gateway.doctor import machine
from gateway.doctor.examination import CHECKS, examine
from gateway.doctor.finding import Verdict, ok, wrong


@pytest.fixture
def on(monkeypatch, capsys):
    """Runs the command on a bench; returns its exit status, and what it prints."""

    def on(bench, *arguments):
        monkeypatch.setattr(machine, "Machine", lambda: bench.machine)
        with pytest.raises(SystemExit) as end:
            main(["doctor", *map(str, arguments)])
        return end.value.code or 0, capsys.readouterr()

    return on


@pytest.fixture
def car(pi):
    file = pi.folder / "car.toml"
    file.write_text(pi.toml)
    return file


def test_a_machine_that_is_well_is_examined_by_every_check_and_passes(pi, on, car):
    code, said = on(pi, car)
    assert code == 0
    assert said.out.endswith(f"\n{len(CHECKS)} checks, 0 findings\n")
    assert "finding  " not in said.out


def test_a_finding_is_shown_with_its_reason_and_the_line_that_mends_it(pi, on, car):
    pi.links[-1]["linkinfo"]["info_data"]["restart_ms"] = 0
    code, said = on(pi, car)
    assert code == 1
    assert "finding         can restart: can0 does not restart after a bus-off" in said.out
    assert "  why:  one short circuit" in said.out
    assert "  mend: sudo ip link set can0 down" in said.out
    assert said.out.endswith("1 finding\n")


def test_programs_get_one_object(pi, on, car):
    pi.links[-1]["txqlen"] = 10
    code, said = on(pi, car, "--json")
    report = json.loads(said.out)
    assert (code, report["findings"]) == (1, 1)
    [queue] = [each for each in report["checks"] if each["check"] == "can transmit queue"]
    assert queue["verdict"] == "finding"
    assert queue["mend"].startswith("sudo ip link set can0 txqueuelen 128")
    assert {each["check"] for each in report["checks"]} == set(CHECKS)


def test_a_laptop_is_no_finding(laptop, on):
    code, said = on(laptop)
    assert code == 0
    assert said.out.count("does not apply") == len(CHECKS) - 1  # its runtime folder is all right


def test_a_wrong_configuration_is_told_in_one_line(pi, on, car):
    car.write_text(pi.toml.replace("bitrate = 500000", "bitrate = 'fast'"))
    code, said = on(pi, car)
    assert code == 2
    assert said.out == ""
    assert said.err.startswith(f'gateway: {car}: source "can0".bitrate: got ')


def test_this_very_machine_is_examined_without_harm(capsys):
    with pytest.raises(SystemExit):
        main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert {each["check"] for each in report["checks"]} == set(CHECKS)


def test_every_check_says_something_on_every_machine(pi, laptop):
    pi.toml = None
    for bench in (pi, laptop):
        found = list(examine(bench.machine, None))
        assert {name for name, _ in found} == set(CHECKS)
        assert not any("cannot be examined" in finding.found for _, finding in found)


def test_an_answer_that_nobody_has_thought_of_ends_one_check_alone(pi, on):
    pi.says("vcgencmd get_throttled", 'error=1 error_msg="Command not registered"\n')
    pi.write("/proc/sys/net/core/rmem_max", "many\n")
    _, said = on(pi)
    assert "does not apply  power: cannot be examined (ValueError: " in said.out
    assert "does not apply  receive buffer: cannot be examined (ValueError: " in said.out
    assert "runtime folder: " in said.out


def test_what_is_all_right_takes_one_line():
    assert format_finding("clock", ok("it is")) == "ok              clock: it is"
    assert len(format_finding("clock", wrong("it is not", "why", "how")).splitlines()) == 3
    assert [verdict.value for verdict in Verdict] == ["ok", "finding", "does not apply"]
