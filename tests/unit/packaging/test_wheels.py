"""Nothing has to be compiled on a Raspberry Pi."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UNREACHABLE = ("NewConnectionError", "Temporary failure in name resolution", "ConnectTimeoutError")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("python", ["3.11", "3.13"], ids=["Debian 12", "Debian 13"])
def test_every_dependency_has_a_wheel_for_aarch64(python, tmp_path):
    # Resolved as `pip download` of docs/raspberry-pi.md does, but nothing is fetched.
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip is not in this environment")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"),
            *("--only-binary=:all:", "--implementation=cp", f"--python-version={python}"),
            *("--platform=manylinux_2_28_aarch64", "--platform=manylinux_2_17_aarch64"),
            *("--platform=manylinux2014_aarch64", "--target", tmp_path),
            *PROJECT["dependencies"],
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and any(sign in done.stderr for sign in UNREACHABLE):
        pytest.skip("the package index is not reachable")
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stdout


def test_the_documented_command_names_every_dependency():
    page = (ROOT / "docs" / "raspberry-pi.md").read_text()
    command = re.search(r"pip download(?:.*\\\n)+.*", page)[0]
    names = {re.split(r"[^\w-]", each)[0] for each in PROJECT["dependencies"]}
    assert names <= set(command.split())
