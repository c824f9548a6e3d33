"""The firmware project's tests, as they are, with its devices on an interface of the kernel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.socketcan

EXAMPLE = Path(__file__).parents[2] / "examples" / "hil"
LAB = Path(__file__).parents[1] / "lab"


@pytest.mark.timeout(480)
def test_the_hil_example_passes_on_vcan(vcan, tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-p", "again",
         f"--bench={vcan.name}", f"--junitxml={tmp_path}/report.xml"],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": f"{LAB}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    assert "PASSED tests/test_limp_home.py::test_limp_home_when_the_engine_overheats" in run.stdout
    assert (
        "cannot inject.short_line: its bus is the kernel's, which has no short_line" in run.stdout
    )
