"""A conversation as Gemini requires it.

https://ai.google.dev/api/caching#Content: instructions stand apart, turns of one speaker are
joined, results of functions are the user's.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
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
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.codecs.gemini.media import Media
from conduit_providers.codecs.gemini.model_turns import ModelTurns, id_member
from conduit_providers.codecs.shared.turns import no_turns, unknown_turn, with_results_in_order
from conduit_providers.json_reading import parsed
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

_INSTRUCTING = frozenset({CHAT_ROLE_SYSTEM, CHAT_ROLE_DEVELOPER})


class Turns:
    """Translates the messages of one call; notes in it what is not supported."""

    def __init__(self, call: ChatCall, provider: str, media: Media, *, is_sealing: bool) -> None:
        """Take whether the model demands signatures, as all since Gemini 3 do."""
        self._call = call
        self._provider = provider
        self._media = media
        self._is_sealing = is_sealing
        # The functions by the ids of their calls, because results must name them.
        self._called: dict[str, str] = {}
        self._models = ModelTurns(call, provider, self._called, is_sealing=is_sealing)

    def instructions(self, messages: Iterable[ChatMessage]) -> list[Json]:
        """Return the instructions of all turns. UnsupportedCapability if they are not text."""
        parts: list[Json] = []
        for message in messages:
            if message.role in _INSTRUCTING:
                self._note(message)
                parts += self._contents(message.content)
        if any("text" not in part for part in parts):
            raise UnsupportedCapability(
                f"{self._provider} takes only text as instructions", capability="vision"
            )
        return parts

    def contents(self, messages: Iterable[ChatMessage]) -> list[Json]:
        """Return the turns, in order. InvalidRequest if there is none."""
        found: list[Json] = []
        last = None
        # Calls to which the API gave no ids are told apart by their order.
        for message in with_results_in_order(messages):
            if message.role in _INSTRUCTING:
                continue
            self._note(message)
            parts = self._parts(message)
            if not parts:
                continue
            # Results are joined with results only: one turn answers all calls of the last one.
            if message.role == last:
                found[-1]["parts"] += parts
            else:
                speaker = "model" if message.role == CHAT_ROLE_ASSISTANT else "user"
                found.append({"role": speaker, "parts": parts})
            last = message.role
        if not found:
            raise no_turns(self._provider)
        return found

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _note(self, message: ChatMessage) -> None:
        if message.name and message.role != CHAT_ROLE_TOOL:
            self._drop("messages.name")
        if message.HasField("cache_control"):
            self._drop("messages.cache_control")
        if message.role != CHAT_ROLE_ASSISTANT and b'"images"' in message.unknown_json:
            self._drop("messages.images")

    def _parts(self, message: ChatMessage) -> list[Json]:
        if message.role == CHAT_ROLE_USER:
            return self._contents(message.content)
        if message.role == CHAT_ROLE_ASSISTANT:
            return self._models.parts(message, self._contents(message.content))
        if message.role == CHAT_ROLE_TOOL:
            return self._result(message)
        raise unknown_turn(message, self._provider)

    def _contents(self, contents: Iterable[ContentPart]) -> list[Json]:
        parts: list[Json] = []
        for content in contents:
            if content.HasField("cache_control"):
                self._drop("messages.cache_control")
            kind = content.WhichOneof("part")
            if kind not in {"text", "refusal"}:
                parts.append(self._media.part(content))
            elif text := content.text or content.refusal:
                parts.append({"text": text})
        return parts

    def _result(self, message: ChatMessage) -> list[Json]:
        name = self._called.get(message.tool_call_id) or message.name
        if not name:
            raise InvalidRequest(
                f"No turn before calls a tool with the id {message.tool_call_id[:100]!r}",
                field="messages.tool_call_id",
            )
        contents = self._contents(message.content)
        text = "".join(part["text"] for part in contents if "text" in part)
        media = [part for part in contents if "text" not in part]
        is_error = bool(orjson.loads(message.unknown_json or b"{}").get("is_error"))
        result: Json = {"name": name, "response": _output(text, is_error=is_error)}
        result |= id_member(message.tool_call_id)
        # Before Gemini 3, pictures of a result stand beside it.
        if media and self._is_sealing:
            result["parts"] = media
            media = []
        return [{"functionResponse": result}, *media]


def _output(text: str, *, is_error: bool) -> Json:
    """Return a result as the API documents it: an object, or words under `output` or `error`."""
    if is_error:
        return {"error": text}
    try:
        value = parsed(text.encode())
    except msgspec.DecodeError:
        return {"output": text}
    return value if isinstance(value, dict) else {"output": text}
