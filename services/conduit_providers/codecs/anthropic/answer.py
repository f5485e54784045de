"""What Anthropic's Messages answer, as OpenAI-shaped pieces.

https://platform.claude.com/docs/en/api/messages
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
    ChatUsage,
    FinishReason,
)
from conduit_providers.json_reading import parsed
from conduit_providers.quantities import (
    CACHE_WRITE,
    CACHE_WRITE_1H,
    CACHED_INPUT,
    INPUT,
    OUTPUT,
    REASONING,
    WEB_SEARCH,
    Qualifiers,
    Quantities,
    counted,
    service_tier,
)


class OutputDetails(msgspec.Struct):
    """The details of the tokens written."""

    thinking_tokens: int | None = None


class CacheCreation(msgspec.Struct):
    """The tokens written to the cache, by how long they stay there."""

    ephemeral_1h_input_tokens: int | None = None


class _ToolUse(msgspec.Struct):
    web_search_requests: int | None = None

    @property
    def searches(self) -> int:
        """The count of searches that are charged."""
        return self.web_search_requests or 0


class Counts(msgspec.Struct):
    """Token counts. `input_tokens` leaves out what was read from or written to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    # Told at a stream's start alone: what is written after it counts as staying five minutes.
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None
    speed: str | None = None
    # How often the provider's own tools were used, by tool.
    server_tool_use: msgspec.Raw = msgspec.Raw()

    def update(self, later: "Counts") -> None:
        """Take over the counts of a later event; they are cumulative."""
        for name in self.__struct_fields__:
            value = getattr(later, name)
            if value is not None and value != msgspec.Raw():
                setattr(self, name, value)

    def quantities(self) -> Quantities:
        """Return what was used."""
        written_1h = (self.cache_creation or CacheCreation()).ephemeral_1h_input_tokens or 0
        # Older servers do not say for how long, which means five minutes.
        written = self.cache_creation_input_tokens
        written_5m = 0 if written is None else written - written_1h
        output = self.output_tokens or 0
        reasoning = (self.output_tokens_details or OutputDetails()).thinking_tokens or 0
        is_consistent = written_5m >= 0 and reasoning <= output
        if reasoning > output:
            reasoning = 0
        return counted(
            (
                (INPUT, self.input_tokens or 0),
                (CACHED_INPUT, self.cache_read_input_tokens or 0),
                (CACHE_WRITE, max(0, written_5m)),
                (CACHE_WRITE_1H, written_1h),
                (OUTPUT, output - reasoning),
                (REASONING, reasoning),
                (WEB_SEARCH, self.web_searches),
            ),
            self._qualifiers(),
            is_consistent=is_consistent,
        )

    def _qualifiers(self) -> Qualifiers:
        tier = service_tier(self.service_tier)
        return (*tier, ("speed", "fast")) if self.speed == "fast" else tier

    @property
    def web_searches(self) -> int:
        """Return the count of web searches, which cost extra; zero if that is no JSON."""
        try:
            return msgspec.json.decode(self.server_tool_use or b"{}", type=_ToolUse).searches
        except msgspec.DecodeError:
            return 0


class Block(msgspec.Struct):
    """A block of content, of any type; `input` is the JSON of a tool's arguments."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    citations: list[msgspec.Raw] | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"{}")
    # Of a call: who made it, the model or the provider's own code.
    caller: object = None

    @property
    def arguments(self) -> str:
        """The arguments of a tool call, as JSON."""
        text = msgspec.json.format(bytes(self.input), indent=-1).decode()
        return text if text.startswith("{") else "{}"


class StopDetails(msgspec.Struct):
    """The reason of a refusal by the model."""

    category: str | None = None
    explanation: str | None = None


class Message(msgspec.Struct):
    """A whole answer, or the head of a streamed one."""

    type: str = ""
    id: str = ""
    model: str = ""
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    # Where code was run, for the next turn to go on in.
    container: msgspec.Raw = msgspec.Raw()
    usage: Counts | None = None
    error: object = None


class Delta(msgspec.Struct):
    """The addition of an event of a stream."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    citation: msgspec.Raw = msgspec.Raw()
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    container: msgspec.Raw = msgspec.Raw()


class Event(msgspec.Struct):
    """An event of a stream."""

    type: str
    index: int = 0
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Counts | None = None
    error: object = None


class Finish(NamedTuple):
    """The stop reason; `native` where Anthropic's word says more."""

    reason: "FinishReason.ValueType"
    native: str | None
    refusal: str | None


_REASONS: "Mapping[str, FinishReason.ValueType]" = {
    "end_turn": FINISH_REASON_STOP,
    "stop_sequence": FINISH_REASON_STOP,
    # All there is, is what stands for the conversation so far.
    "compaction": FINISH_REASON_STOP,
    # The provider's own tools took long: sent back as it is, the answer goes on.
    "pause_turn": FINISH_REASON_STOP,
    "max_tokens": FINISH_REASON_LENGTH,
    "model_context_window_exceeded": FINISH_REASON_LENGTH,
    "tool_use": FINISH_REASON_TOOL_CALLS,
    "refusal": FINISH_REASON_CONTENT_FILTER,
}
_PLAIN = frozenset({"end_turn", "max_tokens", "tool_use"})
# OpenAI's words for tiers, where they differ.
_TIERS = {"standard": "default"}


def finish_of(stop_reason: str, details: StopDetails | None) -> Finish:
    """Return what a stop reason means."""
    return Finish(
        _REASONS.get(stop_reason, FINISH_REASON_STOP),
        None if stop_reason in _PLAIN else stop_reason,
        details.explanation if details is not None else None,
    )


def tier_of(counts: Counts | None) -> str | None:
    """Return the latency tier in OpenAI's words."""
    tier = counts.service_tier if counts is not None else None
    return _TIERS.get(tier, tier) if tier else None


def with_tools(usage: ChatUsage, counts: Counts | None) -> ChatUsage:
    """Add how often the provider's own tools were used; they cost extra.

    msgspec.DecodeError if that is no JSON.
    """
    used = parsed(bytes(counts.server_tool_use) or b"null") if counts is not None else None
    if isinstance(used, dict) and any(used.values()):
        usage.unknown_json = orjson.dumps({"server_tool_use": used})
    return usage


def container_json(raw: msgspec.Raw) -> bytes:
    """Return the member that tells a container; empty if there is none. msgspec.DecodeError."""
    container = parsed(bytes(raw) or b"null")
    return orjson.dumps({"container": container}) if container is not None else b""
