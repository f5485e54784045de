"""Amazon Bedrock's Converse and ConverseStream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import msgspec
import orjson

from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT, ChatMessage
from conduit.v1.chat_pb2 import ChatCompletion
from conduit_providers.chat_events import ChatDecoder
from conduit_providers.codecs.bedrock.answer import (
    FORMAT,
    Block,
    ConverseAnswer,
    Reasoning,
    answer_id,
    extras_json,
    finish_of,
    qualifiers_of,
    thought_format,
)
from conduit_providers.codecs.bedrock.citations import annotations_of
from conduit_providers.codecs.bedrock.kept_blocks import must_be_kept, put_block
from conduit_providers.codecs.bedrock.request import ConverseBody
from conduit_providers.codecs.bedrock.stream import ConverseStreamDecoder
from conduit_providers.codecs.bedrock.tools import answer_tool
from conduit_providers.codecs.shared.call_ids import answered_id
from conduit_providers.codecs.shared.counts import chat_usage
from conduit_providers.codecs.shared.finish import put_finish
from conduit_providers.codecs.shared.turns import argument_text
from conduit_providers.dates import sent_at
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader, parsed
from conduit_providers.operations.chat import ChatAnswer, ChatCall, chat_answer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

_DECODER = JsonReader(ConverseAnswer)


class BedrockChatCodec:
    """Speaks `POST /model/{modelId}/converse` and `/converse-stream`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for what the API does not support."""
        body = ConverseBody(call, endpoint, target).build()
        path = target.fill(endpoint.path, model=call.model)
        return HttpRequest(
            "POST",
            f"{path}-stream" if call.stream else path,
            JSON_HEADERS + tuple(endpoint.headers.items()),
            orjson.dumps(body),
        )

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Translate the answer."""
        try:
            answer = _DECODER.decode(response.body)
            if answer.output is None or answer.output.message is None or answer.stop_reason is None:
                raise malformed(call.provider, "it has no message or no stop reason")
            answer_name = answer_tool(call, endpoint.facts_of(call.model))
            completion = _completion(answer, call, answer_name)
            completion.unknown_json = extras_json(answer)
            if not answer_name and must_be_kept(answer.blocks):
                _keep(completion.choices[0].message, answer.blocks, call, response.body)
        except msgspec.DecodeError as error:
            raise malformed(call.provider, "it is not an answer of Converse") from error
        usage = answer.usage.quantities(qualifiers_of(answer)) if answer.usage is not None else None
        completion.id = answer_id(response.headers, call.created)
        completion.created = call.created or sent_at(response.headers)
        if usage is not None:
            completion.usage.CopyFrom(chat_usage(usage))
        return chat_answer(usage=usage, typed=completion)

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        return ConverseStreamDecoder(call, answer_tool(call, endpoint.facts_of(call.model)))


def _completion(answer: ConverseAnswer, call: ChatCall, answer_name: str) -> ChatCompletion:
    router = answer.trace.prompt_router if answer.trace is not None else None
    completion = ChatCompletion(
        object="chat.completion", model=(router.invoked_model_id if router else "") or call.model
    )
    if answer.service_tier is not None:
        completion.service_tier = answer.tier
    answers = [each for each in answer.blocks if each.call and each.call.name == answer_name]
    choice = completion.choices.add()
    finish = finish_of(answer.stop_reason or "", call.provider, is_answer=bool(answers))
    choice.message.role = CHAT_ROLE_ASSISTANT
    if answers and answers[0].call is not None:
        choice.message.content.add(text=argument_text(answers[0].call.input))
    else:
        _add_words(choice.message, answer.blocks)
    put_finish(choice, finish, has_calls=bool(choice.message.tool_calls))
    for block in answer.blocks:
        if block.reasoning_content is not None:
            _add_thought(choice.message, block.reasoning_content, thought_format(call.model))
    return completion


def _add_words(message: ChatMessage, blocks: list[Block]) -> None:
    text = "".join(block.words for block in blocks)
    if text:
        message.content.add(text=text)
    if cited := annotations_of(blocks):
        message.annotations_json = orjson.dumps(cited)
    for block in blocks:
        if block.call is not None:
            call_id = answered_id(block.call.tool_use_id, len(message.tool_calls))
            call = message.tool_calls.add(id=call_id)
            call.function.name = block.call.name
            call.function.arguments = argument_text(block.call.input)


def _add_thought(message: ChatMessage, thought: Reasoning, whose: str) -> None:
    if thought.reasoning_text is not None:
        message.reasoning_content += thought.reasoning_text.text
    _add_detail(message, thought, whose)


def _add_detail(message: ChatMessage, thought: Reasoning, whose: str) -> None:
    index = len(message.reasoning_details)
    if thought.reasoning_text is not None:
        message.reasoning_details.add(
            type="reasoning.text",
            text=thought.reasoning_text.text,
            signature=thought.reasoning_text.signature,
            format=whose,
            index=index,
        )
    elif thought.redacted_content is not None:
        message.reasoning_details.add(
            type="reasoning.encrypted", data=thought.redacted_content, format=FORMAT, index=index
        )


def _keep(message: ChatMessage, blocks: list[Block], call: ChatCall, body: bytes) -> None:
    """Keep all blocks in their order, thoughts among them."""
    del message.reasoning_details[:]
    whole = parsed(body)["output"]["message"]["content"]
    for block, raw in zip(blocks, whole, strict=True):
        if block.reasoning_content is not None:
            _add_detail(message, block.reasoning_content, thought_format(call.model))
        else:
            put_block(message.reasoning_details.add(), raw, len(message.reasoning_details) - 1)


CODEC = BedrockChatCodec()
