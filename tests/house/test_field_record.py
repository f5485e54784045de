"""The record of what users ran into names tests that there are, and each report has its own."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
RECORD = (TESTS / "FIELD_RECORD.md").read_text("utf-8")
FOLDERS = (
    *("attacks/", "contract/", "conformance/", "faults/", "house/", "integration/", "unit/"),
    "wire/",
)
NAMED = sorted({each for each in re.findall(r"`([\w/.:]+)`", RECORD) if each.startswith(FOLDERS)})
REPORTS = re.findall(r"`([a-z]+(?:-[a-z0-9]+)+)`", RECORD.partition("## Reports by name")[2])


@pytest.fixture(scope="module")
def words() -> set[str]:
    """Return the words of all tests but this one's: names, and what stands in texts."""
    found = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    return {word for path in found for word in re.findall(r"[\w-]+", path.read_text("utf-8"))}


@pytest.mark.parametrize("named", NAMED)
def test_what_is_named_is_there(named: str) -> None:
    """A test, a module of tests, or a recorded case."""
    path, _, test = named.partition("::")
    if not path.endswith(".py"):
        path += ".case"
    assert (TESTS / path).is_file()
    assert not test or f"def {test}(" in (TESTS / path).read_text("utf-8")


@pytest.mark.parametrize("report", REPORTS)
def test_each_report_has_a_test(report: str, words: set[str]) -> None:
    """By its name, or as a parameter."""
    assert f"test_{report.replace('-', '_')}" in words or report in words


def test_the_record_is_whole() -> None:
    """All reports of the first trial are in it; and something is named."""
    assert len(REPORTS) == len(set(REPORTS)) == 95
    assert len(NAMED) > 100
