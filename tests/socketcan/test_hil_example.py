"""The firmware project's tests, as they are, with its devices on an interface of the kernel."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.socketcan

EXAMPLE = Path(__file__).parents[2] / "examples" / "hil"


@pytest.mark.timeout(480)
def test_the_hil_example_passes_on_vcan(vcan, tmp_path):
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"]
    report = tmp_path / "report.xml"
    run = subprocess.run(
        [*command, f"--bench={vcan.name}", f"--junitxml={report}"],
        cwd=EXAMPLE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    assert "PASSED tests/test_limp_home.py::test_limp_home_when_the_engine_overheats" in run.stdout
    assert "cannot inject.short_line: its bus is the kernel's" in run.stdout
