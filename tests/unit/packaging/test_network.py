"""The files for systemd-networkd, read by systemd-networkd."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

NETWORK = Path(__file__).resolve().parents[3] / "systemd" / "network"
NETWORKD = Path("/lib/systemd/systemd-networkd")
UNSHARE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child")

# It reads its files first, and says what it does not understand; the rest does not matter here.
SCRIPT = """
mount -t tmpfs none /run
mkdir -p /run/systemd/network /run/systemd/netif
cp "$1"/* /run/systemd/network/
chmod 644 /run/systemd/network/*
SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=info timeout 2 "$2" 2>&1
"""


def values(name: str) -> dict[str, str]:
    text = (NETWORK / name).read_text()
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


@pytest.fixture
def complaints(tmp_path):
    """What networkd does not understand of the files in a folder."""
    if not NETWORKD.exists():
        pytest.skip(f"systemd-networkd is not here ({NETWORKD})")
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("it becomes another user when it starts, which takes root")

    def complaints():
        done = subprocess.run(
            [*UNSHARE, "sh", "-c", SCRIPT, "sh", tmp_path, NETWORKD],
            capture_output=True,
            text=True,
            check=False,
        )
        # Proof that it has read them: it could not make the virtual bus, or could.
        assert "vcan0: " in done.stdout, done.stdout + done.stderr
        return [line for line in done.stdout.splitlines() if "/run/systemd/network/" in line]

    return complaints


@pytest.mark.slow
def test_networkd_understands_every_line(complaints, tmp_path):
    for file in NETWORK.iterdir():
        shutil.copy(file, tmp_path)
    assert complaints() == []
    wrong = (tmp_path / "can0.network").read_text().replace("RestartSec", "RestartSecs")
    (tmp_path / "can0.network").write_text(wrong)
    assert len(complaints()) == 1


@pytest.mark.parametrize("name", ["can0.network", "can0-fd.network"])
def test_a_bus_gets_its_rate_and_comes_back_after_a_bus_off(name):
    assert values(name)["BitRate"] == "500K"
    assert values(name)["RestartSec"] == "100ms"


def test_a_can_fd_bus_gets_both_of_its_rates():
    fd = values("can0-fd.network")
    assert (fd["FDMode"], fd["DataBitRate"]) == ("yes", "2M")


def test_a_virtual_bus_takes_can_fd_frames():
    assert values("vcan0.netdev")["Kind"] == "vcan"
    assert values("vcan0.network")["MTUBytes"] == "72"


@pytest.mark.parametrize("file", sorted(NETWORK.glob("*.network")), ids=lambda file: file.name)
def test_booting_does_not_wait_for_a_bus(file):
    assert values(file.name)["RequiredForOnline"] == "no"
