"""The record of faults, and those of clauses, name tests that there are: also those renamed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAULTS = ROOT / "tests" / "faults"
RECORD = (FAULTS / "TRACK_RECORD.md").read_text("utf-8")
CLAUSES = {
    name: (ROOT / "tests" / name / "CLAUSES.md").read_text("utf-8")
    for name in ("attacks", "faults")
}
# Commands in the first tables; what holds a report is a file, of this folder where it says no more.
COMMANDS = re.findall(r"`(?:\.venv/bin/pytest )?((?:-m slow )?(?:tests/|test_)[^`]*)`", RECORD)
# Each test of a clause, from the folder of all tests on.
HELD_BY = [
    f"tests/{each}"
    for text in CLAUSES.values()
    for each in re.findall(r"`(\w+/[\w/]*test_\w+\.py[^`]*)`", text)
]
# Their tests are named by what they are met with.
MATRICES = ("test_fault_matrix.py", "test_session_faults.py")


def files_of(command: str) -> list[Path]:
    """Return the files with tests that a command names; a folder stands for all in it."""
    found = []
    for name in re.findall(r"\S*test\S*", command.partition(" -k ")[0]):
        path = ROOT / (name if "/" in name else f"tests/faults/{name}").partition("::")[0]
        found += sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
    return found


def words_of(command: str) -> list[str]:
    """Return the parts of names that a command chooses tests by."""
    after = re.search(r' -k (?:"([^"]*)"|(\S+))', command)
    chosen = (after[1] or after[2]) if after else ""
    return [word for word in re.split(r" (?:or|and) ", chosen) if word]


@pytest.mark.parametrize("command", [*COMMANDS, *HELD_BY])
def test_each_command_runs_tests_that_there_are(command: str) -> None:
    """By their files, and by each part of a name that it chooses them by."""
    files = files_of(command)
    assert files
    assert [path for path in files if not path.is_file()] == []
    if any(path.name in MATRICES for path in files):
        return
    names = " ".join(
        name for path in files for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))
    )
    assert [word for word in words_of(command) if word not in names] == []


def test_there_are_commands() -> None:
    """Otherwise nothing was held to anything."""
    assert len(COMMANDS) > 50
    assert len(HELD_BY) > 200


@pytest.mark.parametrize("clauses", CLAUSES.values(), ids=CLAUSES)
def test_each_clause_is_held_by_a_test(clauses: str) -> None:
    """None has an empty cell, or one of words alone."""
    rows = [line for line in clauses.splitlines() if line.startswith("| ")]
    held = [row for row in rows if "test_" in row.rpartition(" | ")[2]]
    assert len(rows) - len(held) == clauses.count("| sentence | held by |")
