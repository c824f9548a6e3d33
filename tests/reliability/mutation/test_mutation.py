"""Wherever a rule or a decoder is changed, a test fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

MUTATE = Path(__file__).with_name("mutate.py")
EXPLAINED = Path(__file__).with_name("survivors.toml")
LEAST_KILLED = 0.95

ANALYSIS = [
    f"tests/unit/analysis/test_{name}.py"
    for name in ("states", "rules", "limits", "silence", "quiet", "alarm_text", "resumable",
                 "documentation", "batches")
]  # fmt: skip
SERIAL = {
    "csv": ("csv", "details", "any_chunking"),
    "framed": ("framed", "details", "any_chunking"),
    "lines": ("lines", "details", "any_chunking"),
    "nmea0183": ("nmea0183", "details", "any_chunking"),
    "nmea0183_readers": ("nmea0183",),
    "nmea0183_sentences": ("documentation", "nmea0183"),
    "slot": ("csv", "lines", "details", "framed", "nmea0183"),
    "splitter": ("splitter", "details", "any_chunking"),
    "stream": ("details", "csv", "lines", "nmea0183"),
}
CAN = {
    "can_fast_packet": ("fast_packets",),
    "can_field": ("field", "values"),
    "can_forms": ("forms",),
    "can_functions": ("values", "not_available", "frames", "fast_packets"),
    "can_ids": ("ids", "frames"),
    "can_pieces": ("pieces", "at_once", "not_available"),
    "can_room": ("room", "at_once", "frames"),
    "can_tree": ("forms", "frames"),
    "can_words": ("words", "values", "at_once"),
    "can_work": ("work", "at_once"),
    "database": ("database", "database_errors", "database_sizes", "parameter_groups"),
    "database_sizes": ("database_sizes",),
    "frames": ("frames", "fast_packets", "values"),
}
AT_ONCE = ("at_once", "frames", "values", "not_available", "fast_packets")
"""The tests of those that decode many frames at once."""
AREAS = {
    "rules": ("gateway/analysis", ANALYSIS),
    **{
        f"{module} decoder": (
            f"gateway/decode/{module}.py",
            [f"tests/unit/serial/test_{name}.py" for name in names],
        )
        for module, names in SERIAL.items()
    },
    **{
        f"CAN decoder, {path.stem}": (
            f"gateway/decode/{path.name}",
            [f"tests/unit/decode_can/test_{name}.py" for name in CAN.get(path.stem, AT_ONCE)],
        )
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


@pytest.mark.parametrize(
    ("code", "was", "becomes"),
    [
        ("analysis/states.py", "t_ns - since_ns >= on_delay_ns", "t_ns - since_ns > on_delay_ns"),
        (
            "analysis/states.py",
            "(_S.ACTIVE, _Z.BAND): _S.ACTIVE",
            "(_S.ACTIVE, _Z.BAND): _S.NORMAL",
        ),
        ("analysis/limits.py", "judged > rule.high", "judged >= rule.high"),
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
    sample = str(amount(10, 10_000))
    changes = mutate(code, *tests, "--sample", sample, "--explained", str(EXPLAINED))
    became = Counter(change["outcome"] for change in changes)
    killed = became["killed"] + became["timeout"]
    figure(
        f"{area}: {killed} of {len(changes)} changes found,"
        f" {became['explained']} explained, {became['survived']} not"
    )
    for each in changes:
        if each["outcome"] == "survived":
            print(f"{each['module']}:{each['line']}\n  was {each['was']}\n  is  {each['is']}")
    assert killed >= LEAST_KILLED * (killed + became["survived"])
