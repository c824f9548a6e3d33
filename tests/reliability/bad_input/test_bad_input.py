"""Bad input at every entry point: refused by a line, or counted; soon, and in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ATTACK = Path(__file__).with_name("attack.py")
LONGEST_MS = 50
MOST_MB = 32
"""By which a process may have grown: freed memory does not all go back."""
MOST_PEAK_MB = 64
"""What a process may have taken for a moment."""


@pytest.fixture
def attack(figure, limit):
    """Attack all entry points; check what came of it, and say so."""

    def attack(kind, amount, what):
        environ = os.environ | {"BAD_INPUT_RECORDINGS": str(ATTACK.parents[4] / "shared" / "data")}
        command = [sys.executable, str(ATTACK), kind, str(amount)]
        run = subprocess.run(command, env=environ, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        told = [json.loads(line) for line in run.stdout.splitlines()]
        faults = {each["entry"]: each["faults"] for each in told if each["faults"]}
        given = sum(each.get("inputs", 0) for each in told)
        slowest = max(told, key=lambda each: each.get("slowest_ms", 0))
        grew = max(each.get("grew_mb", 0) for each in told)
        peak = max(each.get("peak_mb", 0) for each in told)
        memory = f", took {peak:.1f} MB and kept {grew:.1f} MB at most" if peak else ""
        figure(
            f"{given:,} {what}: {len(faults)} of {len(told)} entry points at fault,"
            f" slowest {slowest['slowest_ms']:.1f} ms ({slowest['entry']}){memory}"
        )
        assert not faults, "\n".join(text for texts in faults.values() for text in texts)
        assert slowest["slowest_ms"] < limit(LONGEST_MS), slowest
        assert grew < MOST_MB, told
        assert peak < MOST_PEAK_MB, told
        return given

    return attack


@pytest.mark.parametrize("kind", ["random", "mutated"])
def test_bad_input_is_refused_or_counted(attack, amount, kind):
    inputs = amount(3_000, 1_000_000)
    assert attack(kind, inputs, f"{kind} inputs") == inputs


def test_input_with_the_right_shape_and_anything_inside_is_refused_or_counted(attack, amount):
    attack("structured", amount(40, 10_000), "inputs by Hypothesis")


@pytest.mark.skipif(
    not find_spec("atheris"), reason="atheris is not installed: pip install '.[soak]'"
)
@pytest.mark.usefixtures("long_form")
def test_input_that_reaches_new_code_is_refused_or_counted(attack, amount):
    attack("guided", amount(1, 60), "inputs by atheris")
