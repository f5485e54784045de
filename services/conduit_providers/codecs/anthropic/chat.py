"""Anthropic's Messages.

https://platform.claude.com/docs/en/api/messages
"""

import msgspec
import orjson

from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT, ChatMessage
from conduit.v1.chat_pb2 import ChatCompletion
from conduit_providers.chat_events import ChatDecoder
from conduit_providers.codecs.anthropic.answer import (
    Block,
    Message,
    finish_of,
    tier_of,
)
from conduit_providers.codecs.anthropic.betas import HEADER, betas_of
from conduit_providers.codecs.anthropic.blocks import annotations_of, must_be_kept, put_block
from conduit_providers.codecs.anthropic.members import answer_json, choice_json, with_details
from conduit_providers.codecs.anthropic.options import ChatModel, ChatOptions
from conduit_providers.codecs.anthropic.request import MessagesBody
from conduit_providers.codecs.anthropic.stream import AnthropicChatDecoder
from conduit_providers.codecs.anthropic.turns import FORMAT
from conduit_providers.codecs.shared.call_ids import answered_id
from conduit_providers.codecs.shared.counts import chat_usage
from conduit_providers.codecs.shared.finish import put_finish
from conduit_providers.dates import sent_at
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader, parsed
from conduit_providers.operations.chat import ChatAnswer, ChatCall, chat_answer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_DECODER = JsonReader(Message)


class AnthropicChatCodec:
    """Speaks `POST /v1/messages`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for what the API does not support."""
        path = target.fill(endpoint.path, model=call.model)
        facts = endpoint.facts_of(call.model)
        return messages_request(call, endpoint, target, path, endpoint.options, facts)

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Translate the answer."""
        try:
            message = _DECODER.decode(response.body)
            if message.error is not None:
                raise error_in_stream(message.error, call.provider)
            if message.content is None or message.stop_reason is None:
                raise malformed(call.provider, "it has no content or no stop reason")
            completion = _completion(message, call.created or sent_at(response.headers))
            _add_details(completion.choices[0].message, message.content, response.body)
        except msgspec.DecodeError as error:
            raise malformed(call.provider, "it is not a message") from error
        usage = message.usage.quantities() if message.usage is not None else None
        return chat_answer(usage=usage, typed=completion)

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        return AnthropicChatDecoder(call)


def messages_request(  # noqa: PLR0917 # Vertex AI has other options and facts
    call: ChatCall,
    endpoint: Endpoint,
    target: Target,
    path: str,
    options: ChatOptions,
    model: ChatModel,
) -> HttpRequest:
    """Return the request to a path. InvalidRequest for what the API does not support."""
    builder = MessagesBody(call, options, model, target.provider_name)
    body = builder.build()
    is_older = bool(options.sampling_version) and not SAMPLING.isdisjoint(body)
    headers = dict(endpoint.headers)
    if options.body_version:
        del body["model"]
        version = options.sampling_version if is_older else options.body_version
        body["anthropic_version"] = version
    elif is_older:
        headers["anthropic-version"] = options.sampling_version
    if betas := betas_of(call, target.settings, builder.betas, body):
        headers[HEADER] = ",".join(betas)
    return HttpRequest("POST", path, JSON_HEADERS + tuple(headers.items()), orjson.dumps(body))


def _completion(message: Message, created: int) -> ChatCompletion:
    completion = ChatCompletion(
        id=message.id,
        object="chat.completion",
        created=created,
        model=message.model,
        service_tier=tier_of(message.usage),
    )
    choice = completion.choices.add()
    finish = finish_of(message.stop_reason or "", message.stop_details)
    choice.message.role = CHAT_ROLE_ASSISTANT
    if finish.refusal:
        choice.message.refusal = finish.refusal
    _add_blocks(choice.message, message.content or [])
    put_finish(choice, finish, has_calls=bool(choice.message.tool_calls))
    choice.unknown_json = choice_json(message)
    completion.unknown_json = answer_json(message)
    if message.usage is not None:
        usage = chat_usage(message.usage.quantities())
        completion.usage.CopyFrom(with_details(usage, message.usage))
    return completion


def _add_blocks(message: ChatMessage, blocks: list[Block]) -> None:
    text = "".join(block.text or "" for block in blocks if block.type == "text")
    if text:
        message.content.add(text=text)
    thoughts = "".join(block.thinking or "" for block in blocks if block.type == "thinking")
    if thoughts:
        message.reasoning_content = thoughts
    if cited := annotations_of(blocks):
        message.annotations_json = orjson.dumps(cited)
    for block in blocks:
        if block.type == "tool_use":
            call = message.tool_calls.add(id=answered_id(block.id, len(message.tool_calls)))
            call.function.name = block.name or ""
            call.function.arguments = block.arguments


def _add_details(message: ChatMessage, blocks: list[Block], body: bytes) -> None:
    """Keep what must be sent back, in its order."""
    whole: list[dict[str, object]] = []
    if must_be_kept(blocks):
        # With members that nobody here knows.
        document = parsed(body)
        whole = document["content"] if isinstance(document, dict) else []
    for place, block in enumerate(blocks):
        _add_detail(message, block, whole[place] if whole else None)


def _add_detail(message: ChatMessage, block: Block, whole: dict[str, object] | None) -> None:
    """Keep what must be sent back; `whole` is the block where more than thoughts must."""
    index = len(message.reasoning_details)
    match block.type:
        case "thinking":
            message.reasoning_details.add(
                type="reasoning.text",
                text=block.thinking or "",
                signature=block.signature,
                format=FORMAT,
                index=index,
            )
        case "redacted_thinking":
            message.reasoning_details.add(
                type="reasoning.encrypted", data=block.data or "", format=FORMAT, index=index
            )
        case _ if whole is not None:
            put_block(message.reasoning_details.add(), whole, index)


CODEC = AnthropicChatCodec()
