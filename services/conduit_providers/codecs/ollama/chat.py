"""Ollama's native chat.

https://docs.ollama.com/api/chat, streamed as https://docs.ollama.com/api/streaming says.
"""

import orjson

from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT, ChatMessage
from conduit.v1.chat_pb2 import ChatCompletion
from conduit_providers.chat_events import ChatDecoder
from conduit_providers.codecs.ollama.answer import (
    Piece,
    PieceReader,
    finish_of,
    logprobs_json,
    read_piece,
)
from conduit_providers.codecs.ollama.request import ChatBody
from conduit_providers.codecs.ollama.stream import OllamaChatDecoder
from conduit_providers.codecs.shared.counts import token_totals
from conduit_providers.failures import malformed
from conduit_providers.operations.chat import ChatAnswer, ChatCall, chat_answer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse


class OllamaChatCodec:
    """Speaks `POST /api/chat`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for what the API does not support."""
        body = ChatBody(call, endpoint, target.provider_name).build()
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        return HttpRequest("POST", target.fill(endpoint.path), headers, orjson.dumps(body))

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Translate the answer."""
        piece = read_piece(response.body, call.provider)
        if not piece.done:
            raise malformed(call.provider, "the answer is not complete")
        completion = ChatCompletion(
            id=f"chatcmpl-ollama-{piece.mark()}",
            object="chat.completion",
            created=piece.created(call.created),
            model=piece.model or call.model,
            unknown_json=piece.durations_json(),
        )
        reader = PieceReader(piece.mark())
        message = _message(reader, piece)
        finish = finish_of(piece.done_reason, has_calls=reader.calls > 0)
        completion.choices.add(
            message=message,
            finish_reason=finish.reason,
            native_finish_reason=finish.native,
            logprobs_json=logprobs_json(piece.logprobs),
        )
        usage = piece.quantities()
        if usage is not None:
            completion.usage.CopyFrom(token_totals(usage))
        return chat_answer(usage=usage, typed=completion)

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        return OllamaChatDecoder(call)


def _message(reader: PieceReader, piece: Piece) -> ChatMessage:
    message = ChatMessage(role=CHAT_ROLE_ASSISTANT)
    delta = reader.delta(piece)
    if delta is None:
        return message
    if delta.content:
        message.content.add(text=delta.content)
    if delta.reasoning_content:
        message.reasoning_content = delta.reasoning_content
        message.reasoning_details.extend(delta.reasoning_details)
    for each in delta.tool_calls:
        call = message.tool_calls.add(id=each.id)
        call.function.name = each.function.name
        call.function.arguments = each.function.arguments
    return message


CODEC = OllamaChatCodec()
