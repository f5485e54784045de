"""What Mistral answers otherwise than OpenAI, in messages and their pieces.

Models that reason answer with a list of chunks; their thoughts are among them, and references to
results of tools.
https://docs.mistral.ai/capabilities/reasoning
"""

import re
from typing import Any

import msgspec
import orjson

from conduit_providers.failures import malformed
from conduit_providers.json_reading import parsed

Json = dict[str, Any]

# In the manner of OpenRouter's names for the forms of thoughts.
FORMAT = "mistral-v1"
MAX_CHOICES = 1000
# An answer without any is OpenAI's as it is.
_LISTED = re.compile(rb'"content"\s*:\s*\[')


class Unfolding:
    """Unfolds the chunks of one choice, event after event.

    Thoughts are numbered: words between them end one. Places of references count from the choice's
    first word on.
    """

    def __init__(self) -> None:
        self._index = -1
        self._is_open = False
        # How many characters were said, and how many references made.
        self._said = 0
        self._cited = 0

    def unfold(self, said: Json, *, is_piece: bool = False) -> None:
        """Change a message, or a piece of one, from a list of chunks to OpenAI's members."""
        chunks = said.get("content")
        if not isinstance(chunks, list):
            self._is_open = self._is_open and not chunks
            self._said += len(chunks) if isinstance(chunks, str) else 0
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
                    cited.append(self._annotation(chunk, texts))
        self._said += sum(map(len, texts))
        if cited:
            said["annotations"] = self._numbered(cited) if is_piece else cited
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

    def _annotation(self, chunk: Json, texts: list[str]) -> Json:
        """Return a reference behind a text in OpenAI's form; the caller has given its object.

        https://docs.mistral.ai/capabilities/citations
        """
        end = self._said + sum(map(len, texts))
        start = end - len(texts[-1]) if texts else end
        place = {"start_index": start, "end_index": end, "url": "", "title": ""}
        references = chunk.get("reference_ids")
        return {"type": "url_citation", "url_citation": place, "reference_ids": references}

    def _numbered(self, cited: list[Json]) -> list[Json]:
        """Return references with the index by which accumulators of OpenAI's form tell them."""
        first = self._cited
        self._cited += len(cited)
        return [{**each, "index": first + i} for i, each in enumerate(cited)]


def is_odd(answer: bytes) -> bool:
    """Return whether an answer, or an event of one, may need changes."""
    return _LISTED.search(answer) is not None


def as_openai(answer: bytes, part: str, states: dict[int, Unfolding], provider: str) -> bytes:
    """Return an answer, or an event of one, as OpenAI would have written it.

    `part` is the member of a choice that says something: `message` or `delta`. `states` are
    what earlier events left, by choice. UpstreamError if it cannot be read.
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
            _state_of(choice, states, provider).unfold(said, is_piece=part == "delta")
    return orjson.dumps(document)


def _state_of(choice: Json, states: dict[int, Unfolding], provider: str) -> Unfolding:
    index = choice.get("index")
    found = states.setdefault(index if isinstance(index, int) else 0, Unfolding())
    if len(states) > MAX_CHOICES:
        raise malformed(provider, "it has more choices than anybody asks for")
    return found


def _text(thinking: object) -> str:
    if isinstance(thinking, str):
        return thinking
    pieces = thinking if isinstance(thinking, list) else []
    return "".join(
        piece["text"]
        for piece in pieces
        if isinstance(piece, dict) and isinstance(piece.get("text"), str)
    )
