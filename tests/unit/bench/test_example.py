"""The project to copy is whole by itself."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_its_database_is_that_of_the_simulated_car():
    ours = ROOT / "firmware_sim" / "data" / "f1.dbc"
    copied = ROOT / "examples" / "hil" / "f1.dbc"
    assert not copied.is_symlink()
    assert copied.read_bytes() == ours.read_bytes()
