"""What an answer of Gemini's is grounded on, as OpenAI's annotations.

https://ai.google.dev/gemini-api/docs/google-search
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from conduit_providers.json_reading import JsonReader

Json = dict[str, Any]
_CHARGED_BY_PROMPT = ("gemini-1", "gemini-2")


class _Source(msgspec.Struct):
    uri: str = ""
    title: str = ""


class _Chunk(msgspec.Struct, rename="camel"):
    web: _Source | None = None
    retrieved_context: _Source | None = None
    maps: _Source | None = None

    @property
    def source(self) -> _Source:
        """The page it is from."""
        return self.web or self.retrieved_context or self.maps or _Source()


class _Segment(msgspec.Struct, rename="camel"):
    # In bytes of the text, and of which part.
    start_index: int = 0
    end_index: int = 0
    part_index: int = 0


class _Support(msgspec.Struct, rename="camel"):
    segment: _Segment = msgspec.field(default_factory=_Segment)
    grounding_chunk_indices: list[int] = []


class _Metadata(msgspec.Struct, rename="camel"):
    web_search_queries: list[str] = []
    grounding_chunks: list[_Chunk] = []
    grounding_supports: list[_Support] = []


_DECODER = JsonReader(_Metadata)


def annotations(metadata: bytes, texts: dict[int, str]) -> list[Json]:
    """Return what supports an answer. `texts` are its words by the index of their part.

    Metadata in another form gives nothing; it is handed on as it is in any case.
    """
    try:
        found = _DECODER.decode(metadata)
    except msgspec.DecodeError:
        return []
    return [
        _annotation(support.segment, found.grounding_chunks[index].source, texts)
        for support in found.grounding_supports
        for index in support.grounding_chunk_indices
        if 0 <= index < len(found.grounding_chunks)
    ]


def searches(metadata: Iterable[bytes], model: str) -> int:
    """Count what is charged of the searches for an answer, by all of its metadata.

    Each prompt with a search up to Gemini 2.5, each distinct query since: empty ones are free.
    https://ai.google.dev/gemini-api/docs/google-search#pricing
    """
    queries = {query for each in metadata for query in _queries(each) if query}
    if any(name in model for name in _CHARGED_BY_PROMPT):
        return min(1, len(queries))
    return len(queries)


def _queries(metadata: bytes) -> list[str]:
    try:
        return _DECODER.decode(metadata).web_search_queries
    except msgspec.DecodeError:
        return []


def _annotation(segment: _Segment, source: _Source, texts: dict[int, str]) -> Json:
    before = sum(len(text) for part, text in texts.items() if part < segment.part_index)
    raw = texts.get(segment.part_index, "").encode()
    place = {
        "start_index": before + _characters(raw[: max(0, segment.start_index)]),
        "end_index": before + _characters(raw[: max(0, segment.end_index)]),
    }
    return {
        "type": "url_citation",
        "url_citation": place | {"url": source.uri, "title": source.title},
    }


def _characters(raw: bytes) -> int:
    return len(raw.decode(errors="ignore"))
