"""A conversation as Ollama's chat requires it.

https://docs.ollama.com/api/chat: text and pictures stand apart, results of tools go by the
function's name and the id of its call, thoughts go back as `thinking`. Not every model's template
has a place for ids, so results keep the order of their calls.
"""

from collections.abc import Iterable
from typing import Any

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
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.codecs.ollama.answer import FORMAT
from conduit_providers.codecs.shared.media import inlined
from conduit_providers.codecs.shared.turns import (
    arguments_of,
    joined_details,
    unknown_turn,
    with_results_in_order,
)
from conduit_providers.codecs.shared.unsupported import untaken
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

_ROLES = {
    CHAT_ROLE_SYSTEM: "system",
    CHAT_ROLE_DEVELOPER: "system",
    CHAT_ROLE_USER: "user",
    CHAT_ROLE_ASSISTANT: "assistant",
    CHAT_ROLE_TOOL: "tool",
}


class Turns:
    """Translates the messages of one call; notes in it what is not supported."""

    def __init__(self, call: ChatCall, provider: str) -> None:
        self._call = call
        self._provider = provider
        # The functions by the ids of their calls, because results must name them.
        self._called: dict[str, str] = {}

    def messages(self, messages: Iterable[ChatMessage]) -> list[Json]:
        """Return the turns, in order."""
        return [self._message(message) for message in with_results_in_order(messages)]

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _message(self, message: ChatMessage) -> Json:
        role = _ROLES.get(message.role)
        if role is None:
            raise unknown_turn(message, self._provider)
        self._note(message)
        text = self._text(message)
        found: Json = (
            {"role": role, "content": text} if text or not message.tool_calls else {"role": role}
        )
        if images := [self._image(part) for part in message.content if part.HasField("image_url")]:
            found["images"] = images
        if role == "assistant":
            if thinking := self._thinking(message):
                found["thinking"] = thinking
            if message.tool_calls:
                found["tool_calls"] = [self._tool_call(call) for call in message.tool_calls]
        elif role == "tool":
            found["tool_name"] = self._tool_name(message)
            if message.tool_call_id:
                found["tool_call_id"] = message.tool_call_id
        return found

    def _note(self, message: ChatMessage) -> None:
        if message.name and message.role != CHAT_ROLE_TOOL:
            self._drop("messages.name")
        if message.HasField("cache_control") or any(
            part.HasField("cache_control") for part in message.content
        ):
            self._drop("messages.cache_control")

    def _text(self, message: ChatMessage) -> str:
        texts = []
        for part in message.content:
            match part.WhichOneof("part"):
                case "text":
                    texts.append(part.text)
                case "refusal":
                    texts.append(part.refusal)
                case "image_url":
                    continue
                case _:
                    raise untaken(part, self._provider)
        return "\n".join(texts) if texts else message.refusal

    def _image(self, part: ContentPart) -> str:
        inline = inlined(part.image_url.url, self._call.fetched, "image_url.url")
        if inline is None:
            raise InvalidRequest(
                f"{self._provider} takes pictures only inside the request, and image_url.url "
                "could not be fetched for it",
                field="image_url.url",
            )
        return inline.base64

    def _thinking(self, message: ChatMessage) -> str:
        thoughts = []
        for detail in joined_details(message.reasoning_details):
            if detail.type == "reasoning.text" and detail.format in {"", FORMAT}:
                thoughts.append(detail.text)
            else:
                self._drop("messages.reasoning_details")
        return "".join(thoughts) if message.reasoning_details else message.reasoning_content

    def _tool_call(self, call: ToolCall) -> Json:
        if not call.HasField("function"):
            raise UnsupportedCapability(
                f"{self._provider} knows no tools with free-form input", capability="custom_tools"
            )
        self._called[call.id] = call.function.name
        arguments = arguments_of(call.function.arguments)
        function = {"name": call.function.name, "arguments": arguments}
        return {"id": call.id, "function": function} if call.id else {"function": function}

    def _tool_name(self, message: ChatMessage) -> str:
        name = self._called.get(message.tool_call_id) or message.name
        if not name:
            raise InvalidRequest(
                f"No turn before calls a tool with the id {message.tool_call_id[:100]!r}",
                field="messages.tool_call_id",
            )
        return name
