"""`pip install '.[...]'`, wherever somebody is told to type it, installs something."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
PLACES = ("*.md", "Makefile", "docs/*.md", "examples/**/*.md", "gateway/**/*.py",
          "firmware_sim/**/*.py", "benchmarks/*.py", "tests/**/*.py")  # fmt: skip


def test_every_extra_that_somebody_is_told_to_install_is_one():
    named = {
        extra: str(path.relative_to(ROOT))
        for place in PLACES
        for path in ROOT.glob(place)
        for extras in re.findall(r"(?:\.|embedded-gateway)\[([a-z0-9,]+)\]", path.read_text())
        for extra in extras.split(",")
    }
    assert named.keys() >= {"mf4", "bench", "obd"}, "they are looked for where they stand"
    assert {extra: where for extra, where in named.items() if extra not in EXTRAS} == {}
