"""The map of the code does not name what is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FOLDERS = [ROOT, ROOT / "docs", *(ROOT / "gateway").glob("**/")]


def test_every_file_and_folder_on_the_map_exists():
    named = set(re.findall(r"`([\w./]+(?:\.py|\.md|\.toml|/))`", PAGE))
    assert len(named) > 30
    missing = {name for name in named if not any((base / name).exists() for base in FOLDERS)}
    assert not missing


def test_every_package_is_on_the_map():
    packages = {path.parent.name for path in (ROOT / "gateway").glob("*/__init__.py")}
    assert {name for name in packages if f"`gateway/{name}/`" not in PAGE} <= {"demo"}
