"""Anthropic's Messages as callers send and get them, in whichever form they are asked for."""

from conduit.v1.message_answer_json import (
    created_message_from_json,
    created_message_to_json,
    message_event_from_json,
    message_event_to_json,
)
from conduit.v1.message_answer_pb2 import CreatedMessage, MessageEvent
from conduit.v1.message_json import message_creation_from_json, message_creation_to_json
from conduit.v1.message_pb2 import MessageCreation
from conduit_providers.calls import Answer, Call
from conduit_providers.inbound.caller_form import CallerForm
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.message_to_chat import TranslatedRequest, chat_of
from conduit_providers.quantities import Quantities
from conduit_providers.typed_events import TypedEvents

# Events that say nothing of the answer itself, by their names and by what a block begins with.
_HEADS = (b"event: message_start", b"event: ping", b"event: content_block_start")
_BEGUN_WHOLE = (b"redacted_thinking", b"tool_use", b"_tool_result")


class MessageForm(CallerForm[MessageCreation, TranslatedRequest]):
    """A request; its translations are made once for all attempts."""

    def _translation(self, terms: ChatTerms) -> TranslatedRequest:
        return chat_of(self.typed, terms)


MessageCall = Call[MessageCreation]
MessageAnswer = Answer[CreatedMessage]


def message_request(
    *, json: bytes | None = None, typed: MessageCreation | None = None
) -> MessageForm:
    """Hold a request."""
    return MessageForm(message_creation_from_json, message_creation_to_json, json, typed)


def message_answer(json: bytes, usage: Quantities | None) -> MessageAnswer:
    """Hold an answer."""
    return Answer(created_message_from_json, created_message_to_json, json, None, usage)


def translated(call: MessageCall, terms: ChatTerms) -> TranslatedRequest:
    """Return the chat that a call asks for, whose operation makes no other forms."""
    form = call.request
    assert isinstance(form, MessageForm)  # noqa: S101 # see above
    return form.chat(terms)


class MessageEvents(TypedEvents[MessageEvent]):
    """Pieces of a streamed answer that arrived together."""

    __slots__ = ()

    @staticmethod
    def read_piece(json: object, /) -> MessageEvent:
        """Return an event as a message."""
        return message_event_from_json(json)

    @staticmethod
    def write_piece(piece: MessageEvent, /) -> dict[str, object]:
        """Return a message as an event's JSON."""
        return message_event_to_json(piece)

    @property
    def is_head(self) -> bool:
        """Return whether nothing of the answer itself is in it: who answers, and pings."""
        sse = self.sse
        if any(word in sse for word in _BEGUN_WHOLE):
            return False
        return sse.count(b"event: ") == sum(map(sse.count, _HEADS))
