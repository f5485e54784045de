"""Turns of the model, as Gemini takes them back.

https://ai.google.dev/gemini-api/docs/thought-signatures: thoughts and their signatures go back as
they came, and so does what OpenAI's form does not tell (`kept_parts`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from conduit.v1.chat_message_pb2 import ChatMessage, ReasoningDetail
from conduit.v1.chat_tool_pb2 import ToolCall
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.gemini.kept_parts import media_again, part_in, picture
from conduit_providers.codecs.gemini.parts import FORMAT, OWN_ID
from conduit_providers.codecs.shared.kept_blocks import CallsAgain
from conduit_providers.codecs.shared.turns import arguments_of, joined_details
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

# What the documentation says to send for calls that another model made, since Gemini 3 refuses
# calls without a signature. https://ai.google.dev/gemini-api/docs/thought-signatures#faqs
FOREIGN_SIGNATURE = "skip_thought_signature_validator"


class _HandedBack(NamedTuple):
    """Members of an answer that the contract does not know, as the caller sent them back."""

    images: Sequence[object]
    # Google's own members, and the parts among them.
    google: Json
    parts: list[Any]


class _Thoughts(NamedTuple):
    """An assistant's turn's thinking, as the caller sent it back."""

    parts: list[Json]
    # Of the text, and of calls by their ids.
    seal: str
    seals: dict[str, str]


class ModelTurns:
    """Translates the assistant's messages of one call; notes in it what is not supported."""

    def __init__(
        self, call: ChatCall, provider: str, called: dict[str, str], *, is_sealing: bool
    ) -> None:
        """Take where functions are noted by the ids of their calls."""
        self._call = call
        self._provider = provider
        self._called = called
        self._is_sealing = is_sealing

    def parts(self, message: ChatMessage, said: list[Json]) -> list[Json]:
        """Return the parts of a message; `said` are those of its content."""
        back = _handed_back(message.unknown_json)
        if _is_as_it_was(message):
            return self._sealed(self._again(message, back))
        thoughts = self._thoughts(message, back)
        if message.refusal:
            said.append({"text": message.refusal})
        if thoughts.seal:
            if not said or "text" not in said[-1]:
                said.append({"text": ""})
            said[-1]["thoughtSignature"] = thoughts.seal
        calls = [self._call_part(each, thoughts.seals) for each in message.tool_calls]
        return [*thoughts.parts, *said, *self._pictures(back), *self._sealed(calls)]

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _again(self, message: ChatMessage, back: _HandedBack) -> list[Json]:
        """Return the parts of an answer as they came, as far as the message still has them."""
        calls = CallsAgain(message.tool_calls)
        others = [each for each in back.parts if isinstance(each, dict) and "inlineData" in each]
        parts: list[Json] = []
        for detail in joined_details(message.reasoning_details):
            part = part_in(detail)
            if part is None:
                parts += [_thought(detail)] if detail.type == "reasoning.text" else []
            elif "inlineData" in part:
                medium = media_again(part, back.images, others)
                parts += [medium] if medium else []
            elif "functionCall" in part:
                called = calls.take(_id_in(part))
                parts += [self._call_part(called, {})] if called is not None else []
            else:
                parts.append(part)
        return parts + [self._call_part(each, {}) for each in calls.rest()]

    def _thoughts(self, message: ChatMessage, back: _HandedBack) -> _Thoughts:
        parts: list[Json] = []
        seal, seals = str(back.google.get("thought_signature") or ""), dict[str, str]()
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
        return _Thoughts(parts + back.parts, seal, seals)

    def _pictures(self, back: _HandedBack) -> list[Json]:
        found = [picture(image) for image in back.images]
        if None in found:
            self._drop("messages.images")
        return [part for part in found if part is not None]

    def _sealed(self, parts: list[Json]) -> list[Json]:
        calls = [part for part in parts if "functionCall" in part]
        is_sealed = any("thoughtSignature" in part for part in calls)
        if calls and self._is_sealing and not is_sealed:
            calls[0]["thoughtSignature"] = FOREIGN_SIGNATURE
        return parts

    def _call_part(self, call: ToolCall, seals: Mapping[str, str]) -> Json:
        if not call.HasField("function"):
            raise UnsupportedCapability(
                f"{self._provider} knows no tools with free-form input", capability="custom_tools"
            )
        self._called[call.id] = call.function.name
        part: Json = {
            "functionCall": {
                "name": call.function.name,
                "args": arguments_of(call.function.arguments),
                **id_member(call.id),
            }
        }
        google = _handed_back(call.unknown_json).google
        signature = google.get("thought_signature") or seals.get(call.id)
        if signature:
            part["thoughtSignature"] = signature
        return part


def id_member(given: str) -> Json:
    """Return the member with a call's id; none for ids of ours."""
    return {} if not given or given.startswith(OWN_ID) else {"id": given}


def _id_in(part: Json) -> str:
    call = part["functionCall"]
    return str(call.get("id")) if isinstance(call, dict) else ""


def _is_as_it_was(message: ChatMessage) -> bool:
    """Return whether the message is an answer whose parts were kept, with the words it had."""
    kept = [part for each in message.reasoning_details if (part := part_in(each)) is not None]
    said = "".join(part.text for part in message.content)
    return bool(kept) and said == "".join(str(part.get("text", "")) for part in kept)


def _thought(detail: ReasoningDetail) -> Json:
    part: Json = {"text": detail.text or detail.summary, "thought": True}
    if detail.signature:
        part["thoughtSignature"] = detail.signature
    return part


def _handed_back(unknown: bytes) -> _HandedBack:
    """Return what is Google's of members, and where OpenRouter gave pictures."""
    if not unknown:
        return _NOTHING
    members = orjson.loads(unknown)
    extra, images = members.get("extra_content"), members.get("images")
    google = extra.get("google") if isinstance(extra, dict) else None
    google = google if isinstance(google, dict) else {}
    parts = google.get("parts")
    native = [_unnumbered(part) for part in parts] if isinstance(parts, list) else []
    return _HandedBack(images if isinstance(images, list) else (), google, native)


def _unnumbered(part: object) -> object:
    """Return a part without the index that it has in a stream, which Google does not know."""
    if not isinstance(part, dict):
        return part
    return {name: value for name, value in part.items() if name != "index"}


_NOTHING = _HandedBack((), {}, [])
