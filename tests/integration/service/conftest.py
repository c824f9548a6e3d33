"""The service in a system of its own, under a real systemd."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BOX = Path(__file__).with_name("box")
PYTHON = "/usr/bin/python3"
"""The system's own: the service's user may not enter anybody's home folder, where others are."""

CAR = """
[gateway]
name = "car"

[alarms]
journal = "/var/lib/gateway/car.jsonl"

[[source]]
name = "can0"
type = "can"
interface = "firmware_sim"
channel = "f1"
dbc = ["f1.dbc"]

[[source]]
name = "gps"
type = "serial"
port = "/dev/gateway/gps"
protocol = "nmea0183"

[[rule]]
name = "gps_lost"
signal = "RMC.latitude"
stale_after = "500ms"
"""

# What every script begins with. wait_for COMMAND waits, at most a minute, until that succeeds.
PRELUDE = """
set -u
wait_for() {
    local n
    for n in $(seq 600); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.1; done
    echo "in vain: $*"; exit 1
}
show() { systemctl show --property="$1" --value gateway@car; }
is() { [ "$(show "$1")" = "$2" ]; }
systemd-sysusers /usr/local/lib/sysusers.d/gateway.conf
install -d -o gateway -g gateway /var/lib/gateway
cd /etc/gateway && firmware-sim run scenario.toml > /run/simulator 2>&1 &
"""


def _why_not() -> str | None:
    if os.geteuid() != 0:
        return "to start a systemd of its own takes root"
    if not Path("/lib/systemd/systemd").exists():
        return "systemd is not here: sudo apt install systemd"
    if "cgroup2" not in Path("/proc/mounts").read_text():
        return "there is no cgroup2 file system"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "this kernel has no overlay file system"
    check = [PYTHON, "-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"]
    if shutil.which(PYTHON) is None or subprocess.run(check, capture_output=True).returncode:
        return f"{PYTHON} is not Python 3.11 or newer with python3-venv"
    return None


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    """A folder with what `make install` puts into a system."""
    if reason := _why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("installed")
    done = subprocess.run(
        ["make", "-C", ROOT, "install", f"DESTDIR={folder}", f"PYTHON={PYTHON}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if "No matching distribution found" in done.stderr:
        pytest.skip("the package index is not reachable")
    assert done.returncode == 0, done.stderr
    demo = ROOT / "gateway" / "demo"
    shutil.copy(demo / "scenario.toml", folder / "etc" / "gateway")
    shutil.copy(ROOT / "firmware_sim" / "data" / "f1.dbc", folder / "etc" / "gateway")
    (folder / "etc" / "gateway" / "car.toml").write_text(CAR)
    # What is laid over / lends it its own owner and mode.
    folder.chmod(0o755)
    return folder


@pytest.fixture
def in_box(installed, tmp_path):
    """Runs a script in a new box; returns what it prints."""

    def in_box(script: str) -> str:
        (tmp_path / "script").write_text(PRELUDE + script)
        done = subprocess.run(
            [BOX, tmp_path, installed], capture_output=True, text=True, check=False
        )
        output = tmp_path / "output"
        assert output.exists(), done.stderr + (tmp_path / "console").read_text()
        return output.read_text()

    return in_box
