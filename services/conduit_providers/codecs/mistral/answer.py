"""What Mistral answers otherwise than OpenAI, in messages and their pieces.

Models that reason answer with a list of chunks; their thoughts are among them, and references to
results of tools. In a stream, a reference's place is counted within its event.
https://docs.mistral.ai/capabilities/reasoning
"""

import re
from typing import Any

import msgspec
import orjson

from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import parsed

Json = dict[str, Any]

# In the manner of OpenRouter's names for the forms of thoughts.
FORMAT = "mistral-v1"
MAX_CHOICES = 1000
# An answer without any of these is OpenAI's as it is.
_ODD = re.compile(
    rb'"content"\s*:\s*\[|"tool_calls"\s*:\s*\[|"finish_reason"\s*:\s*"(?:model_length|error)"'
)


class Thoughts:
    """Numbers the thoughts of one choice: words between them end one."""

    def __init__(self) -> None:
        self._index = -1
        self._is_open = False

    def unfold(self, said: Json) -> None:
        """Change a message, or a piece of one, from a list of chunks to OpenAI's members."""
        chunks = said.get("content")
        if not isinstance(chunks, list):
            self._is_open = self._is_open and not chunks
            return
        texts: list[str] = []
        details: list[Json] = []
        cited: list[Json] = []
        for chunk in chunks:
            match chunk:
                case {"type": "thinking"}:
                    details.append(self._detail(chunk))
                case {"type": "text", "text": str(text)}:
                    self._is_open = self._is_open and not text
                    texts.append(text)
                case {"type": "reference"}:
                    cited.append(_annotation(chunk, texts))
        if cited:
            said["annotations"] = cited
        said["content"] = "".join(texts) if texts else None
        if details:
            said["reasoning_content"] = "".join(detail["text"] for detail in details)
            said["reasoning_details"] = details

    def _detail(self, chunk: Json) -> Json:
        self._index += not self._is_open
        self._is_open = True
        detail: Json = {"type": "reasoning.text", "text": _text(chunk.get("thinking"))}
        if chunk.get("signature"):
            detail["signature"] = chunk["signature"]
        return detail | {"format": FORMAT, "index": self._index}


class CallNumbers:
    """Numbers the tool calls of one streamed choice, where Mistral does not."""

    def __init__(self) -> None:
        self._by_id: dict[str, int] = {}
        self._count = 0

    def number(self, call: Json) -> int:
        """Return which call a piece belongs to: the one it says, or that of its id, or the last.

        A piece with a new id, or with no id but a name, begins a call.
        """
        name = call.get("id")
        # The SDK's default for no id is the word `null`.
        known = name if isinstance(name, str) and name != "null" else ""
        number = call.get("index")
        if not isinstance(number, int):
            function = call.get("function")
            is_named = isinstance(function, dict) and bool(function.get("name"))
            begins = bool(known) or is_named or not self._count
            number = self._by_id.get(known, self._count if begins else self._count - 1)
        self._count = max(self._count, number + 1)
        if known:
            self._by_id[known] = number
        return number


class ChoiceState:
    """The state of a choice from one event to the next."""

    def __init__(self) -> None:
        self.thoughts = Thoughts()
        self.calls = CallNumbers()


def is_odd(answer: bytes) -> bool:
    """Return whether an answer, or an event of one, may need changes."""
    return _ODD.search(answer) is not None


def as_openai(answer: bytes, part: str, states: dict[int, ChoiceState], provider: str) -> bytes:
    """Return an answer, or an event of one, as OpenAI would have written it.

    `part` is the member of a choice that says something: `message` or `delta`. `states` are
    what earlier events left, by choice. UpstreamError if the provider says that it failed.
    """
    try:
        document: Json = parsed(answer)
    except msgspec.DecodeError as error:
        raise malformed(provider, "it cannot be read") from error
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        said = choice.get(part)
        if isinstance(said, dict):
            state = _state_of(choice, states, provider)
            state.thoughts.unfold(said)
            _complete_calls(said, part, state.calls)
        _set_finish(choice, provider)
    return orjson.dumps(document)


def _annotation(chunk: Json, texts: list[str]) -> Json:
    """Return a reference behind a text in OpenAI's form; what it refers to, the caller has given.

    https://docs.mistral.ai/capabilities/citations
    """
    end = sum(map(len, texts))
    start = end - len(texts[-1]) if texts else end
    place = {"start_index": start, "end_index": end, "url": "", "title": ""}
    references = chunk.get("reference_ids")
    return {"type": "url_citation", "url_citation": place, "reference_ids": references}


def _state_of(choice: Json, states: dict[int, ChoiceState], provider: str) -> ChoiceState:
    index = choice.get("index")
    found = states.setdefault(index if isinstance(index, int) else 0, ChoiceState())
    if len(states) > MAX_CHOICES:
        raise malformed(provider, "it has more choices than anybody asks for")
    return found


def _complete_calls(said: Json, part: str, numbers: CallNumbers) -> None:
    calls = said.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if not isinstance(call, dict):
            continue
        # The SDK knows calls without a type, and arguments that are no text.
        call["type"] = call.get("type") or "function"
        function = call.get("function")
        if isinstance(function, dict) and isinstance(function.get("arguments"), dict):
            function["arguments"] = orjson.dumps(function["arguments"]).decode()
        if part == "message":
            call.pop("index", None)
        else:
            call["index"] = numbers.number(call)


def _set_finish(choice: Json, provider: str) -> None:
    match choice.get("finish_reason"):
        case "model_length":
            choice["finish_reason"] = "length"
            choice["native_finish_reason"] = "model_length"
        case "error":
            failure = {"message": "the generation failed", "code": "error"}
            raise error_in_stream(failure, provider)


def _text(thinking: object) -> str:
    if isinstance(thinking, str):
        return thinking
    pieces = thinking if isinstance(thinking, list) else []
    return "".join(
        piece["text"]
        for piece in pieces
        if isinstance(piece, dict) and isinstance(piece.get("text"), str)
    )
