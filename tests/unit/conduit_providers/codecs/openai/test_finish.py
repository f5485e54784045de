"""Reasons to stop that OpenAI does not have, in its words."""

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.openai.finish import REASONS, reason_of


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_openais_own_words_stay(reason: str) -> None:
    """In any case of letters."""
    assert reason_of(reason, "P") == reason_of(reason.upper(), "P") == reason


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("", "stop"),
        ("model_length", "length"),
        ("MAX_TOKENS", "length"),
        ("tool_use", "tool_calls"),
        ("sensitive", "content_filter"),
    ],
)
def test_other_words_are_told_in_openais(word: str, reason: str) -> None:
    """SDKs check the word, and refuse an answer with one that they do not know."""
    assert reason_of(word, "P") == reason


@pytest.mark.parametrize("word", ["new", "stop", "STOP", ""])
def test_an_answer_with_calls_ends_for_them(word: str) -> None:
    """Agents go by it to make them: https://github.com/googleapis/python-genai/issues/2868."""
    assert reason_of(word, "P", has_calls=True) == "tool_calls"
    assert reason_of("length", "P", has_calls=True) == "length"


@pytest.mark.parametrize("word", ["insufficient_system_resource", "network_error", "Error"])
def test_an_answer_that_failed_does_not_look_whole(word: str) -> None:
    """Where DeepSeek ran out of means, the answer is cut."""
    with pytest.raises(UpstreamError, match="the generation failed") as failed:
        reason_of(word, "P")
    assert failed.value.metadata["upstream_code"] == word
