"""What Anthropic's Messages answer, as OpenAI-shaped pieces.

https://platform.claude.com/docs/en/api/messages
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from conduit.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    FinishReason,
)
from conduit_providers.json_reading import JsonReader
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


class Tokens(msgspec.Struct):
    """Token counts. `input_tokens` leaves out what was read from or written to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    # Told at a stream's start alone: what is written after it counts as staying five minutes.
    cache_creation: CacheCreation | None = None

    @property
    def written_1h(self) -> int:
        """Written to the cache for an hour."""
        return (self.cache_creation or CacheCreation()).ephemeral_1h_input_tokens or 0

    @property
    def written_5m(self) -> int:
        """Written to the cache for five minutes, which it means if nobody says for how long."""
        written = self.cache_creation_input_tokens
        return 0 if written is None else written - self.written_1h


class _Iteration(Tokens):
    """One of the requests that the provider made of one."""

    type: str = ""


_ITERATIONS = JsonReader(list[_Iteration])


class Counts(Tokens):
    """The token counts of an answer, and what else its price depends on."""

    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None
    speed: str | None = None
    # How often the provider's own tools were used, by tool.
    server_tool_use: msgspec.Raw = msgspec.Raw()
    # Told as they are.
    iterations: msgspec.Raw = msgspec.Raw()
    inference_geo: msgspec.Raw = msgspec.Raw()
    fallback_credit: msgspec.Raw = msgspec.Raw()

    def update(self, later: "Counts") -> None:
        """Take over the counts of a later event; they are cumulative."""
        for name in self.__struct_fields__:
            value = getattr(later, name)
            if value is not None and value != msgspec.Raw():
                setattr(self, name, value)

    def quantities(self) -> Quantities:
        """Return what was used, compactions of the conversation included."""
        output = self.output_tokens or 0
        reasoning = (self.output_tokens_details or OutputDetails()).thinking_tokens or 0
        requests: list[Tokens] = [self, *self._compactions]
        is_consistent = all(each.written_5m >= 0 for each in requests) and reasoning <= output
        if reasoning > output:
            reasoning = 0
        return counted(
            (
                (INPUT, sum(each.input_tokens or 0 for each in requests)),
                (CACHED_INPUT, sum(each.cache_read_input_tokens or 0 for each in requests)),
                (CACHE_WRITE, sum(max(0, each.written_5m) for each in requests)),
                (CACHE_WRITE_1H, sum(each.written_1h for each in requests)),
                (OUTPUT, sum(each.output_tokens or 0 for each in requests) - reasoning),
                (REASONING, reasoning),
                (WEB_SEARCH, self.web_searches),
            ),
            self._qualifiers(),
            is_consistent=is_consistent,
        )

    @property
    def _compactions(self) -> list[_Iteration]:
        """Requests whose tokens the other counts leave out, as the SDK's BetaUsage says."""
        try:
            found = _ITERATIONS.decode(self.iterations or b"[]")
        except msgspec.DecodeError:
            # It is told as it came.
            return []
        return [each for each in found if each.type == _COMPACTION]

    def _qualifiers(self) -> Qualifiers:
        found = service_tier(self.service_tier)
        if self.speed == "fast":
            found = (*found, ("speed", "fast"))
        return (_IN_THE_US, *found) if bytes(self.inference_geo) == b'"us"' else found

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


class Message(msgspec.Struct):
    """A whole answer, or the head of a streamed one."""

    type: str = ""
    id: str = ""
    model: str = ""
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    # Told as they are.
    stop_details: msgspec.Raw = msgspec.Raw()
    container: msgspec.Raw = msgspec.Raw()
    context_management: msgspec.Raw = msgspec.Raw()
    diagnostics: msgspec.Raw = msgspec.Raw()
    input_transformations: msgspec.Raw = msgspec.Raw()
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
    stop_sequence: str | None = None
    # Told as they are.
    stop_details: msgspec.Raw = msgspec.Raw()
    container: msgspec.Raw = msgspec.Raw()


class Event(msgspec.Struct):
    """An event of a stream."""

    type: str
    index: int = 0
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Counts | None = None
    # Told as they are.
    context_management: msgspec.Raw = msgspec.Raw()
    input_transformations: msgspec.Raw = msgspec.Raw()
    error: object = None


class Finish(NamedTuple):
    """The stop reason; `native` where Anthropic's word says more."""

    reason: "FinishReason.ValueType"
    native: str | None
    refusal: str | None


class _StopDetails(msgspec.Struct):
    explanation: str | None = None


_DETAILS = JsonReader(_StopDetails)
_COMPACTION = "compaction"
# Where it was served; nobody pays for `global`, which is usual.
# https://platform.claude.com/docs/en/manage-claude/data-residency
_IN_THE_US = ("inference_geo", "us")
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


def finish_of(stop_reason: str, details: msgspec.Raw) -> Finish:
    """Return what a stop reason means. msgspec.DecodeError if its details make no sense."""
    raw = bytes(details)
    found = None if raw in {b"", b"null"} else _DETAILS.decode(raw)
    return Finish(
        _REASONS.get(stop_reason, FINISH_REASON_STOP),
        None if stop_reason in _PLAIN else stop_reason,
        found.explanation if found is not None else None,
    )


def tier_of(counts: Counts | None) -> str | None:
    """Return the latency tier in OpenAI's words."""
    tier = counts.service_tier if counts is not None else None
    return _TIERS.get(tier, tier) if tier else None
