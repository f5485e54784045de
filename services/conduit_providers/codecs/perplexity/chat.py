"""Perplexity's Agent API for chats.

https://docs.perplexity.ai/docs/agent-api: what followed its chat completions with Sonar, which
ended on 27 September 2026.
"""

import msgspec
import orjson

from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit.v1.chat_pb2 import ChatCompletion
from conduit_providers.chat_events import ChatDecoder
from conduit_providers.codecs.perplexity.answer import (
    Reply,
    annotations,
    calls_in,
    finish_of,
    signature_member,
    sources,
    text_of,
)
from conduit_providers.codecs.perplexity.request import ChatBody
from conduit_providers.codecs.perplexity.stream import PerplexityChatDecoder
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.call_ids import answered_id
from conduit_providers.codecs.shared.finish import put_finish
from conduit_providers.dates import sent_at
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.chat import ChatAnswer, ChatCall, chat_answer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

_DECODER = JsonReader(Reply)


class PerplexityChatCodec:
    """Speaks `POST /v1/responses`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. UnsupportedCapability for what the API does not support."""
        body = ChatBody(call, endpoint, target.provider_name).build()
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        path = target.fill(endpoint.path, model=call.model)
        return HttpRequest("POST", path, headers, orjson.dumps(body))

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Translate the answer. UpstreamError if it says that it is not complete."""
        reply = read_answer(_DECODER, response.body, call.provider, "it is not a response")
        completion = _completion(reply, call)
        completion.created = call.created or sent_at(response.headers)
        usage = reply.usage.quantities() if reply.usage is not None else None
        if reply.usage is not None:
            completion.usage.CopyFrom(reply.usage.usage())
        return chat_answer(usage=usage, typed=completion)

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        return PerplexityChatDecoder(call)


def _completion(reply: Reply, call: ChatCall) -> ChatCompletion:
    finish = finish_of(reply, call.provider)
    items = reply.output or []
    completion = ChatCompletion(
        id=reply.id, object="chat.completion", model=reply.model or call.model
    )
    choice = completion.choices.add()
    message = choice.message
    message.role = CHAT_ROLE_ASSISTANT
    if text := text_of(items):
        message.content.add(text=text)
    for number, item in enumerate(calls_in(items)):
        made = message.tool_calls.add(id=answered_id(item.call_id, number))
        made.function.name = item.name or ""
        made.function.arguments = item.arguments or "{}"
        made.unknown_json = signature_member(item)
    if cited := annotations(items):
        message.annotations_json = orjson.dumps(cited)
    put_finish(choice, finish, has_calls=bool(message.tool_calls))
    if found := sources(items):
        completion.unknown_json = msgspec.json.encode(found)
    return completion


CODEC = PerplexityChatCodec()
