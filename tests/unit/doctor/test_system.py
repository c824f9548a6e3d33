"""Clock, disk, processor, power, and the folder for locks."""

from __future__ import annotations

import pytest

from gateway.doctor import disk_space, power, processor, runtime_folder, wall_clock
from gateway.doctor.finding import Verdict

POLICY = "/sys/devices/system/cpu/cpufreq/policy0"
CHRONY = "C0A80001,192.168.0.1,2,1763755200.1,0.0001,0.0,0.0,0.0,0.0,0.0,0.01,0.001,64.2,{}\n"


@pytest.mark.parametrize(
    "check",
    [wall_clock.check, disk_space.check, processor.check, power.check, runtime_folder.check],
)
def test_a_machine_that_is_well_is_all_right(pi, check):
    assert pi.verdicts(check) == [Verdict.OK]


@pytest.mark.parametrize(
    "check", [wall_clock.check, disk_space.check, processor.check, power.check]
)
def test_what_another_machine_does_not_have_is_not_examined(laptop, check):
    assert laptop.only(check).verdict is Verdict.DOES_NOT_APPLY


@pytest.mark.parametrize(
    ("ntp", "mend"),
    [("no", "sudo timedatectl set-ntp true"), ("yes", "timedatectl timesync-status")],
)
def test_a_clock_that_nothing_keeps_right_is_a_finding(pi, ntp, mend):
    pi.says("timedatectl show", f"NTP={ntp}\nNTPSynchronized=no\n")
    assert pi.finding(wall_clock.check).mend.startswith(mend)


@pytest.mark.parametrize(
    ("leap", "verdict"), [("Normal", Verdict.OK), ("Not synchronised", Verdict.FINDING)]
)
def test_chrony_is_asked_where_systemd_does_not_answer(pi, leap, verdict):
    pi.knows_no("timedatectl")
    pi.says("chronyc -c tracking", CHRONY.format(leap))
    assert pi.only(wall_clock.check).verdict is verdict


def test_a_disk_that_is_nearly_full_is_a_finding(pi):
    pi.says("df ", "Avail 1B-blocks Mounted on\n104857600 31138512896 /\n")
    found = pi.finding(disk_space.check)
    assert found.found == "/ has 100 MiB left of 29,696 for alarms.jsonl"


def test_the_disk_of_the_journals_own_folder_is_asked_for(pi):
    asked = []
    pi.says("df ", "Avail 1B-blocks Mounted on\n104857600 31138512896 /\n")
    run = pi._run
    pi._run = lambda command: asked.append(command) or run(command)
    pi.only(disk_space.check)
    assert asked == [
        ("df", "--output=avail,size,target", "--block-size=1", str(pi.folder)),
    ]


def test_without_a_journal_no_disk_is_examined(pi):
    pi.toml = pi.toml.replace('journal = "alarms.jsonl"', "")
    assert pi.only(disk_space.check).verdict is Verdict.DOES_NOT_APPLY


def test_a_processor_kept_at_its_slowest_is_a_finding(pi):
    pi.write(f"{POLICY}/scaling_governor", "powersave\n")
    found = pi.finding(processor.check)
    assert "always 600 MHz" in found.found
    assert found.mend.startswith("echo ondemand | sudo tee")


def test_a_governor_of_that_name_that_is_as_fast_as_needed_is_all_right(pi):
    pi.write(f"{POLICY}/scaling_governor", "powersave\n")
    pi.write(f"{POLICY}/scaling_driver", "intel_pstate\n")
    assert pi.only(processor.check).verdict is Verdict.OK


def test_a_processor_that_is_limited_is_a_finding(pi):
    pi.write(f"{POLICY}/scaling_max_freq", "1000000\n")
    assert "limited to 1,000 of 1,800 MHz" in pi.finding(processor.check).found


@pytest.mark.parametrize(
    ("throttled", "found"),
    [
        ("0x1", ["under-voltage now"]),
        ("0x50000", ["under-voltage since the start", "throttled since the start"]),
        ("0x50005", ["under-voltage now", "throttled now"]),
        ("0x50001", ["under-voltage now", "throttled since the start"]),
        ("0x80008", ["throttled now"]),
        ("0xe0000", ["throttled since the start"]),
    ],
)
def test_too_little_power_and_too_much_heat_are_findings(pi, throttled, found):
    pi.says("vcgencmd get_throttled", f"throttled={throttled}\n")
    findings = pi.ask(power.check)
    assert [finding.found for finding in findings] == found
    assert {finding.verdict for finding in findings} == {Verdict.FINDING}


@pytest.mark.parametrize(("alarm", "verdict"), [("0", Verdict.OK), ("1", Verdict.FINDING)])
def test_the_kernels_sensor_is_asked_where_the_firmwares_tool_is_missing(pi, alarm, verdict):
    pi.knows_no("vcgencmd")
    pi.write("/sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    pi.write("/sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    pi.write("/sys/class/hwmon/hwmon1/in0_lcrit_alarm", f"{alarm}\n")
    assert pi.only(power.check).verdict is verdict


def test_a_pi_that_says_nothing_of_its_power_is_not_judged(pi):
    pi.knows_no("vcgencmd")
    assert pi.only(power.check).verdict is Verdict.DOES_NOT_APPLY


def test_a_runtime_folder_that_cannot_be_made_is_a_finding(pi):
    pi.says("test -w", code=1)
    found = pi.finding(runtime_folder.check)
    assert found.found == "/run/user/1000/gateway cannot be made by pi"


def test_a_runtime_folder_that_cannot_be_written_is_a_finding(pi):
    pi.write("/run/user/1000/gateway/old.lock", "")
    pi.says("test -w", code=1)
    assert pi.finding(runtime_folder.check).found == (
        "/run/user/1000/gateway cannot be written by pi"
    )


def test_the_services_runtime_folder_is_the_one_that_systemd_gives_it(pi):
    pi.environment = {"RUNTIME_DIRECTORY": "/run/gateway/car"}
    assert pi.only(runtime_folder.check).found == "/run/gateway/car can be made"
