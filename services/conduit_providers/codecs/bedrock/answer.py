"""What Bedrock's Converse answers, as OpenAI-shaped pieces.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import orjson

from conduit.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    FinishReason,
)
from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.anthropic.turns import FORMAT as CLAUDE_FORMAT
from conduit_providers.json_reading import JsonReader, parsed
from conduit_providers.quantities import (
    CACHE_WRITE,
    CACHE_WRITE_1H,
    CACHED_INPUT,
    INPUT,
    OUTPUT,
    Qualifiers,
    Quantities,
    counted,
    service_tier,
)

# Of thoughts whose encoding is Bedrock's own: sealed ones, and those of other models than Claude.
FORMAT = "amazon-bedrock-v1"
REQUEST_ID = "x-amzn-requestid"
# The type of a call that the provider answers itself. Those of callers have none, or `tool_use`,
# which the service's own model does not list.
SERVER_TOOL = "server_tool_use"


class CacheDetail(msgspec.Struct, rename="camel"):
    """Tokens written to the cache, for `5m` or `1h`."""

    ttl: str = ""
    input_tokens: int = 0


class Counts(msgspec.Struct, rename="camel"):
    """Token counts. `input_tokens` leaves out what was read from or written to the cache.

    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    cache_details: list[CacheDetail] | None = None

    def quantities(self, qualifiers: Qualifiers = ()) -> Quantities:
        """Return what was used, and what else its price depends on."""
        written_1h = sum(x.input_tokens for x in self.cache_details or () if x.ttl == "1h")
        written = self.cache_write_input_tokens
        written_5m = 0 if written is None else written - written_1h
        return counted(
            (
                (INPUT, self.input_tokens),
                (CACHED_INPUT, self.cache_read_input_tokens or 0),
                (CACHE_WRITE, max(0, written_5m)),
                (CACHE_WRITE_1H, written_1h),
                (OUTPUT, self.output_tokens),
            ),
            qualifiers,
            is_consistent=written_5m >= 0,
        )


class ReasoningText(msgspec.Struct):
    """A whole thought; Claude signs its own."""

    text: str = ""
    signature: str | None = None


class Reasoning(msgspec.Struct, rename="camel"):
    """A thought of a whole answer, or a piece of one."""

    reasoning_text: ReasoningText | None = None
    # Sealed, in base64.
    redacted_content: str | None = None
    # In a stream.
    text: str | None = None
    signature: str | None = None


class ToolUse(msgspec.Struct, rename="camel"):
    """A call of a tool; in a stream, `input` is a text with a piece of the JSON."""

    tool_use_id: str = ""
    name: str = ""
    type: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"{}")


class CitedText(msgspec.Struct):
    """Text that has a source."""

    text: str | None = None


class Cited(msgspec.Struct):
    """Texts and their sources."""

    content: list[CitedText] | None = None
    citations: list[msgspec.Raw] | None = None


class Block(msgspec.Struct, rename="camel"):
    """A block of content, or a piece of one; one of its members is there."""

    text: str | None = None
    tool_use: ToolUse | None = None
    reasoning_content: Reasoning | None = None
    citations_content: Cited | None = None
    # In a stream.
    citation: msgspec.Raw = msgspec.Raw()

    @property
    def words(self) -> str:
        """The text in it."""
        cited = (self.citations_content or Cited()).content or []
        return (self.text or "") + "".join(each.text or "" for each in cited)

    @property
    def call(self) -> ToolUse | None:
        """The call in it that is for the caller to answer."""
        is_ours = self.tool_use is not None and self.tool_use.type != SERVER_TOOL
        return self.tool_use if is_ours else None


class Message(msgspec.Struct):
    """The model's message."""

    content: list[Block]


class Output(msgspec.Struct):
    """The output of a request."""

    message: Message | None = None


class Router(msgspec.Struct, rename="camel"):
    """The choice of a prompt router."""

    invoked_model_id: str = ""


class Trace(msgspec.Struct, rename="camel"):
    """The provider's trace of an answer."""

    prompt_router: Router | None = None
    guardrail: msgspec.Raw = msgspec.Raw()


class ServiceTier(msgspec.Struct):
    """The latency tier that served it."""

    type: str = ""


