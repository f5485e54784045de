"""The pieces of Gemini's answers as what is new in an OpenAI-shaped one.

Whole answers are read through the same door as streamed ones, so that both say the same.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from conduit.v1.chat_chunk_pb2 import ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT, ChatMessage
from conduit_providers.codecs.gemini.answer import Part
from conduit_providers.codecs.gemini.kept_parts import KeptParts, put_part
from conduit_providers.codecs.shared.turns import argument_text
from conduit_providers.json_reading import known

Json = dict[str, Any]

# By which OpenRouter, and so our contract, calls this form of thoughts.
FORMAT = "google-gemini-v1"
# Begins the ids of calls to which the API gave none; they never go back to it.
OWN_ID = "call_gemini_"
# Parts that only the API understands; they are handed out raw, and back.
_NATIVE_PARTS = {
    "executable_code": "executableCode",
    "code_execution_result": "codeExecutionResult",
    "tool_call": "toolCall",
    "tool_response": "toolResponse",
    "function_response": "functionResponse",
    "file_data": "fileData",
    "audio_transcription": "audioTranscription",
}


class PartReader:
    """Reads the parts of one choice, in order."""

    def __init__(self, answer_id: str, choice: int) -> None:
        """Take what makes the ids of calls unique where the API gives none."""
        self.calls = 0
        self._id = f"{OWN_ID}{answer_id}_{choice}_"
        self._details = 0
        self._is_thinking = False
        self._kept = KeptParts()

    def read(self, part: Part) -> ChatDelta | None:
        """Return what a part adds; None if nothing."""
        delta = ChatDelta()
        if part.thought and part.text is not None:
            if not self._is_thinking:
                self._keep(delta, self._kept.add_thought())
            self._add_thought(delta, part, part.text)
            return delta
        self._end_thought()
        if part.function_call is not None:
            self._add_call(delta, part)
            return delta
        native = _native(part)
        if native:
            self._keep(delta, self._kept.add_native(native))
            delta.unknown_json = orjson.dumps({"extra_content": {"google": {"parts": [native]}}})
        elif part.inline_data is not None:
            is_image = part.inline_data.mime_type.startswith("image/")
            self._keep(delta, self._kept.add_media(part, is_image=is_image))
            delta.unknown_json = _media(part)
        elif part.text or part.thought_signature:
            self._keep(delta, self._kept.add_text(part))
        if part.text:
            delta.content = part.text
        if part.thought_signature and not native:
            self._add_seal(delta, part.thought_signature)
        return delta if delta.ListFields() else None

    def end(self) -> ChatDelta | None:
        """Return what the end of the answer adds; None if nothing."""
        self._end_thought()
        delta = ChatDelta()
        self._keep(delta, self._kept.end())
        return delta if delta.ListFields() else None

    def _keep(self, delta: ChatDelta, parts: list[Json]) -> None:
        for part in parts:
            put_part(delta.reasoning_details.add(), part, self._details)
            self._details += 1

    def _end_thought(self) -> None:
        if self._is_thinking:
            self._is_thinking = False
            self._details += 1

    def _add_thought(self, delta: ChatDelta, part: Part, text: str) -> None:
        self._is_thinking = True
        delta.reasoning_content = text
        delta.reasoning_details.add(
            type="reasoning.text",
            text=text,
            signature=part.thought_signature,
            format=FORMAT,
            index=self._details,
        )

    def _add_seal(self, delta: ChatDelta, signature: str) -> None:
        delta.reasoning_details.add(
            type="reasoning.encrypted", data=signature, format=FORMAT, index=self._details
        )
        self._details += 1

    def _add_call(self, delta: ChatDelta, part: Part) -> None:
        called = part.function_call
        assert called is not None  # noqa: S101 # the caller looked
        call_id = called.id or f"{self._id}{self.calls}"
        self._keep(delta, self._kept.add_call(call_id))
        call = delta.tool_calls.add(index=self.calls, id=call_id, type="function")
        call.function.name = called.name
        # Whole answers come with indents.
        call.function.arguments = argument_text(called.args)
        if part.thought_signature:
            call.unknown_json = sealed_json(part.thought_signature)
        self.calls += 1


def sealed_json(signature: str) -> bytes:
    """Return a thought signature as Google's own OpenAI dialect hands it out.

    https://ai.google.dev/gemini-api/docs/thought-signatures
    """
    return orjson.dumps({"extra_content": {"google": {"thought_signature": signature}}})


def _media(part: Part) -> bytes:
    """Return content that is no text; pictures in the form that OpenRouter gave them."""
    blob = part.inline_data
    assert blob is not None  # noqa: S101 # the caller looked
    url = f"data:{blob.mime_type};base64,{blob.data}"
    if blob.mime_type.startswith("image/"):
        return orjson.dumps({"images": [{"type": "image_url", "image_url": {"url": url}}]})
    native = {"inlineData": {"mimeType": blob.mime_type, "data": blob.data}}
    return orjson.dumps({"extra_content": {"google": {"parts": [native]}}})


def _native(part: Part) -> Json:
    found: Json = {
        name: known(bytes(raw))
        for ours, name in _NATIVE_PARTS.items()
        if (raw := getattr(part, ours))
    }
    if found and part.thought_signature:
        found["thoughtSignature"] = part.thought_signature
    return found


def message_of(deltas: Iterable[ChatDelta]) -> ChatMessage:
    """Put the pieces of a whole answer together."""
    message = ChatMessage(role=CHAT_ROLE_ASSISTANT)
    texts: list[str] = []
    thoughts: list[str] = []
    details = _Details(message)
    unknown: Json = {}
    for delta in deltas:
        texts.append(delta.content)
        thoughts.append(delta.reasoning_content)
        details.add(delta)
        for each in delta.tool_calls:
            call = message.tool_calls.add(id=each.id, unknown_json=each.unknown_json)
            call.function.name = each.function.name
            call.function.arguments = each.function.arguments
        if delta.unknown_json:
            _add_unknown(unknown, orjson.loads(delta.unknown_json))
    details.end()
    if any(texts):
        message.content.add(text="".join(texts))
    if any(thoughts):
        message.reasoning_content = "".join(thoughts)
    if unknown:
        message.unknown_json = orjson.dumps(unknown)
    return message


class _Details:
    """Puts the pieces of a message's details together."""

    def __init__(self, message: ChatMessage) -> None:
        self._details = message.reasoning_details
        # The texts of the last one.
        self._texts: list[str] = []

    def add(self, delta: ChatDelta) -> None:
        """Take the pieces of a delta."""
        for detail in delta.reasoning_details:
            last = self._details[-1] if self._details else None
            if last is None or (last.index, last.type) != (detail.index, detail.type):
                self.end()
                last = self._details.add()
                last.CopyFrom(detail)
            elif detail.signature:
                last.signature = detail.signature
            self._texts.append(detail.text)

    def end(self) -> None:
        """Write the last detail's text."""
        if len(self._texts) > 1:
            self._details[-1].text = "".join(self._texts)
        self._texts = []


def _add_unknown(unknown: Json, more: Json) -> None:
    for name, value in more.items():
        if isinstance(value, list):
            unknown.setdefault(name, []).extend(value)
        else:
            _add_unknown(unknown.setdefault(name, {}), value)
