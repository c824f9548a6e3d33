"""The service unit, judged by systemd's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.config.load import load_config

SYSTEMD = Path(__file__).resolve().parents[3] / "systemd"
UNIT = (SYSTEMD / "gateway@.service").read_text()


@pytest.fixture
def analyze():
    """Runs systemd-analyze; returns what it says."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here: sudo apt install systemd")

    def analyze(*arguments):
        return subprocess.run(
            ["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, check=False
        )

    return analyze


def settings(text: str, name: str) -> list[str]:
    """The values of a setting, in the file's order."""
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("drop_ins", [[], ["packet-ring.conf"]], ids=["as it is", "packet ring"])
def test_the_service_is_exposed_to_little(analyze, tmp_path, drop_ins):
    units = tmp_path / "etc" / "systemd" / "system"
    (units / "gateway@.service.d").mkdir(parents=True)
    shutil.copy(SYSTEMD / "gateway@.service", units)
    for drop_in in drop_ins:
        shutil.copy(SYSTEMD / drop_in, units / "gateway@.service.d")
    said = analyze(f"--root={tmp_path}", "security", "--offline=true", "gateway@car.service")
    assert said.returncode == 0, said.stderr
    assert float(re.search(r"exposure level for \S+: ([\d.]+)", said.stdout)[1]) <= 2.5


def test_systemd_knows_every_setting_of_the_unit(analyze, tmp_path):
    # The program is not installed where this runs.
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT, flags=re.MULTILINE)
    unit = tmp_path / "gateway@car.service"
    unit.write_text(text)
    said = analyze("verify", "--man=no", unit)
    assert (said.returncode, said.stderr) == (0, "")
    unit.write_text(text.replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in analyze("verify", "--man=no", unit).stderr


def test_systemd_watches_the_service_and_never_gives_it_up():
    assert settings(UNIT, "Type") == ["notify"]
    assert settings(UNIT, "WatchdogSec") == ["20"]
    assert settings(UNIT, "Restart") == ["always"]
    assert settings(UNIT, "StartLimitIntervalSec") == ["0"]
    assert settings(UNIT, "KillMode") == ["mixed"]


def test_the_service_has_no_capability_unless_it_is_given_one():
    ring = (SYSTEMD / "packet-ring.conf").read_text()
    for name in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert settings(UNIT, name) == [""]
        assert settings(ring, name) == ["CAP_NET_RAW"]


def test_the_service_may_open_can_sockets_and_no_network():
    [families] = settings(UNIT, "RestrictAddressFamilies")
    assert set(families.split()) == {"AF_CAN", "AF_PACKET", "AF_UNIX", "AF_NETLINK"}


def test_the_service_may_open_an_adapter_whose_driver_is_loaded_later():
    # Either of them makes a list of devices, which is looked up when the service starts.
    assert settings(UNIT, "DeviceAllow") == settings(UNIT, "ProtectClock") == []
    assert settings(UNIT, "PrivateDevices") == []


def test_the_user_of_the_service_is_made_with_the_group_of_serial_ports():
    users = (SYSTEMD / "sysusers.conf").read_text()
    [user] = settings(UNIT, "User")
    assert re.search(rf"^u {user} ", users, re.MULTILINE)
    assert re.search(rf"^m {user} dialout$", users, re.MULTILINE)
    assert settings(UNIT, "SupplementaryGroups") == ["dialout"]


def test_two_services_do_not_share_a_runtime_folder():
    # systemd removes the folder with the first of them that stops.
    assert settings(UNIT, "RuntimeDirectory") == ["gateway/%i"]


def test_the_example_is_right_but_for_the_folder_that_the_service_makes(tmp_path):
    text = (SYSTEMD / "example.toml").read_text()
    (tmp_path / "car.toml").write_text(text.replace("/var/lib/gateway", str(tmp_path)))
    config = load_config(tmp_path / "car.toml")
    assert [source.name for source in config.source] == ["can0", "gps"]