class ConverseAnswer(msgspec.Struct, rename="camel"):
    """A whole answer."""

    output: Output | None = None
    stop_reason: str | None = None
    usage: Counts | None = None
    trace: Trace | None = None
    service_tier: ServiceTier | None = None
    metrics: msgspec.Raw = msgspec.Raw()
    performance_config: msgspec.Raw = msgspec.Raw()
    additional_model_response_fields: msgspec.Raw = msgspec.Raw()

    @property
    def tier(self) -> str:
        """The latency tier that served it; empty if it was not reported."""
        return self.service_tier.type if self.service_tier is not None else ""

    @property
    def blocks(self) -> list[Block]:
        """The blocks of its message."""
        message = self.output.message if self.output is not None else None
        return message.content if message is not None else []


class Event(msgspec.Struct, rename="camel"):
    """An event of a stream, of any type; `message` is an exception's."""

    content_block_index: int = 0
    start: Block | None = None
    delta: Block | None = None
    stop_reason: str | None = None
    usage: Counts | None = None
    message: str | None = None
    trace: Trace | None = None
    service_tier: ServiceTier | None = None
    metrics: msgspec.Raw = msgspec.Raw()
    performance_config: msgspec.Raw = msgspec.Raw()
    additional_model_response_fields: msgspec.Raw = msgspec.Raw()


class _Performance(msgspec.Struct):
    latency: str = ""


_PERFORMANCE = JsonReader(_Performance)


def qualifiers_of(answer: ConverseAnswer | Event) -> Qualifiers:
    """Return what the price depends on: the tier, and the latency, that served it, if unusual.

    https://docs.aws.amazon.com/bedrock/latest/userguide/latency-optimized-inference.html
    """
    tier = service_tier(answer.service_tier.type if answer.service_tier is not None else "")
    try:
        latency = _PERFORMANCE.decode(answer.performance_config or msgspec.Raw(b"{}")).latency
    except msgspec.DecodeError:
        # It is told as it came.
        latency = ""
    return (("latency", "optimized"), *tier) if latency == "optimized" else tier


# What OpenAI has no word for, by our name and Bedrock's.
_TOLD = {
    "metrics": "metrics",
    "performance_config": "performanceConfig",
    "additional_model_response_fields": "additionalModelResponseFields",
}


def extras_json(answer: ConverseAnswer | Event) -> bytes:
    """Return what an answer tells that OpenAI has no word for; empty if nothing.

    msgspec.DecodeError if that is no JSON.
    """
    told = {name: getattr(answer, ours) for ours, name in _TOLD.items()}
    found = {name: parsed(raw) for name, each in told.items() if (raw := bytes(each))}
    if answer.trace is not None and bytes(answer.trace.guardrail):
        found["trace"] = {"guardrail": parsed(bytes(answer.trace.guardrail))}
    return orjson.dumps(found) if found else b""


def answer_id(headers: Mapping[str, str], created: int) -> str:
    """Return what tells answers apart; the API has no ids, but each request has one."""
    return headers.get(REQUEST_ID) or f"chatcmpl-bedrock-{created}"


class Finish(NamedTuple):
    """The stop reason; `native` where Bedrock's word says more."""

    reason: "FinishReason.ValueType"
    native: str | None


_REASONS: "Mapping[str, FinishReason.ValueType]" = {
    "end_turn": FINISH_REASON_STOP,
    "stop_sequence": FINISH_REASON_STOP,
    "max_tokens": FINISH_REASON_LENGTH,
    "model_context_window_exceeded": FINISH_REASON_LENGTH,
    "tool_use": FINISH_REASON_TOOL_CALLS,
    "guardrail_intervened": FINISH_REASON_CONTENT_FILTER,
    "content_filtered": FINISH_REASON_CONTENT_FILTER,
    "refusal": FINISH_REASON_CONTENT_FILTER,
}
_PLAIN = frozenset({"end_turn", "max_tokens", "tool_use"})
# The model tripped: what it wrote is no answer, and asked again it may do better.
_TRIPPED = frozenset({"malformed_model_output", "malformed_tool_use"})


def finish_of(stop_reason: str, provider: str, *, is_answer: bool) -> Finish:
    """Return what a stop reason means; a call of the tool that is the answer ends the turn.

    UpstreamError if the model failed.
    """
    if stop_reason in _TRIPPED:
        raise UpstreamError(
            f"{provider}: the model failed to answer ({stop_reason})",
            provider=provider,
            upstream_code=stop_reason,
        )
    if is_answer and stop_reason == "tool_use":
        return Finish(FINISH_REASON_STOP, None)
    return Finish(
        _REASONS.get(stop_reason, FINISH_REASON_STOP),
        None if stop_reason in _PLAIN else stop_reason,
    )


def thought_format(model: str) -> str:
    """Return whose form a thought has: Claude's signatures are good wherever Claude is."""
    return CLAUDE_FORMAT if "claude" in model else FORMAT
