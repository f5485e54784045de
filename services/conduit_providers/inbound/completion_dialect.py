"""OpenAI's older completions, as a dialect of callers that chats are answered in.

https://platform.openai.com/docs/api-reference/completions/object. They have words alone: what a
model thinks, and whatever else a chat's turn has, is in no completion.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from conduit_providers.inbound.caller_form import translation_of
from conduit_providers.inbound.chat_terms import terms_of
from conduit_providers.inbound.completion_form import (
    CompletionAnswer,
    CompletionEvents,
    completion_answer,
)
from conduit_providers.inbound.completion_to_chat import TranslatedCompletion
from conduit_providers.inbound.translating_codecs import (
    CallerCall,
    CallerDialect,
    Used,
    translating_codec,
)
from conduit_providers.quantities import CACHE_READS, CACHE_WRITES, REASONING, Quantities
from conduit_providers.spec import Endpoint

Json = dict[str, Any]

_PREFIX = "cmpl-"
_REASONS = frozenset({"length", "content_filter"})


class CompletionDialect(CallerDialect[CompletionAnswer, CompletionEvents]):
    """Says as a completion what a chat's answer says."""

    def counts(self, used: Used) -> Json:
        """Return what was used, marked where it is an estimate."""
        return counts_of(used.usage) | ({"is_estimate": True} if used.is_estimate else {})

    def answer(
        self,
        completion: Json,
        call: CallerCall,
        endpoint: Endpoint,
        counts: Json,
        usage: Quantities | None,
    ) -> CompletionAnswer:
        """Return a whole answer: all of it in one piece, and the counts."""
        writer = self.writer(call, endpoint, counts)
        choices = completion.get("choices") or ()
        whole = {**completion, "choices": [{**e, "delta": e.get("message")} for e in choices]}
        found = writer.whole(whole)
        return completion_answer(usage, json=orjson.dumps({**found, "usage": counts}))

    def writer(self, call: CallerCall, endpoint: Endpoint, counts: Json) -> "CompletionWriter":
        """Return what writes a streamed answer."""
        found = translation_of(call.request, terms_of(endpoint, call.model))
        assert isinstance(found, TranslatedCompletion)  # noqa: S101 # as the operation makes them
        return CompletionWriter(
            found.prompt,
            created=call.created,
            model=call.model,
            echoes=call.request.typed.echo,
            tells_usage=call.include_usage,
        )

    def events(self, sse: bytes) -> CompletionEvents:
        """Hold events."""
        return CompletionEvents(sse=sse)


class CompletionWriter:
    """Writes the pieces of one answer."""

    def __init__(
        self, prompt: str, *, created: int, model: str, echoes: bool, tells_usage: bool
    ) -> None:
        """Take what is gone on from, and what pieces say who do not say it themselves."""
        self._prompt = prompt
        self._head: Json = {
            "id": _PREFIX.removesuffix("-"),
            "object": "text_completion",
            "created": created,
            "model": model,
        }
        self._echoes = echoes
        self._tells_usage = tells_usage
        # How many characters each choice has, with those that it goes on from.
        self._lengths: dict[int, int] = {}

    def events_of(self, chunks: Iterable[Json]) -> list[Json]:
        """Return the pieces that chunks say."""
        found = (self.whole(chunk) for chunk in chunks)
        return [piece for piece in found if piece["choices"]]

    def end(self, counts: Json) -> list[Json]:
        """Return the piece with the counts, where that was asked for."""
        return [{**self._head, "choices": [], "usage": counts}] if self._tells_usage else []

    def whole(self, chunk: Json) -> Json:
        """Return what a chunk says."""
        self._take_head(chunk)
        choices = (self._choice(each) for each in chunk.get("choices") or ())
        return {**self._head, "choices": [choice for choice in choices if choice is not None]}

    def _take_head(self, chunk: Json) -> None:
        bare = str(chunk.get("id") or "").removeprefix("chatcmpl-")
        known = {"created": chunk.get("created"), "model": chunk.get("model")}
        self._head |= {name: value for name, value in known.items() if value}
        if bare:
            self._head["id"] = bare if bare.startswith(_PREFIX) else _PREFIX + bare
        if fingerprint := chunk.get("system_fingerprint"):
            self._head["system_fingerprint"] = fingerprint

    def _choice(self, choice: Json) -> Json | None:
        """Return a choice's piece; None where it says nothing."""
        delta, index = choice.get("delta") or {}, choice.get("index") or 0
        # A model's refusal is what it says.
        text = _words(delta.get("content")) or delta.get("refusal") or ""
        reason = choice.get("finish_reason")
        if not text and not reason:
            return None
        length = self._lengths.setdefault(index, len(self._prompt))
        begins = length == len(self._prompt)
        self._lengths[index] = length + len(text)
        likely = choice.get("logprobs")
        return {
            "text": self._prompt + text if self._echoes and begins else text,
            "index": index,
            "logprobs": logprobs_of(likely, length) if isinstance(likely, dict) else None,
            "finish_reason": _reason(reason),
        }


def completion_codec(codec: Any) -> Any:  # noqa: ANN401 # of either kind
    """Return the codec of completions that is made of one of chats."""
    return translating_codec(CompletionDialect(), codec)


def counts_of(usage: Quantities) -> Json:
    """Return counts as completions have them."""
    read, written = usage.input_tokens, usage.output_tokens
    found: Json = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }
    cached, cache_written = usage.count(*CACHE_READS), usage.count(*CACHE_WRITES)
    if cached or cache_written:
        details = {"cached_tokens": cached, "cache_write_tokens": cache_written}
        found["prompt_tokens_details"] = {name: count for name, count in details.items() if count}
    if reasoning := usage.count(REASONING):
        found["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return found


def logprobs_of(likely: Json, offset: int) -> Json:
    """Return a chat's log probabilities as completions have them, from a place in the text."""
    found: Json = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for each in _objects(likely.get("content")):
        token = str(each.get("token") or "")
        top = _objects(each.get("top_logprobs"))
        found["tokens"].append(token)
        found["token_logprobs"].append(_number(each.get("logprob")))
        found["top_logprobs"].append({str(t.get("token")): _number(t.get("logprob")) for t in top})
        found["text_offset"].append(offset)
        offset += len(token)
    return found


def _objects(value: object) -> list[Json]:
    """Return the objects of a list; a provider may say anything there."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) else None


def _words(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return "".join(part.get("text") or "" for part in parts if isinstance(part, dict))


def _reason(reason: object) -> object:
    return reason if reason is None or reason in _REASONS else "stop"
