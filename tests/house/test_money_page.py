"""docs/money.md promises nothing without a test that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "money.md").read_text("utf-8")
# Rows that say what holds, and by which test.
ROW = re.compile(r"^\| [A-Z].*\| (.*) \|$", re.MULTILINE)


def test_every_promise_names_a_test() -> None:
    """By its file."""
    rows = [row for row in ROW.findall(PAGE) if "shown by" not in row]
    assert len(rows) > 10
    assert [row for row in rows if "tests/" not in row] == []


def test_the_tests_that_are_named_are_there() -> None:
    """Files, and functions in one of them."""
    files = {ROOT / name for name in re.findall(r"`(tests/[\w/]+\.py)`", PAGE)}
    assert [file for file in files if not file.is_file()] == []
    defined = {
        name
        for file in files | set((ROOT / "tests").glob("**/test_idempotency.py"))
        for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE)) - {file.stem for file in files}
    assert named - defined == set()
