"""The page on security says what whoever relies on it, or attacks it, has to know."""

import re

import pytest
from tests.house.conftest import ROOT

from conduit_cli.commands import conduit

PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n\n(.+?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    "title",
    ["What is guarded", "Against whom", "How it is attacked", "Not promised", "How to report"],
)
def test_what_one_has_to_know_is_there(title: str) -> None:
    """The threats, what is promised and what is not, and how to report; several lines of each."""
    assert SECTIONS[title].count("\n") > 3


def test_attacks_that_are_named_are_made() -> None:
    """Each file that the page names is there."""
    named = re.findall(r"`(tests/[\w/.]+)`", PAGE)
    assert "tests/attacks/" in named
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_commands_against_a_leak_are_there() -> None:
    """Whoever fears that something got out types what works."""
    said = re.findall(r"`conduit (\w+) (\w+)[^`]*`", SECTIONS["How to report"])
    assert said == [("keys", "rewrap"), ("audit", "verify")]
    for group, command in said:
        assert command in conduit.commands[group].commands  # type: ignore[attr-defined] # a group's
