"""A conversation as the items that Perplexity's Agent API takes.

perplexityai 0.46.1, the Python SDK: generated.api.InputItemInput.
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
    ChatMessage,
    ContentPart,
)
from conduit.v1.chat_tool_pb2 import ToolCall
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.shared.turns import no_turns, unknown_turn
from conduit_providers.codecs.shared.unsupported import untaken
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

_ROLES = {
    CHAT_ROLE_USER: "user",
    CHAT_ROLE_ASSISTANT: "assistant",
    CHAT_ROLE_SYSTEM: "system",
    CHAT_ROLE_DEVELOPER: "developer",
}
_INSTRUCTING = frozenset({CHAT_ROLE_SYSTEM, CHAT_ROLE_DEVELOPER})
# Where a call has the signature that its model wants back; the same place as at Gemini's dialect.
_SIGNED = ("google", "thought_signature")


class Conversation:
    """Translates the turns of one call; notes in the call what is not supported."""

    def __init__(self, call: ChatCall, provider: str) -> None:
        self._call = call
        self._provider = provider

    def items(self) -> list[Json]:
        """Return the items. InvalidRequest if there are none but instructions."""
        messages = self._call.typed.messages
        if all(message.role in _INSTRUCTING for message in messages):
            raise no_turns(self._provider)
        return [item for message in messages for item in self._items(message)]

    def _drop(self, member: str) -> None:
        self._call.drop(f"messages.{member}", self._provider)

    def _items(self, message: ChatMessage) -> list[Json]:
        self._note_untaken(message)
        if message.role == CHAT_ROLE_TOOL:
            return [self._result(message)]
        if message.role not in _ROLES:
            raise unknown_turn(message, self._provider)
        content = self._content(message.content)
        if message.refusal:
            content.append({"type": "input_text", "text": message.refusal})
        items = [self._called(each) for each in message.tool_calls]
        if content:
            said = {"type": "message", "role": _ROLES[message.role], "content": _shortest(content)}
            items.insert(0, said)
        return items

    def _note_untaken(self, message: ChatMessage) -> None:
        if message.name:
            self._drop("name")
        if any(each.HasField("cache_control") for each in (message, *message.content)):
            self._drop("cache_control")
        if message.reasoning_content:
            self._drop("reasoning_content")
        if message.reasoning_details:
            self._drop("reasoning_details")

    def _content(self, parts: Iterable[ContentPart]) -> list[Json]:
        found: list[Json] = []
        for part in parts:
            match part.WhichOneof("part"):
                case "text":
                    found.append({"type": "input_text", "text": part.text})
                case "refusal":
                    found.append({"type": "input_text", "text": part.refusal})
                case "image_url":
                    if part.image_url.detail not in {"", "auto"}:
                        self._drop("image_url.detail")
                    found.append({"type": "input_image", "image_url": part.image_url.url})
                case "file" if part.file.file_data:
                    found.append(_file(part))
                case _:
                    raise untaken(part, self._provider)
        return [each for each in found if each.get("text") != ""]

    def _result(self, message: ChatMessage) -> Json:
        content = self._content(message.content)
        if any(each["type"] == "input_file" for each in content):
            what = f"{self._provider} takes no files as tool results"
            raise UnsupportedCapability(what, capability="files")
        output = _shortest(content)
        return {
            "type": "function_call_output",
            "call_id": message.tool_call_id,
            "output": output,
        }

    def _called(self, call: ToolCall) -> Json:
        if not call.HasField("function"):
            raise UnsupportedCapability(
                f"{self._provider} knows no tools with free-form input", capability="custom_tools"
            )
        item: Json = {
            "type": "function_call",
            "call_id": call.id,
            "name": call.function.name,
            "arguments": call.function.arguments.strip() or "{}",
        }
        if signature := _signature_of(call):
            item["thought_signature"] = signature
        return item


def _file(part: ContentPart) -> Json:
    data = part.file.file_data
    named = {"filename": part.file.filename} if part.file.filename else {}
    where = "file_data" if data.startswith("data:") else "file_url"
    return {"type": "input_file", where: data, **named}


def _signature_of(call: ToolCall) -> str:
    found: object = orjson.loads(call.unknown_json or b"{}").get("extra_content")
    for name in _SIGNED:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _shortest(content: list[Json]) -> list[Json] | str:
    """Return one plain text as a string, which means the same and is what people write."""
    if not content:
        return ""
    if len(content) == 1 and content[0]["type"] == "input_text":
        return str(content[0]["text"])
    return content
