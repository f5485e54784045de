"""Gemini's generateContent, as the Gemini API and Vertex AI have it.

https://ai.google.dev/api/generate-content
"""

import orjson

from conduit.v1.chat_pb2 import ChatCompletion
from conduit_providers.chat_events import ChatDecoder
from conduit_providers.codecs.gemini.answer import (
    Candidate,
    Response,
    answer_json,
    extras_json,
    logprobs_json,
    read_response,
)
from conduit_providers.codecs.gemini.finish import check_finish, finish_of
from conduit_providers.codecs.gemini.grounding import annotations, searches
from conduit_providers.codecs.gemini.parts import PartReader, message_of
from conduit_providers.codecs.gemini.request import ContentBody
from conduit_providers.codecs.gemini.stream import GeminiChatDecoder
from conduit_providers.codecs.shared.counts import chat_usage
from conduit_providers.dates import made_at, sent_at
from conduit_providers.failures import malformed
from conduit_providers.operations.chat import ChatAnswer, ChatCall, chat_answer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse


class GeminiChatCodec:
    """Speaks `POST .../{model}:generateContent`, and `:streamGenerateContent`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for what the API does not support."""
        path = target.fill(endpoint.path, model=call.model.removeprefix("models/"))
        return content_request(call, endpoint, target, path)

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Translate the answer."""
        found = read_response(response.body, call.provider)
        if not found.candidates or any(each.finish_reason is None for each in found.candidates):
            raise malformed(call.provider, "it has no candidate or no finish reason")
        created = made_at(found.create_time) or call.created or sent_at(response.headers)
        completion = ChatCompletion(
            id=found.response_id,
            object="chat.completion",
            created=created,
            model=_model(found, call),
            unknown_json=answer_json(found),
        )
        for place, candidate in enumerate(found.candidates):
            check_finish(candidate, call.provider)
            _add_choice(completion, candidate, candidate.index or place)
        counts = found.usage_metadata
        if counts is None:
            return chat_answer(usage=None, typed=completion)
        metadata = (bytes(each.grounding_metadata) for each in found.candidates)
        usage = counts.quantities(searches(metadata, call.model))
        completion.usage.CopyFrom(chat_usage(usage))
        if counts.tier:
            completion.service_tier = counts.tier
        return chat_answer(usage=usage, typed=completion)

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        return GeminiChatDecoder(call)


def content_request(call: ChatCall, endpoint: Endpoint, target: Target, path: str) -> HttpRequest:
    """Return the request to a path, up to its verb. InvalidRequest as the codec says."""
    body = ContentBody(call, endpoint, target.provider_name).build()
    return HttpRequest(
        "POST",
        path + (":streamGenerateContent?alt=sse" if call.stream else ":generateContent"),
        JSON_HEADERS + tuple(endpoint.headers.items()),
        orjson.dumps(body),
    )


def _model(found: Response, call: ChatCall) -> str:
    return found.model_version or call.model


def _add_choice(completion: ChatCompletion, candidate: Candidate, index: int) -> None:
    reader = PartReader(completion.id, index)
    pieces = [*map(reader.read, candidate.parts), reader.end()]
    deltas = [delta for delta in pieces if delta is not None]
    finish = finish_of(candidate.finish_reason or "", has_calls=reader.calls > 0)
    choice = completion.choices.add(
        index=index,
        message=message_of(deltas),
        finish_reason=finish.reason,
        native_finish_reason=finish.native,
        logprobs_json=logprobs_json(candidate.logprobs_result),
    )
    choice.unknown_json = extras_json(candidate)
    if candidate.grounding_metadata:
        texts = {
            place: part.text
            for place, part in enumerate(candidate.parts)
            if part.text and not part.thought
        }
        cited = annotations(bytes(candidate.grounding_metadata), texts)
        if cited:
            choice.message.annotations_json = orjson.dumps(cited)


CODEC = GeminiChatCodec()
