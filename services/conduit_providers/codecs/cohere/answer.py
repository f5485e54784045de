"""What Cohere's Chat answers, as OpenAI-shaped pieces.

https://docs.cohere.com/reference/chat

Cohere counts tokens twice: `tokens` are those that the model saw, with Cohere's own instructions
among them; `billed_units` are those that are charged. We take the charged ones, so that answers
and ledger agree with Cohere's invoice, and keep the others beside them as unknown members.
https://docs.cohere.com/docs/how-does-cohere-pricing-work
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
import orjson

from conduit.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    ChatUsage,
    FinishReason,
)
from conduit_kernel.errors import UpstreamError, UpstreamTimeout
from conduit_providers.codecs.shared.counts import token_totals
from conduit_providers.failures import error_in_stream
from conduit_providers.json_reading import Index
from conduit_providers.quantities import (
    CACHED_INPUT,
    IMAGE_INPUT,
    INPUT,
    MOST,
    OUTPUT,
    Quantities,
    counted,
)

Json = dict[str, Any]

# In the manner of OpenRouter's names for the forms of thoughts.
FORMAT = "cohere-v1"
# By which we know a thought as the plan that Cohere makes before it calls tools.
TOOL_PLAN = "tool_plan"


class Units(msgspec.Struct):
    """Counts, which Cohere writes as numbers with a fraction."""

    input_tokens: float | None = None
    output_tokens: float | None = None
    image_tokens: float | None = None

    def __bool__(self) -> bool:
        """Return whether any tokens are counted at all; images may be counted otherwise."""
        return (self.input_tokens, self.output_tokens, self.image_tokens) != (None, None, None)


class Counts(msgspec.Struct):
    """The consumption of a call."""

    billed_units: Units | None = None
    tokens: Units | None = None
    cached_tokens: float | None = None

    def quantities(self) -> Quantities | None:
        """Return what is charged; None if nothing is counted."""
        charged = next((units for units in (self.billed_units, self.tokens) if units), None)
        if charged is None:
            return None
        read = int(charged.input_tokens or 0)
        # Counted among the tokens that the model saw, which may be more than are charged.
        cached = min(read, int(self.cached_tokens or 0))
        return counted(
            (
                (INPUT, read - cached),
                (CACHED_INPUT, cached),
                (IMAGE_INPUT, int(charged.image_tokens or 0)),
                (OUTPUT, int(charged.output_tokens or 0)),
            )
        )


class Source(msgspec.Struct):
    """The source of a citation: a document, or a tool's output."""

    type: str = ""
    id: str | None = None
    document: dict[str, object] | None = None
    tool_output: dict[str, object] | None = None


class Citation(msgspec.Struct):
    """A stretch of the answer, and what it is taken from."""

    start: Index | None = None
    end: Index | None = None
    text: str | None = None
    sources: list[Source] | None = None
    type: str | None = None


class Function(msgspec.Struct):
    """A call's name and arguments, or more of the arguments."""

    name: str | None = None
    arguments: str | None = None


class Called(msgspec.Struct):
    """A tool that the model calls."""

    id: str | None = None
    function: Function | None = None


class Content(msgspec.Struct):
    """A block of content, or more of it."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None


class Logprob(msgspec.Struct):
    """The log probabilities of the tokens of a piece of text."""

    text: str | None = None
    token_ids: list[int] | None = None
    logprobs: list[float] | None = None


class Message(msgspec.Struct):
    """A whole answer's message."""

    content: list[Content] | str | None = None
    tool_plan: str | None = None
    tool_calls: list[Called] | None = None
    citations: list[Citation] | None = None


class Reply(msgspec.Struct):
    """A whole answer."""

    id: str = ""
    finish_reason: str | None = None
    message: Message | None = None
    usage: Counts | None = None
    logprobs: list[Logprob] | None = None


class Finish(NamedTuple):
    """The finish reason; `native` where Cohere's word says more."""

    reason: "FinishReason.ValueType"
    native: str | None


_REASONS: "Mapping[str, FinishReason.ValueType]" = {
    "COMPLETE": FINISH_REASON_STOP,
    "STOP_SEQUENCE": FINISH_REASON_STOP,
    "MAX_TOKENS": FINISH_REASON_LENGTH,
    "TOOL_CALL": FINISH_REASON_TOOL_CALLS,
    # Of older models and of resellers.
    "ERROR_LIMIT": FINISH_REASON_LENGTH,
    "ERROR_TOXIC": FINISH_REASON_CONTENT_FILTER,
}
_PLAIN = frozenset({"COMPLETE", "MAX_TOKENS", "TOOL_CALL"})


def finish_of(reason: str, error: str | None, provider: str) -> Finish:
    """Return what a finish reason means. UpstreamError if it means that the answer is broken."""
    if reason == "TIMEOUT":
        raise UpstreamTimeout(f"{provider} ran out of time over its answer", provider=provider)
    if reason == "ERROR":
        raise failure(error or "the generation failed", provider)
    return Finish(_REASONS.get(reason, FINISH_REASON_STOP), None if reason in _PLAIN else reason)


def failure(message: object, provider: str) -> UpstreamError:
    """Return the error that Cohere reported inside an answer of 2xx."""
    return error_in_stream({"message": message, "code": "ERROR"}, provider)


def chat_usage(usage: Quantities, counts: Counts) -> ChatUsage:
    """Return the counts as OpenAI's answers have them, with Cohere's own beside them."""
    message = token_totals(usage)
    if cached := usage.count(CACHED_INPUT):
        message.prompt_tokens_details.cached_tokens = cached
    seen = counts.tokens
    if seen:
        tokens = {
            "input_tokens": min(int(seen.input_tokens or 0), MOST),
            "output_tokens": min(int(seen.output_tokens or 0), MOST),
        }
        if counts.cached_tokens:
            tokens["cached_tokens"] = min(int(counts.cached_tokens), MOST)
        message.unknown_json = orjson.dumps({"tokens": tokens})
    return message


def annotations(citations: Iterable[Citation]) -> list[Json]:
    """Return citations of the text in OpenAI's form."""
    return [
        _annotation(citation, source)
        for citation in citations
        if citation.type in {None, "TEXT_CONTENT"}
        for source in citation.sources or []
    ]


def _annotation(citation: Citation, source: Source) -> Json:
    members = source.document or source.tool_output or {}
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": citation.start or 0,
            "end_index": citation.end or 0,
            "title": str(members.get("title") or source.id or ""),
            "url": str(members.get("url") or ""),
        },
        "source": {"type": source.type, "id": source.id},
        "text": citation.text or "",
    }


def logprobs(items: Iterable[Logprob]) -> bytes:
    """Return log probabilities in OpenAI's form, as JSON.

    Cohere tells them by piece of text; of a piece with several tokens, it is their sum.
    """
    content = [
        {
            "token": item.text or "",
            "logprob": sum(item.logprobs or []),
            "bytes": list((item.text or "").encode()),
            "top_logprobs": [],
            **({"token_ids": item.token_ids} if item.token_ids else {}),
        }
        for item in items
    ]
    return orjson.dumps({"content": content, "refusal": None})
