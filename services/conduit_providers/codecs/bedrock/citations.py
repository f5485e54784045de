"""What an answer of Converse's cites, as OpenAI's annotations.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CitationsContentBlock.html
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from conduit_providers.codecs.bedrock.answer import Block, CitedText
from conduit_providers.json_reading import JsonReader, parsed

Json = dict[str, Any]


class _Web(msgspec.Struct):
    url: str = ""


class _Location(msgspec.Struct, rename="camel"):
    web: _Web | None = None
    document_char: msgspec.Raw = msgspec.Raw()
    document_page: msgspec.Raw = msgspec.Raw()
    document_chunk: msgspec.Raw = msgspec.Raw()
    search_result_location: msgspec.Raw = msgspec.Raw()


class _Citation(msgspec.Struct, rename="camel"):
    title: str | None = None
    source: str | None = None
    source_content: list[CitedText] | None = None
    location: _Location = msgspec.field(default_factory=_Location)


_DECODER = JsonReader(_Citation)
# By our name and Bedrock's.
_PLACES = {
    "document_char": "documentChar",
    "document_page": "documentPage",
    "document_chunk": "documentChunk",
    "search_result_location": "searchResultLocation",
}


def annotation(citation: msgspec.Raw, start: int, end: int) -> Json:
    """Return a citation of the text between two characters.

    Where in a document something stands is beside it, under Bedrock's name for it.
    msgspec.DecodeError if it is none.
    """
    source = _DECODER.decode(citation)
    cited: Json = {
        "start_index": start,
        "end_index": end,
        "url": (source.location.web.url if source.location.web else "") or source.source or "",
        "title": source.title or "",
    }
    if words := "".join(each.text or "" for each in source.source_content or ()):
        cited["content"] = words
    places = {
        name: parsed(raw)
        for ours, name in _PLACES.items()
        if (raw := bytes(getattr(source.location, ours)))
    }
    return {"type": "url_citation", "url_citation": cited} | places


def annotations_of(blocks: Iterable[Block]) -> list[Json]:
    """Return what a whole answer cites. msgspec.DecodeError."""
    found: list[Json] = []
    at = 0
    for block in blocks:
        end = at + len(block.words)
        content = block.citations_content
        cited = content.citations if content is not None else None
        found += [annotation(each, at, end) for each in cited or ()]
        at = end
    return found


class StreamedCitations:
    """The citations of a streamed answer, emitted when their block ends."""

    def __init__(self) -> None:
        # Characters said; by block, where its text begins and what it cites.
        self._said = 0
        self._starts: dict[int, int] = {}
        self._cited: dict[int, list[msgspec.Raw]] = {}

    def say(self, index: int, text: str) -> None:
        """Take more of a block's text."""
        self._starts.setdefault(index, self._said)
        self._said += len(text)

    def cite(self, index: int, citation: msgspec.Raw) -> None:
        """Take a citation of a block."""
        self._starts.setdefault(index, self._said)
        self._cited.setdefault(index, []).append(citation.copy())

    def end(self, index: int) -> list[Json]:
        """Return what a block that has ended cites. msgspec.DecodeError."""
        start = self._starts.pop(index, self._said)
        return [annotation(each, start, self._said) for each in self._cited.pop(index, ())]
