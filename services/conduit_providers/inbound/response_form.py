"""OpenAI's Responses as callers send and get them, in whichever form they are asked for."""

import re
from typing import NamedTuple

from conduit.v1.response_answer_json import (
    created_response_from_json,
    created_response_to_json,
    response_event_from_json,
    response_event_to_json,
)
from conduit.v1.response_answer_pb2 import CreatedResponse, ResponseEvent
from conduit.v1.response_json import response_creation_from_json, response_creation_to_json
from conduit.v1.response_pb2 import ResponseCreation
from conduit_providers.calls import Answer, Call
from conduit_providers.inbound.caller_form import CallerForm
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.response_to_chat import TranslatedResponse, chat_of
from conduit_providers.quantities import Quantities
from conduit_providers.typed_events import TypedEvents

# Events that say nothing of the answer itself, by their names.
_HEADS = (
    *(b"event: response.created", b"event: response.queued", b"event: response.in_progress"),
    *(b"event: response.output_item.added", b"event: response.content_part.added"),
    b"event: response.reasoning_summary_part.added",
)
# Of items that begin with some of it.
_BEGUN_WHOLE = b'_call"'
# In the head of a response that a provider makes while nobody waits.
_BACKGROUND = re.compile(rb'"background"\s*:\s*true')


class ResponseIdentity(NamedTuple):
    """The names of a response that Conduit keeps, as no provider does."""

    # Its id; empty where it is not kept.
    id: str
    # The one that it goes on from, whose conversation the request has; empty for none.
    previous_id: str = ""


class ResponseForm(CallerForm[ResponseCreation, TranslatedResponse]):
    """A request; its translations are made once for all attempts."""

    identity: ResponseIdentity = ResponseIdentity("")

    def _translation(self, terms: ChatTerms) -> TranslatedResponse:
        return chat_of(self.typed, terms, is_kept=bool(self.identity.id))


ResponseCall = Call[ResponseCreation]
ResponseAnswer = Answer[CreatedResponse]


def response_request(
    *, json: bytes | None = None, typed: ResponseCreation | None = None
) -> ResponseForm:
    """Hold a request."""
    return ResponseForm(response_creation_from_json, response_creation_to_json, json, typed)


def response_answer(json: bytes, usage: Quantities | None) -> ResponseAnswer:
    """Hold an answer."""
    return Answer(created_response_from_json, created_response_to_json, json, None, usage)


class ResponseEvents(TypedEvents[ResponseEvent]):
    """Pieces of a streamed answer that arrived together."""

    __slots__ = ()

    @staticmethod
    def read_piece(json: object, /) -> ResponseEvent:
        """Return an event as a message."""
        return response_event_from_json(json)

    @staticmethod
    def write_piece(piece: ResponseEvent, /) -> dict[str, object]:
        """Return a message as an event's JSON."""
        return response_event_to_json(piece)

    @property
    def is_head(self) -> bool:
        """Return whether nothing of the answer itself is in it: who answers, and what begins."""
        sse = self.sse
        if _BACKGROUND.search(sse):
            # It is worked on, whether anybody waits or not, and nobody else is asked.
            return False
        heads = sum(map(sse.count, _HEADS))
        if sse.count(b"event: ") != heads:
            return False
        return b"event: response.output_item.added" not in sse or _BEGUN_WHOLE not in sse
