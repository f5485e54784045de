"""OpenAI's Responses, as a dialect of callers that chats are answered in."""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from conduit_providers.inbound.caller_form import translation_of
from conduit_providers.inbound.chat_terms import terms_of
from conduit_providers.inbound.response_form import (
    ResponseAnswer,
    ResponseEvents,
    ResponseForm,
    response_answer,
)
from conduit_providers.inbound.response_stream import ResponseStreamWriter
from conduit_providers.inbound.response_to_chat import TranslatedResponse
from conduit_providers.inbound.translating_codecs import (
    CallerCall,
    CallerDialect,
    Used,
    translating_codec,
)
from conduit_providers.quantities import CACHE_READS, CACHE_WRITES, REASONING, Quantities
from conduit_providers.spec import Endpoint

Json = dict[str, Any]

# What a response repeats of its request, and says where that is silent, as OpenAI does.
_ASKED: Mapping[str, object] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
# Of what is not kept, and not worked on later.
_ALWAYS: Mapping[str, object] = {
    "background": False,
    "completed_at": None,
    "previous_response_id": None,
    "store": False,
}
_NULL = b"null"


class ResponseDialect(CallerDialect[ResponseAnswer, ResponseEvents]):
    """Says as a response what a chat's answer says."""

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
    ) -> ResponseAnswer:
        """Return a whole answer: what a stream with all of it in one chunk comes to."""
        writer = self.writer(call, endpoint, counts)
        writer.events_of([_as_chunk(completion)])
        return response_answer(orjson.dumps(writer.end(counts)[-1]["response"]), usage)

    def writer(self, call: CallerCall, endpoint: Endpoint, counts: Json) -> ResponseStreamWriter:
        """Return what writes a streamed answer."""
        found = translation_of(call.request, terms_of(endpoint, call.model))
        assert isinstance(found, TranslatedResponse)  # noqa: S101 # as the operation makes them
        assert isinstance(call.request, ResponseForm)  # noqa: S101 # as above
        identity, asked = call.request.identity, asked_in(call.request.json)
        asked["store"] = bool(identity.id)
        asked["previous_response_id"] = identity.previous_id or None
        created, own_id = call.created, identity.id
        return ResponseStreamWriter(asked, found.tools, created=created, response_id=own_id)

    def events(self, sse: bytes) -> ResponseEvents:
        """Hold events."""
        return ResponseEvents(sse=sse)


def response_codec(codec: Any) -> Any:  # noqa: ANN401 # of either kind
    """Return the codec of Responses that is made of one of chats."""
    return translating_codec(ResponseDialect(), codec)


def counts_of(usage: Quantities) -> Json:
    """Return counts as Responses have them."""
    read, written = usage.input_tokens, usage.output_tokens
    cached, cache_written = usage.count(*CACHE_READS), usage.count(*CACHE_WRITES)
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": cache_written},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.count(REASONING)},
        "total_tokens": read + written,
    }


def response_of_nothing(request: bytes, response_id: str, created: int) -> Json:
    """Return the whole response to a request of which no model was asked."""
    asked, nothing = asked_in(request), Quantities()
    return {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": orjson.loads(request).get("model") or "",
        "output": [],
        "usage": counts_of(nothing),
        **asked,
    }


def _as_chunk(completion: Json) -> Json:
    choices = completion.get("choices") or ()
    return {**completion, "choices": [{**e, "delta": e.get("message")} for e in choices]}


def asked_in(request: bytes) -> Json:
    """Return what a response repeats of its request, as it was written there."""
    members = msgspec.json.decode(request, type=dict[str, msgspec.Raw])
    found: Json = {**_ASKED, **_ALWAYS}
    for name in _ASKED.keys() & members.keys():
        if (raw := bytes(members[name])) != _NULL:
            found[name] = orjson.loads(raw)
    return found
