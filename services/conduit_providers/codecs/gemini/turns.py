"""A conversation as Gemini requires it.

https://ai.google.dev/api/caching#Content: instructions stand apart, turns of one speaker are
joined, results of functions are the user's, thoughts and their signatures go back as they came.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

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
    ReasoningDetail,
)
from conduit.v1.chat_tool_pb2 import ToolCall
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.codecs.gemini.media import Media
from conduit_providers.codecs.gemini.parts import FORMAT, OWN_ID
from conduit_providers.codecs.shared.turns import arguments_of, joined_details, unknown_turn
from conduit_providers.json_reading import parsed
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

_INSTRUCTING = frozenset({CHAT_ROLE_SYSTEM, CHAT_ROLE_DEVELOPER})
# What the documentation says to send for calls that another model made, since Gemini 3 refuses
# calls without a signature. https://ai.google.dev/gemini-api/docs/thought-signatures#faqs
FOREIGN_SIGNATURE = "skip_thought_signature_validator"


class _Thoughts(NamedTuple):
    """An assistant's turn's thinking, as the caller sent it back."""

    parts: list[Json]
    # Of the text, and of calls by their ids.
    seal: str
    seals: dict[str, str]


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
        for message in messages:
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
            raise InvalidRequest(
                f"{self._provider} needs at least one turn of the user with something in it",
                field="messages",
            )
        return found

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _note(self, message: ChatMessage) -> None:
        if message.name and message.role != CHAT_ROLE_TOOL:
            self._drop("messages.name")
        if message.HasField("cache_control"):
            self._drop("messages.cache_control")

    def _parts(self, message: ChatMessage) -> list[Json]:
        if message.role == CHAT_ROLE_USER:
            return self._contents(message.content)
        if message.role == CHAT_ROLE_ASSISTANT:
            return self._assistant(message)
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

    def _assistant(self, message: ChatMessage) -> list[Json]:
        thoughts = self._thoughts(message)
        said = self._contents(message.content)
        if message.refusal:
            said.append({"text": message.refusal})
        if thoughts.seal:
            if not said or "text" not in said[-1]:
                said.append({"text": ""})
            said[-1]["thoughtSignature"] = thoughts.seal
        return [*thoughts.parts, *said, *self._calls(message.tool_calls, thoughts.seals)]

    def _thoughts(self, message: ChatMessage) -> _Thoughts:
        google = _google(message.unknown_json)
        parts: list[Json] = []
        seal, seals = str(google.get("thought_signature") or ""), dict[str, str]()
        for detail in joined_details(message.reasoning_details):
            if detail.format and detail.format != FORMAT:
                self._drop("messages.reasoning_details")
            elif detail.type == "reasoning.encrypted" and detail.id:
                seals[detail.id] = detail.data
            elif detail.type == "reasoning.encrypted":
                seal = detail.data
            else:
                parts.append(_thought(detail))
        if message.reasoning_content and not message.reasoning_details:
            # Unsigned thoughts would be no more than talk.
            self._drop("messages.reasoning_content")
        native = google.get("parts")
        return _Thoughts(parts + (native if isinstance(native, list) else []), seal, seals)

    def _calls(self, calls: Sequence[ToolCall], seals: dict[str, str]) -> list[Json]:
        parts = [self._call_part(call, seals.get(call.id, "")) for call in calls]
        is_sealed = any("thoughtSignature" in part for part in parts)
        if parts and self._is_sealing and not is_sealed:
            parts[0]["thoughtSignature"] = FOREIGN_SIGNATURE
        return parts

    def _call_part(self, call: ToolCall, seal: str) -> Json:
        if not call.HasField("function"):
            raise UnsupportedCapability(
                f"{self._provider} knows no tools with free-form input", capability="custom_tools"
            )
        self._called[call.id] = call.function.name
        part: Json = {
            "functionCall": {
                "name": call.function.name,
                "args": arguments_of(call.function.arguments),
                **_id(call.id),
            }
        }
        signature = _google(call.unknown_json).get("thought_signature") or seal
        if signature:
            part["thoughtSignature"] = signature
        return part

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
        result |= _id(message.tool_call_id)
        # Before Gemini 3, pictures of a result stand beside it.
        if media and self._is_sealing:
            result["parts"] = media
            media = []
        return [{"functionResponse": result}, *media]


def _thought(detail: ReasoningDetail) -> Json:
    part: Json = {"text": detail.text or detail.summary, "thought": True}
    if detail.signature:
        part["thoughtSignature"] = detail.signature
    return part


def _google(unknown: bytes) -> Json:
    """Return what a caller hands back of Google's own members beside OpenAI's."""
    extra = orjson.loads(unknown or b"{}").get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return google if isinstance(google, dict) else {}


def _id(given: str) -> Json:
    return {} if not given or given.startswith(OWN_ID) else {"id": given}


def _output(text: str, *, is_error: bool) -> Json:
    """Return a result as the API documents it: an object, or words under `output` or `error`."""
    if is_error:
        return {"error": text}
    try:
        value = parsed(text.encode())
    except msgspec.DecodeError:
        return {"output": text}
    return value if isinstance(value, dict) else {"output": text}
