"""The reasons to stop in OpenAI's words, where servers of its dialect have words of their own."""

from collections.abc import Mapping

from conduit_providers.failures import error_in_stream

# https://platform.openai.com/docs/api-reference/chat/object#chat-object-choices
REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_MEANINGS: Mapping[str, str] = {
    "max_tokens": "length",
    "max_length": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "recitation": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
}
# The answer is not whole, and not for its length.
_FAILURES = frozenset(
    {"abort", "aborted", "error", "failed", "insufficient_system_resource", "network_error"}
)


def reason_of(word: str, provider: str, *, has_calls: bool = False) -> str:
    """Return a provider's word in OpenAI's; one that nobody knows is the good end that it came as.

    An answer that calls tools ends for that: agents that read `stop` would not run them.
    UpstreamError if it says that the answer failed.
    """
    plain = word.lower()
    if plain in _FAILURES:
        raise error_in_stream({"message": "the generation failed", "code": word}, provider)
    known = plain if plain in REASONS else _MEANINGS.get(plain, "stop")
    return "tool_calls" if has_calls and known == "stop" else known
