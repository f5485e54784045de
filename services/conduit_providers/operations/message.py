"""Chats in the words of Anthropic's Messages: `CreateMessage`, `StreamCreateMessage`."""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from conduit.v1.message_answer_pb2 import CreatedMessage, MessageUsage
from conduit.v1.message_pb2 import MessageCreation
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codec import StreamingCodec
from conduit_providers.inbound.caller_operation import CallerOperation
from conduit_providers.inbound.message_form import (
    MessageAnswer,
    MessageCall,
    MessageEvents,
    MessageForm,
    message_request,
)
from conduit_providers.inbound.message_from_chat import counts_of
from conduit_providers.json_reading import known
from conduit_providers.operation import NOTHING, Requirements
from conduit_providers.operations.chat import is_plain_json
from conduit_providers.quantities import Quantities
from conduit_providers.request_reading import RequestReader, Routed, Unread, nothing_sent, refusal

MessageCodec = StreamingCodec[MessageCall, MessageAnswer, MessageEvents]


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


class MessageOperation(CallerOperation[MessageCreation, CreatedMessage, MessageEvents]):
    """Asks a model for the next message of a conversation, in Anthropic's words."""

    served_as: ClassVar[str] = "message"
    typed_member: ClassVar[str] = "message"

    def caller_form(
        self, *, json: bytes | None = None, typed: MessageCreation | None = None
    ) -> MessageForm:
        """Hold a request."""
        return message_request(json=json, typed=typed)

    def usage_message(self, usage: Quantities) -> MessageUsage:
        """Return what was used as Anthropic counts it."""
        return MessageUsage(**counts_of(usage))

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
