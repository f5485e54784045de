"""The ends of Gemini's answers: its finish reasons in OpenAI's words, and those that are failures.

https://ai.google.dev/api/generate-content#FinishReason
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from conduit.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    FinishReason,
)
from conduit_kernel.errors import ContentPolicy, UpstreamError, UpstreamRefused
from conduit_providers.codecs.gemini.answer import Candidate


class Finish(NamedTuple):
    """The finish reason; `native` where Google's word says more."""

    reason: "FinishReason.ValueType"
    native: str | None


_REASONS: "Mapping[str, FinishReason.ValueType]" = {
    "STOP": FINISH_REASON_STOP,
    "MAX_TOKENS": FINISH_REASON_LENGTH,
    # The limit of one request; it can be continued by the token beside it.
    "CONTINUATION": FINISH_REASON_LENGTH,
    "SAFETY": FINISH_REASON_CONTENT_FILTER,
    "RECITATION": FINISH_REASON_CONTENT_FILTER,
    "LANGUAGE": FINISH_REASON_CONTENT_FILTER,
    "BLOCKLIST": FINISH_REASON_CONTENT_FILTER,
    "PROHIBITED_CONTENT": FINISH_REASON_CONTENT_FILTER,
    "SPII": FINISH_REASON_CONTENT_FILTER,
    "MODEL_ARMOR": FINISH_REASON_CONTENT_FILTER,
    "ESCALATION": FINISH_REASON_CONTENT_FILTER,
    "PUP_LIMITED_DISABLED": FINISH_REASON_CONTENT_FILTER,
    "IMAGE_SAFETY": FINISH_REASON_CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": FINISH_REASON_CONTENT_FILTER,
    "IMAGE_RECITATION": FINISH_REASON_CONTENT_FILTER,
    "TOO_MANY_TOOL_CALLS": FINISH_REASON_STOP,
    "NO_IMAGE": FINISH_REASON_STOP,
    "IMAGE_OTHER": FINISH_REASON_STOP,
    "OTHER": FINISH_REASON_STOP,
}
# The model tripped: what it wrote is no answer, and asked again it may do better.
_TRIPPED = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"})
_PLAIN = frozenset({"STOP", "MAX_TOKENS"})


def finish_of(word: str, *, has_calls: bool) -> Finish:
    """Return what a finish reason means; Google says STOP also when the model calls tools."""
    if word == "STOP" and has_calls:
        return Finish(FINISH_REASON_TOOL_CALLS, None)
    return Finish(_REASONS.get(word, FINISH_REASON_STOP), None if word in _PLAIN else word)


def kept_back(candidates: Iterable[Candidate], provider: str, thing: str) -> ContentPolicy | None:
    """Return the error of an answer that lacks what was asked for because it was filtered."""
    word = first_word(candidates)
    if finish_of(word, has_calls=False).reason != FINISH_REASON_CONTENT_FILTER:
        return None
    message = f"{provider} kept the {thing} back ({word})"
    return ContentPolicy(message, provider=provider, upstream_code=word)


def first_word(candidates: Iterable[Candidate]) -> str:
    """Return the first finish reason; empty if there is none."""
    return next((each.finish_reason for each in candidates if each.finish_reason), "")


def check_finish(candidate: Candidate, provider: str) -> None:
    """Raise UpstreamError if the model failed, UpstreamRefused if it missed its signatures."""
    word = candidate.finish_reason
    if word == "MISSING_THOUGHT_SIGNATURE":
        raise UpstreamRefused(
            f"{provider}: a thought signature of an earlier turn is missing",
            provider=provider,
            upstream_code=word,
        )
    if word in _TRIPPED:
        raise UpstreamError(
            f"{provider}: the model failed to answer ({word})",
            provider=provider,
            upstream_code=str(word),
        )
