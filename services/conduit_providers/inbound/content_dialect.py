"""Google's generateContent, as a dialect of callers that chats are answered in.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from conduit_providers.codecs.shared.turns import arguments_of
from conduit_providers.inbound.caller_form import translation_of
from conduit_providers.inbound.chat_terms import terms_of
from conduit_providers.inbound.content_form import ContentAnswer, ContentEvents, content_answer
from conduit_providers.inbound.content_signatures import signature_of
from conduit_providers.inbound.content_to_chat import TranslatedContent
from conduit_providers.inbound.message_from_chat import extras_in, extras_of
from conduit_providers.inbound.sealed_thoughts import merged
from conduit_providers.inbound.tool_names import ToolNames
from conduit_providers.inbound.translating_codecs import (
    CallerCall,
    CallerDialect,
    Used,
    translating_codec,
)
from conduit_providers.quantities import CACHE_READS, REASONING, Quantities
from conduit_providers.spec import Endpoint

Json = dict[str, Any]

_FINISH: Mapping[object, str] = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}


class ContentDialect(CallerDialect[ContentAnswer, ContentEvents]):
    """Says as generated content what a chat's answer says."""

    def counts(self, used: Used) -> Json:
        """Return what was used, marked where it is an estimate."""
        return counts_of(used.usage) | ({"isEstimate": True} if used.is_estimate else {})

    def answer(
        self,
        completion: Json,
        call: CallerCall,
        endpoint: Endpoint,
        counts: Json,
        usage: Quantities | None,
    ) -> ContentAnswer:
        """Return a whole answer: what a stream with all of it in one chunk comes to."""
        writer = self.writer(call, endpoint, counts)
        choices = completion.get("choices") or ()
        chunk = {**completion, "choices": [{**e, "delta": e.get("message")} for e in choices]}
        candidates: dict[int, Json] = {}
        pieces = [*writer.events_of([chunk]), *writer.end(counts)]
        for piece in pieces:
            for candidate in piece.get("candidates") or ():
                whole = candidates.setdefault(candidate["index"], {**candidate, "content": None})
                parts = (whole["content"] or {"parts": []})["parts"]
                parts += candidate["content"]["parts"]
                whole |= {**candidate, "content": {"role": "model", "parts": parts}}
        answer = {**pieces[-1], "candidates": [candidates[index] for index in sorted(candidates)]}
        return content_answer(orjson.dumps(answer), usage)

    def writer(self, call: CallerCall, endpoint: Endpoint, counts: Json) -> "ContentWriter":
        """Return what writes a streamed answer."""
        found = translation_of(call.request, terms_of(endpoint, call.model))
        assert isinstance(found, TranslatedContent)  # noqa: S101 # as the operation makes them
        return ContentWriter(found.names, model=call.model)

    def events(self, sse: bytes) -> ContentEvents:
        """Hold events."""
        return ContentEvents(sse=sse)


def content_codec(codec: Any) -> Any:  # noqa: ANN401 # of either kind
    """Return the codec of generated content that is made of one of chats."""
    return translating_codec(ContentDialect(), codec)


def counts_of(usage: Quantities) -> Json:
    """Return counts as Google has them: what was thought beside what was said."""
    read, written, thought = usage.input_tokens, usage.output_tokens, usage.count(REASONING)
    found: Json = {"promptTokenCount": read, "candidatesTokenCount": written - thought}
    if thought:
        found["thoughtsTokenCount"] = thought
    if cached := usage.count(*CACHE_READS):
        found["cachedContentTokenCount"] = cached
    return found | {"totalTokenCount": read + written}


class _Candidate:
    """The parts of an answer that wait for its end."""

    def __init__(self) -> None:
        # By their places.
        self.calls: dict[int, Json] = {}
        self.details: list[Json] = []
        self.extras: Json = {}
        self.reason = ""


class ContentWriter:
    """Writes the pieces of one answer; calls come whole, at its end."""

    def __init__(self, names: ToolNames, *, model: str) -> None:
        """Take the names that the caller gave its functions."""
        self._names = names
        self._head: Json = {"modelVersion": model}
        self._candidates: dict[int, _Candidate] = {}

    def events_of(self, chunks: Iterable[Json]) -> list[Json]:
        """Return the pieces that chunks say."""
        found: list[Json] = []
        for chunk in chunks:
            if chunk.get("id"):
                self._head["responseId"] = chunk["id"]
            if chunk.get("model"):
                self._head["modelVersion"] = chunk["model"]
            told = ((c.get("index") or 0, self._take(c)) for c in chunk.get("choices") or ())
            found += [self._piece(index, parts) for index, parts in told if parts]
        return found

    def end(self, counts: Json) -> list[Json]:
        """Return the last piece of a whole answer, given its counts."""
        candidates = [self._ended(i, each) for i, each in sorted(self._candidates.items())]
        return [{"candidates": candidates, "usageMetadata": counts, **self._head}]

    def _piece(self, index: int, parts: list[Json]) -> Json:
        content = {"role": "model", "parts": parts}
        return {"candidates": [{"content": content, "index": index}], **self._head}

    def _take(self, choice: Json) -> list[Json]:
        """Return the parts that can be told now."""
        delta: Json = choice.get("delta") or {}
        candidate = self._candidates.setdefault(choice.get("index") or 0, _Candidate())
        details = delta.get("reasoning_details") or ()
        candidate.details += [each for each in details if isinstance(each, dict)]
        candidate.extras = merged(candidate.extras, extras_in(delta))
        for place, call in enumerate(delta.get("tool_calls") or ()):
            self._take_call(candidate, call, call.get("index", place))
        candidate.reason = choice.get("finish_reason") or candidate.reason
        parts: list[Json] = []
        if thought := delta.get("reasoning_content"):
            parts.append({"text": thought, "thought": True})
        said = (_words(delta.get("content")), delta.get("refusal"))
        return parts + [{"text": text} for text in said if text]

    def _take_call(self, candidate: _Candidate, call: Json, place: int) -> None:
        known = candidate.calls.setdefault(place, {"function": {"name": "", "arguments": ""}})
        function, more = known["function"], call.get("function") or {}
        known |= {name: call[name] for name in call.keys() - {"function"} if call[name] is not None}
        known["function"] = {
            "name": function["name"] or more.get("name") or "",
            "arguments": function["arguments"] + (more.get("arguments") or ""),
        }

    def _ended(self, index: int, candidate: _Candidate) -> Json:
        kept: Json = {"details": candidate.details} if candidate.details else {}
        if extras := extras_of(candidate.calls.values()):
            kept["calls"] = extras
        if candidate.extras:
            kept["said"] = candidate.extras
        parts: list[Json] = []
        if signature := signature_of(kept):
            parts.append({"text": "", "thought": True, "thoughtSignature": signature})
        parts += [self._call(candidate.calls[place]) for place in sorted(candidate.calls)]
        return {
            # A content without parts is none to clients.
            "content": {"role": "model", "parts": parts or [{"text": ""}]},
            "finishReason": _FINISH.get(candidate.reason, "STOP"),
            "index": index,
        }

    def _call(self, call: Json) -> Json:
        function = call["function"]
        found: Json = {
            "name": self._names.given(function["name"]),
            "args": arguments_of(function["arguments"]),
        }
        return {"functionCall": ({"id": call["id"]} if call.get("id") else {}) | found}


def _words(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return "".join(part.get("text") or "" for part in parts if isinstance(part, dict))
