"""What the demo takes of a computer, all of its processes together, the simulator included."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

MEASURE = Path(__file__).parents[3] / "benchmarks" / "end_to_end_demo.py"

OF_A_CORE = 5.0
PSS_MIB = 200
START_S = 2.0


@pytest.mark.slow
def test_the_demo_takes_little_and_is_there_soon(amount, limit, figure, tmp_path, monkeypatch):
    seconds = amount(short=4, long=60)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))  # for it alone
    command = [sys.executable, str(MEASURE), "--seconds", str(seconds)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    first_s = float(re.search(r"screen: ([\d.]+) s", said)[1])
    of_a_core, pss_mib = map(float, re.search(r"\nall +([\d.]+) +([\d.]+)\n", said).groups())
    figure(
        f"the demo takes {of_a_core:.1f} % of a core and {pss_mib:.0f} MiB, and shows its first"
        f" value after {first_s:.1f} s"
    )
    assert pss_mib < PSS_MIB
    assert of_a_core < limit(OF_A_CORE, slack=4)
    assert first_s < limit(START_S)
