"""Nothing has to be compiled on a Raspberry Pi."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3] / "pyproject.toml"
UNREACHABLE = ("NewConnectionError", "Temporary failure in name resolution", "ConnectTimeoutError")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("python", ["3.11", "3.13"], ids=["Debian 12", "Debian 13"])
def test_every_dependency_has_a_wheel_for_aarch64(python, tmp_path):
    """The command is that of docs/raspberry-pi.md."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip is not in this environment")
    dependencies = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"),
            *("--only-binary=:all:", "--implementation=cp", f"--python-version={python}"),
            *("--platform=manylinux_2_28_aarch64", "--platform=manylinux_2_17_aarch64"),
            *("--platform=manylinux2014_aarch64", "--target", tmp_path),
            *dependencies,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and any(sign in done.stderr for sign in UNREACHABLE):
        pytest.skip("the package index is not reachable")
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stdout
