"""The walk through the surfaces names tests that there are."""

import re

import pytest
from tests.house.test_track_record import MATRICES, ROOT, files_of, words_of

CLAUSES = (ROOT / "tests" / "SURFACES_CLAUSES.md").read_text("utf-8")
ROWS = [line for line in CLAUSES.splitlines() if line.startswith("| ")]
HELD_BY = sorted(set(re.findall(r"`(\w+/[\w/]*test_\w+\.py[^`]*)`", CLAUSES)))


@pytest.mark.parametrize("held", HELD_BY)
def test_what_holds_a_sentence_is_there(held: str) -> None:
    """The file, and each part of a name that its tests are chosen by."""
    files = files_of(f"tests/{held}")
    assert [path for path in files if not path.is_file()] == []
    if any(path.name in MATRICES for path in files):
        return
    names = " ".join(re.findall(r"def (test_\w+)", files[0].read_text("utf-8")))
    assert [word for word in words_of(held) if word not in names] == []


def test_each_sentence_is_held() -> None:
    """None has an empty cell, or one of words alone."""
    held = [row for row in ROWS if "test_" in row.rpartition(" | ")[2]]
    assert len(ROWS) - len(held) == CLAUSES.count("| sentence | held by |") == 11
    assert len(held) > 50
