"""Cohere's Chat, version 2 of the API.

https://docs.cohere.com/reference/chat
"""

import orjson

from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT, ChatMessage
from conduit.v1.chat_pb2 import ChatCompletion
from conduit_providers.chat_events import ChatDecoder
from conduit_providers.codecs.cohere.answer import (
    FORMAT,
    TOOL_PLAN,
    Called,
    Content,
    Message,
    Reply,
    annotations,
    chat_usage,
    finish_of,
    logprobs,
)
from conduit_providers.codecs.cohere.request import ChatBody
from conduit_providers.codecs.cohere.stream import CohereChatDecoder
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.call_ids import answered_id
from conduit_providers.codecs.shared.finish import put_finish
from conduit_providers.dates import sent_at
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.chat import ChatAnswer, ChatCall, chat_answer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

_DECODER = JsonReader(Reply)


class CohereChatCodec:
    """Speaks `POST /v2/chat`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. UnsupportedCapability for what the API does not support."""
        body = ChatBody(call, endpoint, target.provider_name).build()
        return HttpRequest(
            "POST",
            target.fill(endpoint.path, model=call.model),
            JSON_HEADERS + tuple(endpoint.headers.items()),
            orjson.dumps(body),
        )

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Translate the answer. UpstreamError if it says that it is not complete."""
        reply = read_answer(_DECODER, response.body, call.provider, "it is not a chat response")
        if reply.message is None or reply.finish_reason is None:
            raise malformed(call.provider, "it has no message or no finish reason")
        usage = reply.usage.quantities() if reply.usage is not None else None
        completion = _completion(reply, reply.message, call)
        completion.created = call.created or sent_at(response.headers)
        if usage is not None and reply.usage is not None:
            completion.usage.CopyFrom(chat_usage(usage, reply.usage))
        return chat_answer(usage=usage, typed=completion)

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        return CohereChatDecoder(call)


def _completion(reply: Reply, said: Message, call: ChatCall) -> ChatCompletion:
    # Answers do not name the model.
    completion = ChatCompletion(id=reply.id, object="chat.completion", model=call.model)
    finish = finish_of(reply.finish_reason or "", None, call.provider)
    choice = completion.choices.add()
    if reply.logprobs:
        choice.logprobs_json = logprobs(reply.logprobs)
    message = choice.message
    message.role = CHAT_ROLE_ASSISTANT
    if said.tool_plan:
        _add_thought(message, said.tool_plan, TOOL_PLAN)
    content = [Content("text", said.content)] if isinstance(said.content, str) else said.content
    _add_content(message, content or [])
    _add_calls(message, said.tool_calls or [], call.provider)
    put_finish(choice, finish, has_calls=bool(message.tool_calls))
    if cited := annotations(said.citations or []):
        message.annotations_json = orjson.dumps(cited)
    return completion


def _add_content(message: ChatMessage, blocks: list[Content]) -> None:
    for block in blocks:
        if block.thinking:
            _add_thought(message, block.thinking, None)
    text = "".join(block.text or "" for block in blocks)
    if text:
        message.content.add(text=text)


def _add_thought(message: ChatMessage, text: str, name: str | None) -> None:
    message.reasoning_content += text
    message.reasoning_details.add(
        type="reasoning.text",
        text=text,
        id=name,
        format=FORMAT,
        index=len(message.reasoning_details),
    )


def _add_calls(message: ChatMessage, calls: list[Called], provider: str) -> None:
    for number, each in enumerate(calls):
        if each.function is None:
            raise malformed(provider, "a tool call has no function")
        call = message.tool_calls.add(id=answered_id(each.id, number))
        call.function.name = each.function.name or ""
        call.function.arguments = each.function.arguments or "{}"


CODEC = CohereChatCodec()
