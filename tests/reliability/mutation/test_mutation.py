"""Wherever a rule or a decoder is changed, a test fails."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

MUTATE = Path(__file__).with_name("mutate.py")
EXPLAINED = tomllib.loads(Path(__file__).with_name("survivors.toml").read_text())["survivor"]
LEAST_KILLED = 0.95

ANALYSIS = [
    f"tests/unit/analysis/test_{name}.py"
    for name in ("states", "rules", "limits", "silence", "alarm_text", "resumable",
                 "documentation", "batches")
]  # fmt: skip
SERIAL = [
    f"tests/unit/serial/test_{name}.py"
    for name in ("details", "splitter", "csv", "lines", "framed", "nmea0183", "documentation",
                 "any_chunking")
]  # fmt: skip
CAN = [
    f"tests/unit/decode_can/test_{name}.py"
    for name in (
        "frames",
        "values",
        "not_available",
        "database",
        "database_sizes",
        "fast_packets",
        "beside_cantools",
    )
]
AREAS = {
    "rules": ("gateway/analysis", ANALYSIS),
    **{
        f"{name} decoder": (f"gateway/decode/{name}.py", SERIAL)
        for name in ("csv", "framed", "lines", "nmea0183", "nmea0183_readers",
                     "nmea0183_sentences", "slot", "splitter", "stream")
    },
    **{
        f"CAN decoder, {path.stem}": (f"gateway/decode/{path.name}", CAN)
        for path in sorted((MUTATE.parents[3] / "gateway" / "decode").glob("*.py"))
        if path.stem.startswith(("can_", "database", "frames"))
    },
}  # fmt: skip


@pytest.fixture
def mutate():
    """Run the program; return what became of each change."""

    def mutate(*arguments):
        run = subprocess.run(
            [sys.executable, str(MUTATE), *arguments], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        return [json.loads(line) for line in run.stdout.splitlines()]

    return mutate


def is_explained(change):
    return any(
        change["module"].endswith(each["module"])
        and [change["was"], change["is"]] in each["changes"]
        for each in EXPLAINED
    )


@pytest.mark.parametrize(
    ("code", "was", "becomes"),
    [
        ("analysis/states.py", "t_ns - since_ns >= on_delay_ns", "t_ns - since_ns > on_delay_ns"),
        (
            "analysis/states.py",
            "(_S.ACTIVE, _Z.BAND): _S.ACTIVE",
            "(_S.ACTIVE, _Z.BAND): _S.NORMAL",
        ),
        ("analysis/limits.py", "judged > self._high[slots]", "judged >= self._high[slots]"),
    ],
)
def test_a_change_of_a_rule_is_found_by_its_tests(mutate, code, was, becomes):
    tests = [name for name in ANALYSIS if "batches" not in name and "resumable" not in name]
    [change] = mutate(f"gateway/{code}", *tests, "--change", was, becomes)
    assert change["outcome"] == "killed"


@pytest.mark.usefixtures("long_form")
@pytest.mark.skipif(not find_spec("mutmut"), reason="no mutmut: pip install '.[soak]'")
@pytest.mark.parametrize("area", AREAS)
def test_nearly_every_change_is_found_and_every_other_is_explained(mutate, amount, figure, area):
    code, tests = AREAS[area]
    changes = mutate(code, *tests, "--sample", str(amount(10, 10_000)))
    survived = [change for change in changes if change["outcome"] == "survived"]
    unexplained = [change for change in survived if not is_explained(change)]
    killed = len(changes) - len(survived)
    counted = killed + len(unexplained)
    figure(
        f"{area}: {killed} of {len(changes)} changes found,"
        f" {len(survived) - len(unexplained)} explained, {len(unexplained)} not"
    )
    for each in unexplained:
        print(f"{each['module']}:{each['line']}\n  was {each['was']}\n  is  {each['is']}")
    assert killed >= LEAST_KILLED * counted
