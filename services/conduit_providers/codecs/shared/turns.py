"""What dialects other than OpenAI's need of earlier turns: whole thoughts, and calls' arguments."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from conduit.v1.chat_message_pb2 import (
    CHAT_ROLE_TOOL,
    CHAT_ROLE_UNSPECIFIED,
    ChatMessage,
    ReasoningDetail,
)
from conduit_kernel.errors import ConduitError, InvalidRequest, UnsupportedCapability
from conduit_providers.json_reading import parsed

# The name that Anthropic's documentation recommends for arguments that are no JSON.
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming
INVALID_JSON = "INVALID_JSON"
# What the pieces of a thought tell, by its type.
_SAID: Sequence[Literal["text", "summary", "data"]] = ("text", "summary", "data")


def unknown_turn(message: ChatMessage, provider: str) -> ConduitError:
    """Return the error for a message that has no role, or that of a function."""
    if message.role == CHAT_ROLE_UNSPECIFIED:
        return InvalidRequest("messages.role is required", field="messages.role")
    return UnsupportedCapability(
        f"{provider} knows no turns of functions; use tools", capability="functions"
    )


def no_turns(provider: str) -> InvalidRequest:
    """Return the error for a chat in which nobody says anything to the model."""
    return InvalidRequest(
        f"{provider} needs at least one turn of the user with something in it", field="messages"
    )


def with_results_in_order(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Return messages in which the results of a turn's calls have the order of the calls.

    For providers that tell results of one function apart by their order.
    """
    found: list[ChatMessage] = []
    # The results that stand together, and the places of the calls before them by their ids.
    results: list[ChatMessage] = []
    places: dict[str, int] = {}
    for message in messages:
        if message.role == CHAT_ROLE_TOOL:
            results.append(message)
            continue
        found += _sorted(results, places)
        results, places = [], {call.id: at for at, call in enumerate(message.tool_calls)}
        found.append(message)
    return found + _sorted(results, places)


def _sorted(results: list[ChatMessage], places: Mapping[str, int]) -> list[ChatMessage]:
    return sorted(results, key=lambda each: places.get(each.tool_call_id, len(places)))


def joined_details(details: Iterable[ReasoningDetail]) -> list[ReasoningDetail]:
    """Return whole thoughts, also where a caller only strung the pieces of a stream together."""
    whole: list[ReasoningDetail] = []
    # The pieces of the last one, by what they tell.
    pieces: dict[str, list[str]] = {}
    for detail in details:
        last = whole[-1] if whole else None
        if last is None or not _goes_on(last, detail):
            _put(whole, pieces)
            pieces = {}
            whole.append(ReasoningDetail())
            whole[-1].CopyFrom(detail)
            if detail.format:
                whole[-1].format = said_once(detail.format)
            continue
        for name in _SAID:
            if detail.HasField(name):
                pieces.setdefault(name, [getattr(last, name)]).append(getattr(detail, name))
        if detail.signature:
            last.signature = detail.signature
    _put(whole, pieces)
    return whole


def said_once(text: str) -> str:
    """Return a text that stands several times in a row once.

    OpenAI's SDK adds the formats of the pieces of a stream together.
    """
    return text[: (text + text).find(text, 1)] if text else text


def _put(whole: list[ReasoningDetail], pieces: Mapping[str, list[str]]) -> None:
    """Write pieces, of which there are two at least, into the last detail."""
    for name, texts in pieces.items():
        setattr(whole[-1], name, "".join(texts))


def _goes_on(last: ReasoningDetail, detail: ReasoningDetail) -> bool:
    """Return whether a detail is a further piece of the last one."""
    if not (last.HasField("index") and detail.HasField("index")):
        return False
    is_other = bool(detail.id) and detail.id != last.id
    return not is_other and (last.index, last.type) == (detail.index, detail.type)


def arguments_of(text: str) -> dict[str, Any]:
    """Return the arguments of a call as an object; what is none goes into a member of one.

    Servers in Go write `null` where there are none.
    """
    try:
        value = parsed((text.strip() or "{}").encode())
    except msgspec.DecodeError:
        return {INVALID_JSON: text}
    if value is None:
        return {}
    return value if isinstance(value, dict) else {INVALID_JSON: text}


def argument_text(raw: msgspec.Raw) -> str:
    """Return the arguments of a provider's call as callers get them: JSON without white space.

    Servers in Go write `null` where there are none.
    """
    text = msgspec.json.format(bytes(raw), indent=-1).decode()
    return "{}" if text == "null" else text


def is_thinking(native: object) -> bool:
    """Return whether Anthropic's own `thinking` asks for thoughts; the provider judges it."""
    return isinstance(native, dict) and native.get("type") in ("enabled", "adaptive")
