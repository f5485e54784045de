"""A conversation as Anthropic's Messages require it.

https://platform.claude.com/docs/en/api/messages: instructions stand apart, turns of one speaker
are joined, tool results are the user's, thoughts go back as they came.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from conduit.v1.chat_message_pb2 import (
    CHAT_ROLE_ASSISTANT,
    CHAT_ROLE_DEVELOPER,
    CHAT_ROLE_SYSTEM,
    CHAT_ROLE_TOOL,
    CHAT_ROLE_USER,
    CacheControl,
    ChatMessage,
    ContentPart,
    ReasoningDetail,
)
from conduit.v1.chat_tool_pb2 import ToolCall
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.anthropic.blocks import block_in, text_in
from conduit_providers.codecs.anthropic.media import document_source, image_source
from conduit_providers.codecs.shared.call_ids import CallIds, tool_name
from conduit_providers.codecs.shared.kept_blocks import CallsAgain
from conduit_providers.codecs.shared.turns import (
    arguments_of,
    joined_details,
    no_turns,
    unknown_turn,
)
from conduit_providers.codecs.shared.unsupported import untaken
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

# By which OpenRouter, and so our contract, calls this form of thoughts.
FORMAT = "anthropic-claude-v1"
_INSTRUCTING = frozenset({CHAT_ROLE_SYSTEM, CHAT_ROLE_DEVELOPER})
MAX_NAME_CHARS = 128
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
# Blocks that only Anthropic has, or that callers write in its words.
NATIVE_BLOCKS = frozenset(
    {"container_upload", "document", "image", "search_result", "tool_reference"}
)
# Members of a document that are Anthropic's own.
NATIVE_OF_DOCUMENTS = ("citations", "context")


def system_blocks(messages: Iterable[ChatMessage], call: ChatCall, provider: str) -> list[Json]:
    """Return the instructions of all turns. UnsupportedCapability if they are not text."""
    blocks: list[Json] = []
    for message in messages:
        if message.role in _INSTRUCTING:
            _note_name(message, call, provider)
            blocks += _marked(_contents(message.content, call, provider), message)
    for block in blocks:
        if block["type"] != "text":
            raise UnsupportedCapability(
                f"{provider} takes only text as instructions", capability="vision"
            )
    return blocks


def turns(messages: Iterable[ChatMessage], call: ChatCall, provider: str) -> list[Json]:
    """Return the turns of user and assistant, in order. InvalidRequest if there is none."""
    found: list[Json] = []
    ids = CallIds()
    for message in messages:
        if message.role in _INSTRUCTING:
            continue
        role, blocks = _turn(message, call, provider, ids)
        while blocks and blocks[-1]["type"] in _THOUGHTS:
            # The API refuses turns that end in a thought: the answer was cut off there.
            call.drop("messages.reasoning_details", provider)
            blocks.pop()
        blocks = _marked(blocks, message)
        if not blocks:
            continue
        if found and found[-1]["role"] == role:
            found[-1]["content"] += blocks
        else:
            found.append({"role": role, "content": blocks})
    if not found:
        raise no_turns(provider)
    if found[-1]["role"] == "assistant":
        _end_in_words(found[-1]["content"])
    for turn in found:
        turn["content"] = _shortest(turn["content"])
    return found


def calls_without_thoughts(turns: list[Json]) -> bool:
    """Return whether the model's last turn calls tools and does not begin with a thought.

    Models that think within a budget refuse to go on thinking behind one.
    """
    last = next((each for each in reversed(turns) if each["role"] == "assistant"), None)
    content = last["content"] if last is not None else ""
    if isinstance(content, str) or content[0]["type"] in _THOUGHTS:
        return False
    return any(block["type"] == "tool_use" for block in content)


def _end_in_words(blocks: list[Json]) -> None:
    # An answer that is to be gone on with must not end in white space.
    if blocks[-1]["type"] == "text":
        blocks[-1]["text"] = blocks[-1]["text"].rstrip()


def _turn(
    message: ChatMessage, call: ChatCall, provider: str, ids: CallIds
) -> tuple[str, list[Json]]:
    _note_name(message, call, provider)
    if message.role == CHAT_ROLE_USER:
        return "user", _contents(message.content, call, provider)
    if message.role == CHAT_ROLE_ASSISTANT:
        return "assistant", _assistant(message, call, provider, ids)
    if message.role == CHAT_ROLE_TOOL:
        return "user", [_tool_result(message, call, provider, ids)]
    raise unknown_turn(message, provider)


def _note_name(message: ChatMessage, call: ChatCall, provider: str) -> None:
    if message.name and message.role != CHAT_ROLE_TOOL:
        call.drop("messages.name", provider)


def _shortest(blocks: list[Json]) -> list[Json] | str:
    """Return one plain text as a string, which means the same and is what people write."""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return str(blocks[0]["text"])
    return blocks


def _marked(blocks: list[Json], message: ChatMessage) -> list[Json]:
    if blocks and message.HasField("cache_control"):
        blocks[-1].setdefault("cache_control", _cache_control(message.cache_control))
    return blocks


def _cache_control(mark: CacheControl) -> Json:
    return {"type": mark.type or "ephemeral"} | ({"ttl": mark.ttl} if mark.ttl else {})


def _contents(parts: Iterable[ContentPart], call: ChatCall, provider: str) -> list[Json]:
    blocks: list[Json] = []
    for part in parts:
        block = _content(part, call, provider)
        # The API refuses texts of nothing but white space.
        if block["type"] == "text" and not block["text"].strip():
            continue
        if part.HasField("cache_control"):
            block["cache_control"] = _cache_control(part.cache_control)
        blocks.append(block)
    return blocks


def _content(part: ContentPart, call: ChatCall, provider: str) -> Json:
    match part.WhichOneof("part"):
        case "text":
            return {"type": "text", "text": part.text}
        case "refusal":
            return {"type": "text", "text": part.refusal}
        case "image_url":
            return {"type": "image", "source": image_source(part.image_url.url, call)}
        case "file":
            return _document(part, call)
        case _:
            if native := _native(part):
                return native
            raise untaken(part, provider)


def _native(part: ContentPart) -> Json | None:
    """Return a block in Anthropic's own words, which passes as it is; None for any other part."""
    block = orjson.loads(part.unknown_json or b"{}")
    return block if str(block.get("type")) in NATIVE_BLOCKS else None


