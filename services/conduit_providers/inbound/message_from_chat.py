"""From a chat's answer to the one of Anthropic's Messages.

https://platform.claude.com/docs/en/api/messages/create
"""

from collections.abc import Iterable, Mapping
from typing import Any

from conduit_providers.codecs.anthropic.turns import FORMAT
from conduit_providers.codecs.shared.turns import arguments_of
from conduit_providers.inbound.sealed_thoughts import sealed
from conduit_providers.inbound.tool_names import ToolNames
from conduit_providers.quantities import CACHE_READS, CACHE_WRITES, Quantities

Json = dict[str, Any]

_STOPS: Mapping[str, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
# Anthropic's own words, which come where a chat was its own.
_NATIVE_STOPS = frozenset(
    {"model_context_window_exceeded", "pause_turn", "refusal", "stop_sequence", "compaction"}
)
_PREFIX = "msg_"
# Members of a call that its block has, and what says where it stood.
_OF_CALLS = frozenset({"id", "type", "function", "custom", "index"})
# Members of what was said that blocks have, or nobody wants back.
_OF_WORDS = frozenset(
    {"role", "content", "refusal", "reasoning", "reasoning_content", "reasoning_details"}
    | {"tool_calls", "function_call", "annotations", "audio"}
)


def message_of(completion: Json, names: ToolNames, counts: Json) -> Json:
    """Return the message that a chat's answer is, given its counts."""
    choices = completion.get("choices") or [{}]
    choice: Json = choices[0]
    said: Json = choice.get("message") or {}
    content = [*_thoughts(said), *_words(said), *_calls(said, names)]
    return {
        "id": message_id(completion.get("id")),
        "type": "message",
        "role": "assistant",
        "model": completion.get("model") or "",
        "content": content,
        "stop_reason": stop_reason(choice, has_calls=bool(said.get("tool_calls"))),
        "stop_sequence": choice.get("stop_sequence"),
        "usage": counts,
    }


def message_id(given: object) -> str:
    """Return the id of an answer as Anthropic's begin."""
    text = given if isinstance(given, str) else ""
    return text if text.startswith(_PREFIX) else _PREFIX + text


def stop_reason(choice: Json, *, has_calls: bool) -> str:
    """Return why the model stopped, in Anthropic's word."""
    native = choice.get("native_finish_reason")
    if isinstance(native, str) and native in _NATIVE_STOPS:
        return native
    reason = _STOPS.get(choice.get("finish_reason") or "", "end_turn")
    return "tool_use" if has_calls and reason == "end_turn" else reason


def counts_of(usage: Quantities) -> Json:
    """Return counts as Anthropic has them: those of its cache beside the others."""
    cached, written = usage.count(*CACHE_READS), usage.count(*CACHE_WRITES)
    return {
        "input_tokens": usage.input_tokens - cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output_tokens,
    }


def is_own(detail: Json) -> bool:
    """Return whether a thought is Anthropic's own, which has a block for it."""
    return detail.get("format") == FORMAT and detail.get("type") in {
        "reasoning.text",
        "reasoning.encrypted",
    }


def own_block(detail: Json) -> Json:
    """Return the block of a thought of Anthropic's own."""
    if detail["type"] == "reasoning.encrypted":
        return {"type": "redacted_thinking", "data": detail.get("data") or ""}
    thought, signature = detail.get("text") or "", detail.get("signature") or ""
    return {"type": "thinking", "thinking": thought, "signature": signature}


def extras_of(calls: Iterable[Json]) -> Json:
    """Return what calls have beyond a block's members, by their ids."""
    found = {
        str(call.get("id")): {name: call[name] for name in call.keys() - _OF_CALLS}
        for call in calls
    }
    return {call_id: members for call_id, members in found.items() if members}


def extras_in(said: Json) -> Json:
    """Return what a turn has beyond blocks, such as pictures that a model drew."""
    return {name: said[name] for name in said.keys() - _OF_WORDS if said[name] is not None}


def _thoughts(said: Json) -> list[Json]:
    details = [each for each in said.get("reasoning_details") or () if isinstance(each, dict)]
    kept: Json = {}
    if extras := extras_of(said.get("tool_calls") or ()):
        kept["calls"] = extras
    if extras := extras_in(said):
        kept["said"] = extras
    if details and all(map(is_own, details)):
        blocks = [own_block(each) for each in details]
        return blocks + ([_sealed_block(kept)] if kept else [])
    if details:
        kept["details"] = details
    thought = said.get("reasoning_content") or ""
    if thought:
        return [{"type": "thinking", "thinking": thought, "signature": sealed(kept)}]
    return [_sealed_block(kept)] if kept else []


def _sealed_block(members: Json) -> Json:
    return {"type": "redacted_thinking", "data": sealed(members)}


def _words(said: Json) -> list[Json]:
    content = said.get("content")
    texts = [content] if isinstance(content, str) else [_text(part) for part in content or ()]
    texts.append(said.get("refusal") or "")
    return [{"type": "text", "text": text} for text in texts if text]


def _text(part: Json) -> str:
    return part.get("text") or part.get("refusal") or ""


def _calls(said: Json, names: ToolNames) -> list[Json]:
    return [_call(each, names) for each in said.get("tool_calls") or ()]


def _call(call: Json, names: ToolNames) -> Json:
    function: Json = call.get("function") or {}
    return {
        "type": "tool_use",
        "id": call.get("id") or "",
        "name": names.given(function.get("name") or ""),
        "input": arguments_of(function.get("arguments") or ""),
    }
