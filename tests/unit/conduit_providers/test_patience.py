"""How long models may be silent, by their names and by the rows of a catalog."""

import pytest

from conduit_providers.model_rows import ModelMatch, ModelRow
from conduit_providers.patience import REASONING, USUAL, Patience, usual_patience
from conduit_providers.spec import Endpoint


@pytest.mark.parametrize(
    "model",
    [
        "o3",
        "o4-mini",
        "openai/o1-pro",
        "gpt-5.1",
        "claude-sonnet-4-5",
        "us.anthropic.claude-opus-4-1-v1:0",
        "gemini-2.5-pro",
        "deepseek-reasoner",
        "accounts/fireworks/models/deepseek-r1",
        "Qwen3-235B-A22B-Thinking",
    ],
)
def test_models_that_think_may_be_silent_for_longer(model: str) -> None:
    """By whatever provider, under whatever prefix."""
    assert usual_patience(model) is REASONING


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-4.1-mini", "mistral-large-3", "llama-4-maverick", "gemini-2.0-flash"]
)
def test_other_models_may_not(model: str) -> None:
    """A part of a name that looks like a family is none."""
    assert usual_patience(model) is USUAL


def test_silences_are_as_long_as_documented() -> None:
    """Half a minute, and longer for models that think unseen; whole answers come when they end."""
    assert (USUAL.first_token, USUAL.idle, USUAL.whole) == (30.0, 30.0, 120.0)
    assert (REASONING.first_token, REASONING.idle, REASONING.whole) == (120.0, 120.0, 600.0)


def test_rows_of_the_catalog_win_over_names() -> None:
    """The first that fits and says something."""
    own = Patience(first_token=7.0)
    rows = (
        ModelRow(match=ModelMatch(contains="mini")),
        ModelRow(match=ModelMatch(starts_with="gpt-5"), patience=own),
        ModelRow(),
    )
    endpoint = Endpoint(codec="openai_chat", path="/chat/completions", models=rows)
    assert endpoint.patience_of("gpt-5-mini") is own
    assert endpoint.patience_of("o3-mini") is REASONING
    assert endpoint.patience_of("gpt-4o") is USUAL
