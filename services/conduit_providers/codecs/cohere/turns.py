"""A conversation as Cohere's Chat requires it.

https://docs.cohere.com/reference/chat: instructions come first and once, thoughts and plans go
back as they came, what tools return are documents that the model can cite.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from conduit.v1.chat_message_pb2 import (
    CHAT_ROLE_ASSISTANT,
    CHAT_ROLE_DEVELOPER,
    CHAT_ROLE_SYSTEM,
    CHAT_ROLE_TOOL,
    CHAT_ROLE_USER,
    ChatMessage,
    ContentPart,
    ImageUrl,
    ReasoningDetail,
)
from conduit.v1.chat_tool_pb2 import ToolCall
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.cohere.answer import FORMAT, TOOL_PLAN
from conduit_providers.codecs.shared.turns import joined_details, no_turns, said_once, unknown_turn
from conduit_providers.codecs.shared.unsupported import untaken
from conduit_providers.json_reading import parsed
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]
_INSTRUCTING = frozenset({CHAT_ROLE_SYSTEM, CHAT_ROLE_DEVELOPER})
DETAILS = frozenset({"auto", "low", "high"})


class Conversation:
    """Translates the turns of one call; notes in the call what is not supported."""

    def __init__(self, call: ChatCall, provider: str) -> None:
        self._call = call
        self._provider = provider

    def turns(self) -> list[Json]:
        """Return the messages. InvalidRequest if there is none but instructions."""
        messages = self._call.typed.messages
        for message in messages:
            self._note_untaken(message)
        instructions = [
            part
            for message in messages
            if message.role in _INSTRUCTING
            for part in self._texts(message.content, "instructions")
        ]
        found = [self._turn(m) for m in messages if m.role not in _INSTRUCTING]
        if not found:
            raise no_turns(self._provider)
        # Cohere refuses instructions that are not the first turn.
        head = [{"role": "system", "content": _shortest(instructions)}] if instructions else []
        return head + found

    def _note_untaken(self, message: ChatMessage) -> None:
        if message.name and message.role != CHAT_ROLE_TOOL:
            self._drop("name")
        marks = [message, *message.content]
        if any(each.HasField("cache_control") for each in marks):
            self._drop("cache_control")

    def _drop(self, member: str) -> None:
        self._call.drop(f"messages.{member}", self._provider)

    def _turn(self, message: ChatMessage) -> Json:
        if message.role == CHAT_ROLE_USER:
            content = [block for part in message.content if (block := self._block(part))]
            return {"role": "user", "content": _shortest(content)}
        if message.role == CHAT_ROLE_ASSISTANT:
            return self._assistant(message)
        if message.role == CHAT_ROLE_TOOL:
            return {
                "role": "tool",
                "tool_call_id": message.tool_call_id,
                "content": _result(self._texts(message.content, "tool results")),
            }
        raise unknown_turn(message, self._provider)

    def _texts(self, parts: Iterable[ContentPart], where: str) -> list[Json]:
        parts = list(parts)
        if any(part.WhichOneof("part") != "text" for part in parts):
            raise UnsupportedCapability(
                f"{self._provider} takes only text as {where}", capability="vision"
            )
        return [{"type": "text", "text": part.text} for part in parts]

    def _block(self, part: ContentPart) -> Json | None:
        match part.WhichOneof("part"):
            case "text":
                return {"type": "text", "text": part.text}
            case "refusal":
                return {"type": "text", "text": part.refusal}
            case "image_url":
                return {"type": "image_url", "image_url": self._image(part.image_url)}
            case _:
                raise untaken(part, self._provider)

    def _image(self, image: ImageUrl) -> Json:
        if image.detail and image.detail not in DETAILS:
            self._drop("image_url.detail")
            return {"url": image.url}
        return {"url": image.url} | ({"detail": image.detail} if image.detail else {})

    def _assistant(self, message: ChatMessage) -> Json:
        turn: Json = {"role": "assistant"}
        plan, thoughts = self._thoughts(message)
        texts = [block for part in message.content if (block := self._block(part))]
        if message.refusal:
            texts.append({"type": "text", "text": message.refusal})
        if message.tool_calls:
            # The API refuses texts beside calls; the plan is where its own models say them.
            said = [block["text"] for block in texts if block["type"] == "text"]
            plan, texts = "\n".join(filter(None, [plan, *said])), []
        content = thoughts + [block for block in texts if block.get("text") != ""]
        if content:
            turn["content"] = _shortest(content)
        if plan:
            turn["tool_plan"] = plan
        if message.tool_calls:
            turn["tool_calls"] = [self._called(call) for call in message.tool_calls]
        return turn if len(turn) > 1 else {**turn, "content": ""}

    def _thoughts(self, message: ChatMessage) -> tuple[str, list[Json]]:
        plan = ""
        blocks: list[Json] = []
        for detail in joined_details(message.reasoning_details):
            if not _is_ours(detail):
                self._drop("reasoning_details")
            elif said_once(detail.id) == TOOL_PLAN:
                plan += detail.text
            else:
                blocks.append({"type": "thinking", "thinking": detail.text})
        if message.reasoning_content and not message.reasoning_details:
            blocks.append({"type": "thinking", "thinking": message.reasoning_content})
        return plan, blocks

    def _called(self, call: ToolCall) -> Json:
        if not call.HasField("function"):
            raise UnsupportedCapability(
                f"{self._provider} knows no tools with free-form input", capability="custom_tools"
            )
        function = {
            "name": call.function.name,
            "arguments": call.function.arguments.strip() or "{}",
        }
        return {"id": call.id, "type": "function", "function": function}


def _is_ours(detail: ReasoningDetail) -> bool:
    return detail.type == "reasoning.text" and detail.format in {"", FORMAT}


def put_instruction(turns: list[Json], words: str) -> None:
    """Add an instruction of ours behind the caller's."""
    if turns[0]["role"] != "system":
        turns.insert(0, {"role": "system", "content": words})
    elif isinstance(turns[0]["content"], str):
        turns[0]["content"] += f"\n\n{words}"
    else:
        turns[0]["content"].append({"type": "text", "text": words})


def _shortest(blocks: list[Json]) -> list[Json] | str:
    """Return one plain text as a string, which means the same and is what people write."""
    if not blocks:
        return ""
    if len(blocks) == 1 and blocks[0]["type"] == "text":
        return str(blocks[0]["text"])
    return blocks


def _result(blocks: list[Json]) -> list[Json] | str:
    """Return what a tool gave: objects as documents, because only those can be cited."""
    if len(blocks) != 1:
        return _shortest(blocks)
    documents = _documents(blocks[0]["text"])
    if not documents:
        return str(blocks[0]["text"])
    return [{"type": "document", "document": {"data": data}} for data in documents]


def _documents(text: str) -> list[Json]:
    try:
        value = parsed(text.encode())
    except msgspec.DecodeError:
        return []
    found = value if isinstance(value, list) else [value]
    return found if all(isinstance(item, dict) for item in found) else []
