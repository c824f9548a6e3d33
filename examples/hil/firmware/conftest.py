"""Builds the firmware before it is tested."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def bench_file():
    """The bench; the firmware that its scenario starts is up to date."""
    if not (shutil.which("make") and shutil.which("cc")):
        pytest.skip("needs make and cc, to build the firmware")
    subprocess.run(["make", "--silent"], cwd=FOLDER, check=True)
    return FOLDER / "bench.toml"
