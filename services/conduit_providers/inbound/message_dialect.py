"""Anthropic's Messages, as a dialect of callers that chats are answered in."""

from typing import Any

import orjson

from conduit_providers.inbound.chat_terms import terms_of
from conduit_providers.inbound.message_form import (
    MessageAnswer,
    MessageEvents,
    message_answer,
    translated,
)
from conduit_providers.inbound.message_from_chat import counts_of, message_of
from conduit_providers.inbound.message_stream import MessageStreamWriter
from conduit_providers.inbound.tool_names import ToolNames
from conduit_providers.inbound.translating_codecs import (
    CallerCall,
    CallerDialect,
    Used,
    translating_codec,
)
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint

Json = dict[str, Any]


class MessageDialect(CallerDialect[MessageAnswer, MessageEvents]):
    """Says as a message what a chat's answer says."""

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
    ) -> MessageAnswer:
        """Return a whole answer."""
        message = message_of(completion, _names(call, endpoint), counts)
        return message_answer(orjson.dumps(message), usage)

    def writer(self, call: CallerCall, endpoint: Endpoint, counts: Json) -> MessageStreamWriter:
        """Return what writes a streamed answer, whose head has the counts of what was read."""
        return MessageStreamWriter(_names(call, endpoint), counts | {"output_tokens": 0})

    def events(self, sse: bytes) -> MessageEvents:
        """Hold events."""
        return MessageEvents(sse=sse)


def message_codec(codec: Any) -> Any:  # noqa: ANN401 # of either kind
    """Return the codec of Messages that is made of one of chats."""
    return translating_codec(MessageDialect(), codec)


def _names(call: CallerCall, endpoint: Endpoint) -> ToolNames:
    return translated(call, terms_of(endpoint, call.model)).names