def _document(part: ContentPart, call: ChatCall) -> Json:
    file = part.file
    block: Json = {"type": "document", "source": document_source(file, call)}
    if block["source"].get("media_type", "").startswith("image/"):
        return {"type": "image", "source": block["source"]}
    if file.filename:
        block["title"] = file.filename
    for raw in (file.unknown_json, part.unknown_json):
        unknown: Json = orjson.loads(raw or b"{}")
        block |= {name: unknown[name] for name in NATIVE_OF_DOCUMENTS if name in unknown}
    return block


def _assistant(message: ChatMessage, call: ChatCall, provider: str, ids: CallIds) -> list[Json]:
    said = "".join(part.text for part in message.content)
    own = [block for each in message.reasoning_details if (block := block_in(each))]
    # Words and calls between uses of the provider's own tools go back where they stood, unless the
    # words were changed: then the uses are of no use any more.
    is_as_it_was = bool(own) and text_in(own) == said
    calls = CallsAgain(message.tool_calls)
    blocks = [
        again
        for each in _thoughts(message, call, provider, with_own=is_as_it_was)
        if (again := _called_again(each, calls, provider, ids))
    ]
    if not is_as_it_was and message.annotations_json not in {b"", b"[]", b"null"}:
        # Citations go back inside of such blocks, or not at all.
        call.drop("messages.annotations", provider)
    if not is_as_it_was:
        blocks += _contents(message.content, call, provider)
    if message.refusal.strip():
        blocks.append({"type": "text", "text": message.refusal})
    blocks += [_tool_use(each, provider, ids) for each in calls.rest()]
    return blocks


def _called_again(block: Json, calls: CallsAgain, provider: str, ids: CallIds) -> Json | None:
    """Return a block with what the message says of the call in it; None if that is gone."""
    if block["type"] != "tool_use":
        return block
    call = calls.take(block.get("id"))
    return None if call is None else block | _tool_use(call, provider, ids)


def _thoughts(message: ChatMessage, call: ChatCall, provider: str, *, with_own: bool) -> list[Json]:
    blocks: list[Json] = []
    for detail in joined_details(message.reasoning_details):
        block = (block_in(detail) if with_own else None) or _thought(detail)
        if block is None:
            call.drop("messages.reasoning_details", provider)
        else:
            blocks.append(block)
    if message.reasoning_content and not message.reasoning_details:
        # The API takes no thoughts that it has not signed.
        call.drop("messages.reasoning_content", provider)
    return blocks


def _thought(detail: ReasoningDetail) -> Json | None:
    if detail.format and detail.format != FORMAT:
        return None
    if detail.type == "reasoning.text" and detail.signature:
        return {"type": "thinking", "thinking": detail.text, "signature": detail.signature}
    if detail.type == "reasoning.encrypted" and detail.data:
        return {"type": "redacted_thinking", "data": detail.data}
    return None


def _tool_use(call: ToolCall, provider: str, ids: CallIds) -> Json:
    if not call.HasField("function"):
        raise UnsupportedCapability(
            f"{provider} knows no tools with free-form input", capability="custom_tools"
        )
    return {
        "type": "tool_use",
        "id": ids.of_call(call.id),
        "name": tool_name(call.function.name, MAX_NAME_CHARS),
        "input": arguments_of(call.function.arguments),
    }


def _tool_result(message: ChatMessage, call: ChatCall, provider: str, ids: CallIds) -> Json:
    content = _contents(message.content, call, provider)
    block: Json = {"type": "tool_result", "tool_use_id": ids.of_result(message.tool_call_id)}
    if content:
        block["content"] = _shortest(content)
    unknown = orjson.loads(message.unknown_json or b"{}")
    if unknown.get("is_error"):
        block["is_error"] = True
    return block
