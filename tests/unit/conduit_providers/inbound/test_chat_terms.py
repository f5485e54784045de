"""The terms on which providers take translated chats."""

from tests.support.replays import CATALOG

from conduit_providers.inbound.chat_terms import terms_of


def test_models_that_reason_are_told_how_hard() -> None:
    """OpenAI's by the name of their limit; others where the catalog knows their efforts."""
    openai = CATALOG.find("OpenAI").endpoints["chat"]
    assert terms_of(openai, "gpt-6").takes_effort
    assert not terms_of(openai, "gpt-4o").takes_effort
    assert not terms_of(openai, "gpt-4o").takes_marks
    assert terms_of(CATALOG.find("Gemini").endpoints["chat"], "gemini-3-pro").takes_effort
    assert terms_of(CATALOG.find("OpenRouter").endpoints["chat"], "x").takes_marks
