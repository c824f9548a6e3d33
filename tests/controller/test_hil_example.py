"""The firmware project's tests on two controllers: the devices at one, the bench at the other."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.controller

EXAMPLE = Path(__file__).parents[2] / "examples" / "hil"


@pytest.mark.timeout(1000)
def test_the_hil_example_passes_between_two_controllers(bus, tmp_path):
    first, second = bus
    file = EXAMPLE / "two-interfaces.toml"
    assert 'channel = "can0"' in (EXAMPLE / "car.toml").read_text()
    assert 'bridge = { can0 = "can1" }' in file.read_text()
    assert (first.name, second.name) == ("can0", "can1")
    told = []
    # A second time for those that failed: on an emulated machine, a pause of a second is nothing.
    for again in ([], ["--last-failed", "--last-failed-no-failures=none"]):
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-rA", f"--bench={file}",
             f"--junitxml={tmp_path}/report.xml", "-o", f"cache_dir={tmp_path}/cache", *again],
            cwd=EXAMPLE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        told.append(run.stdout)
        if run.returncode == 0:
            break
    assert run.returncode == 0, "\n".join(told)
    assert "PASSED tests/test_limp_home.py::test_limp_home_when_the_engine_overheats" in told[0]
