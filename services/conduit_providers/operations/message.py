"""Chats in the words of Anthropic's Messages: `CreateMessage`, `StreamCreateMessage`.

They are chats to all that decides, counts and charges; other are what callers say and get.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from conduit.v1 import message_requests_pb2 as pb
from conduit.v1.call_pb2 import CallReport
from conduit.v1.message_answer_pb2 import CreatedMessage, MessageUsage
from conduit.v1.message_pb2 import MessageCreation
from conduit_kernel.errors import ConduitError, InvalidRequest
from conduit_providers.calls import Form
from conduit_providers.codec import StreamingCodec
from conduit_providers.inbound.message_form import (
    MessageAnswer,
    MessageCall,
    MessageEvents,
    MessageForm,
    form_in,
    message_request,
    translated,
)
from conduit_providers.inbound.message_from_chat import counts_of
from conduit_providers.inbound.message_to_chat import ChatTerms
from conduit_providers.json_reading import known
from conduit_providers.operation import (
    NOTHING,
    AnsweredOperation,
    Requirements,
    StreamedOperation,
    WorstCase,
    estimate_tokens,
)
from conduit_providers.operations.chat import estimated_request, has_urls, is_plain_json, urls_of
from conduit_providers.quantities import Quantities, plain
from conduit_providers.request_reading import RequestReader, Routed, Unread, nothing_sent, refusal
from conduit_providers.spec import Endpoint

MessageCodec = StreamingCodec[MessageCall, MessageAnswer, MessageEvents]
# What is estimated and fetched is the same on any terms.
_ANY_TERMS = ChatTerms(is_openai=False, takes_marks=True, takes_effort=True)


class _OutputConfig(msgspec.Struct, gc=False):
    format: Unread = msgspec.UNSET


class _Message(Routed, gc=False):
    model: str
    messages: list[msgspec.Raw]
    max_tokens: int | None = None
    stream: bool | None = None
    tools: list[msgspec.Raw] | None = None
    output_config: _OutputConfig | None = None
    # Not needed here; a wrong type is better refused before a provider is asked.
    temperature: float | None = None
    top_p: float | None = None


_reader = RequestReader(_Message)
_read, _read_plain = _reader.read, _reader.decode_plain
# Block type to the capability that it needs.
_BLOCKS = {"image": "vision", "document": "files"}
_HINTS = tuple(b'"%b"' % kind.encode() for kind in _BLOCKS)


class MessageOperation(
    AnsweredOperation[MessageCreation, CreatedMessage],
    StreamedOperation[MessageCreation, CreatedMessage, MessageEvents],
):
    """Asks a model for the next message of a conversation, in Anthropic's words."""

    name: ClassVar[str] = "chat"
    served_as: ClassVar[str] = "message"
    codec_type: ClassVar[type] = StreamingCodec

    def form_of(
        self, request: pb.CreateMessageRequest | pb.StreamCreateMessageRequest
    ) -> MessageForm:
        """Return the conversation."""
        if request.WhichOneof("form") == "message":
            return message_request(typed=request.message)
        return message_request(json=request.json)

    def plain_form(self, body: bytes) -> MessageForm:
        """Return the conversation."""
        return message_request(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a request; what it says of streaming is what its RPC says."""
        try:
            message = _read_plain(body) if is_plain_json(body) else _read(body)
        except msgspec.MsgspecError as error:
            raise (refusal(error) if body else nothing_sent()) from error
        if not message.messages:
            raise InvalidRequest("messages must not be empty", field="messages")
        return Requirements(
            message.model,
            "chat",
            stream,
            False,  # noqa: FBT003 # a struct's fields by name cost twice as much
            _capabilities(body, message),
            message.max_tokens,
            1,
            message.named_fallbacks(),
            message.session(),
            tags=message.tags(),
        )

    def estimate(
        self,
        form: Form[MessageCreation],
        answer: MessageAnswer | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Count characters; pictures are not counted."""
        return plain(
            estimated_tokens(form), emitted if answer is None else estimate_tokens(len(answer.json))
        )

    def worst_case(self, form: Form[MessageCreation], requirements: Requirements) -> WorstCase:
        """Count a token for each byte: no tokenizer makes more of them."""
        most = requirements.max_output
        return WorstCase(plain(len(form.json), max(0, most or 0)), most is not None)

    def write(
        self, response: pb.CreateMessageResponse, answer: MessageAnswer, *, is_typed: bool
    ) -> None:
        """Put an answer into the response."""
        if is_typed:
            response.message.CopyFrom(answer.typed)
        else:
            response.json = answer.json

    def native_media(self, call: MessageCall, endpoint: Endpoint) -> tuple[str, ...] | None:
        """Have fetched what a message refers to by URL, where the endpoint takes no URLs."""
        if not endpoint.inline_media:
            return None
        chat = translated(call, _ANY_TERMS).chat
        return endpoint.native_urls if has_urls(chat.typed) else None

    def media(self, form: Form[MessageCreation]) -> set[str]:
        """Return what a conversation refers to by URL."""
        return urls_of(form_in(form).chat(_ANY_TERMS).chat.typed)

    def started(self, message: pb.StreamCreateMessageResponse) -> CallReport:
        """Return the report of the first message."""
        return message.started

    def put(
        self, message: pb.StreamCreateMessageResponse, events: MessageEvents, *, is_typed: bool
    ) -> None:
        """Put events into a message."""
        if is_typed:
            message.pieces.extend(events.pieces)
        else:
            message.events = events.sse

    def finished(
        self,
        message: pb.StreamCreateMessageResponse,
        usage: Quantities | None,
        *,
        is_typed: bool,
    ) -> CallReport:
        """Put the counts into the last message."""
        if usage is not None:
            message.finished.usage.CopyFrom(MessageUsage(**counts_of(usage)))
        return message.finished.report


def estimated_tokens(form: Form[MessageCreation]) -> int:
    """Return about how many tokens a request has, without its pictures."""
    try:
        return estimated_request(form_in(form).chat(_ANY_TERMS).chat)
    except ConduitError:
        # Of blocks that go to Anthropic alone.
        return estimate_tokens(len(form.json))


def _capabilities(body: bytes, message: _Message) -> frozenset[str]:
    found = []
    if message.tools:
        found.append("tools")
    config = message.output_config
    if config is not None and _asks(config.format):
        found.append("json_schema")
    if any(hint in body for hint in _HINTS):
        # The word is there; whether as a block of a message takes a closer look.
        kinds = {kind for raw in message.messages for kind in _kinds(known(bytes(raw)))}
        found += [_BLOCKS[kind] for kind in sorted(kinds & _BLOCKS.keys())]
    return frozenset(found) if found else NOTHING


def _asks(value: Unread) -> bool:
    return value is not msgspec.UNSET and bytes(value) != b"null"


def _kinds(held: Any) -> Iterator[str]:  # noqa: ANN401 # any JSON value
    """Yield the types of blocks in a turn, and in results of tools."""
    content = held.get("content") if isinstance(held, dict) else None
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict):
            yield str(block.get("type"))
            if block.get("type") == "tool_result":
                yield from _kinds(block)


OPERATION = MessageOperation()
