"""The firmware project's tests on two controllers: the devices at one, the bench at the other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.controller

EXAMPLE = Path(__file__).parents[2] / "examples" / "hil"
LAB = Path(__file__).parents[1] / "lab"


@pytest.mark.timeout(1000)
def test_the_hil_example_passes_between_two_controllers(bus, tmp_path):
    first, second = bus
    file = EXAMPLE / "two-interfaces.toml"
    assert 'channel = "can0"' in (EXAMPLE / "car.toml").read_text()
    assert 'bridge = { can0 = "can1" }' in file.read_text()
    assert (first.name, second.name) == ("can0", "can1")
    # The emulated bus takes no time, so a burst of six frames is more than a controller has room
    # for: cycle times are not to be measured here.
    tolerant = tmp_path / "two-interfaces.toml"
    text = file.read_text().replace('"car.toml"', f'"{EXAMPLE}/car.toml"')
    text = text.replace("[isotp.engine]", '[isotp.engine]\ntimeout = "10s"')
    text = text.replace('"scenario.toml"', f'"{EXAMPLE}/scenario.toml"')
    tolerant.write_text(f'tolerates = ["bus_errors", "drops"]\nready_within = "60s"\n{text}')
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-p", "again",
         "-k", "not cycle_time",
         f"--bench={tolerant}", f"--junitxml={tmp_path}/report.xml"],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": f"{LAB}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    assert "PASSED tests/test_limp_home.py::test_limp_home_when_the_engine_overheats" in run.stdout
