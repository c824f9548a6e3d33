"""docs/reliability.md and tests/reliability are about the same promises."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LINES = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "docs" / "reliability.md").read_text().splitlines()
    if "`make soak ROW=" in line
]
TESTS = {
    path.parent.relative_to(ROOT / "tests" / "reliability").parts[0]
    for path in (ROOT / "tests" / "reliability").glob("*/**/test_*.py")
}


def test_every_row_says_the_promise_its_test_its_command_and_its_figure():
    for cells in LINES:
        assert len(cells) == 4, cells
        assert all(cells), cells


def test_every_rows_command_runs_a_test_that_exists_and_every_test_has_a_row():
    commands = [cells[2].strip("`").partition("ROW=")[2] for cells in LINES]
    assert len(commands) == len(set(commands))
    assert set(commands) == TESTS
