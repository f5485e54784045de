"""The walk through voice and images names tests, and recorded exchanges, that there are."""

import re
from pathlib import Path

import pytest
from tests.house.test_track_record import MATRICES, ROOT, files_of, words_of

CLAUSES = (ROOT / "tests" / "VOICE_CLAUSES.md").read_text("utf-8")
ROWS = [line for line in CLAUSES.splitlines() if line.startswith("| ")]
HELD_BY = sorted(set(re.findall(r"`(\w+/[\w/]*test_\w+\.py[^`]*)`", CLAUSES)))
RECORDED = sorted(set(re.findall(r"`(wire/[\w/]+)`", CLAUSES)))


@pytest.mark.parametrize("held", HELD_BY)
def test_what_holds_a_sentence_is_there(held: str) -> None:
    """The file, and each part of a name that its tests are chosen by."""
    files = files_of(f"tests/{held}")
    assert [path for path in files if not path.is_file()] == []
    if any(path.name in MATRICES for path in files):
        return
    names = " ".join(re.findall(r"def (test_\w+)", files[0].read_text("utf-8")))
    assert [word for word in words_of(held) if word not in names] == []


@pytest.mark.parametrize("recorded", RECORDED)
def test_what_was_recorded_is_there(recorded: str) -> None:
    """A case, a session, or a folder of them."""
    path = ROOT / "tests" / recorded
    assert (
        _cases(path)
        or path.with_suffix(".case").is_file()
        or path.with_suffix(".session").is_file()
    )


def test_each_sentence_is_held() -> None:
    """None has an empty cell, or one of words alone."""
    held = [row for row in ROWS if "test_" in row.rpartition(" | ")[2] or "wire/" in row]
    assert len(ROWS) - len(held) == CLAUSES.count("| sentence | held by |") == 8
    assert len(held) > 60


def _cases(folder: Path) -> list[Path]:
    return [*folder.glob("*.case"), *folder.glob("*.session")]
