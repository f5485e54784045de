"""What models take of what callers ask in Anthropic's own words."""

from typing import Literal

import pytest

from conduit_providers.codecs.anthropic.options import ChatModel
from conduit_providers.codecs.shared.claude_thinking import adaptive, is_for

OLD = ChatModel(thinking="budget")
BETWEEN = ChatModel(takes_budget=True)
NEW = ChatModel()
MODELS = {"old": OLD, "between": BETWEEN, "new": NEW}


@pytest.mark.parametrize(
    ("kind", "takers"),
    [("enabled", {"old", "between"}), ("adaptive", {"between", "new"}), ("disabled", set(MODELS))],
)
def test_budgets_end_where_efforts_began(kind: str, takers: set[str]) -> None:
    """With one generation in between that takes both."""
    assert {name for name, model in MODELS.items() if is_for({"type": kind}, model)} == takers


@pytest.mark.parametrize("least", ["between_tools", "low"])
def test_some_always_think(least: Literal["between_tools", "low"]) -> None:
    """They refuse to be told not to."""
    assert not is_for({"type": "disabled"}, ChatModel(least_thinking=least))


@pytest.mark.parametrize("asked", [None, 7, "enabled", [], {}, {"type": None}, {"type": "new"}])
def test_what_makes_no_sense_is_the_providers_to_judge(asked: object) -> None:
    """It passes as it is."""
    assert all(is_for(asked, model) for model in MODELS.values())


def test_the_rest_stays_without_a_budget() -> None:
    """Such as how thoughts are shown."""
    asked = {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}
    assert adaptive(asked) == {"type": "adaptive", "display": "omitted"}
