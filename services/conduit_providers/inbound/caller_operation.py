"""Chats in the words of another dialect of callers.

They are chats to all that decides, counts and charges; other are what callers say and get.
"""

from abc import abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from google.protobuf.message import Message

from conduit.v1.call_pb2 import CallReport
from conduit_kernel.errors import ConduitError
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import Codec, StreamingCodec
from conduit_providers.inbound.caller_form import CallerForm, translation_of
from conduit_providers.inbound.chat_terms import ANY_TERMS
from conduit_providers.operation import (
    AnsweredOperation,
    EstimatingOperation,
    Requirements,
    StreamedOperation,
    WorstCase,
    estimate_tokens,
)
from conduit_providers.operations.chat import estimated_request, has_urls, urls_of
from conduit_providers.quantities import Quantities, plain
from conduit_providers.request_reading import refuse_other_bounds
from conduit_providers.spec import Endpoint
from conduit_providers.typed_events import TypedEvents

RequestT = TypeVar("RequestT", bound=Message)
AnswerT = TypeVar("AnswerT", bound=Message)
EventsT = TypeVar("EventsT", bound=TypedEvents[Any])


class CallerOperation(
    AnsweredOperation[RequestT, AnswerT],
    StreamedOperation[RequestT, AnswerT, EventsT],
    Generic[RequestT, AnswerT, EventsT],
):
    """Asks a model for the next message of a conversation, in a caller's words."""

    name: ClassVar[str] = "chat"
    codec_type: ClassVar[type] = StreamingCodec
    # The field of requests and responses that has their typed form.
    typed_member: ClassVar[str]

    @abstractmethod
    def caller_form(
        self, *, json: bytes | None = None, typed: RequestT | None = None
    ) -> CallerForm[RequestT, Any]:
        """Hold a request."""

    @abstractmethod
    def usage_message(self, usage: Quantities) -> Message:
        """Return what was used as the dialect counts it."""

    def form_of(self, request: Any) -> CallerForm[RequestT, Any]:  # noqa: ANN401 # of each RPC its own
        """Return the conversation."""
        if request.WhichOneof("form") == self.typed_member:
            return self.caller_form(typed=getattr(request, self.typed_member))
        return self.caller_form(json=request.json)

    def plain_form(self, body: bytes) -> CallerForm[RequestT, Any]:
        """Return the conversation."""
        return self.caller_form(json=body)

    def estimate(
        self,
        form: Form[RequestT],
        answer: Answer[AnswerT] | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Count characters; pictures are not counted."""
        return plain(
            estimated_tokens(form), emitted if answer is None else estimate_tokens(len(answer.json))
        )

    def worst_case(self, form: Form[RequestT], requirements: Requirements) -> WorstCase:
        """Count a token for each byte: no tokenizer makes more of them."""
        read, written = self.worst_text(form, requirements)
        return WorstCase(plain(read, written or 0), written is not None)

    def worst_text(
        self, form: Form[RequestT], requirements: Requirements
    ) -> tuple[int, int | None]:
        """Count likewise, for each choice that is made.

        InvalidRequest if a bound has another spelling.
        """
        refuse_other_bounds(form.json)
        most = requirements.max_output
        if most is not None:
            most = max(0, most) * max(1, requirements.choices)
        return len(form.json), most

    def write(self, response: Any, answer: Answer[AnswerT], *, is_typed: bool) -> None:  # noqa: ANN401 # as above
        """Put an answer into the response."""
        if is_typed:
            getattr(response, self.typed_member).CopyFrom(answer.typed)
        else:
            response.json = answer.json

    def native_media(self, call: Call[RequestT], endpoint: Endpoint) -> tuple[str, ...] | None:
        """Have fetched what a conversation refers to by URL, where the endpoint takes no URLs."""
        return media_to_fetch(call, endpoint)

    def media(self, form: Form[RequestT]) -> set[str]:
        """Return what a conversation refers to by URL."""
        return media_in(form)

    def started(self, message: Any) -> CallReport:  # noqa: ANN401 # as above
        """Return the report of the first message."""
        started: CallReport = message.started
        return started

    def put(self, message: Any, events: EventsT, *, is_typed: bool) -> None:  # noqa: ANN401 # as above
        """Put events into a message."""
        if is_typed:
            message.pieces.extend(events.pieces)
        else:
            message.events = events.sse

    def finished(self, message: Any, usage: Quantities | None, *, is_typed: bool) -> CallReport:  # noqa: ANN401 # as above
        """Put the counts and what ends a stream of events into the last message."""
        if usage is not None:
            message.finished.usage.CopyFrom(self.usage_message(usage))
        if not is_typed and self.end_of_events:
            message.events += self.end_of_events
        report: CallReport = message.finished.report
        return report


class CountingOperation(EstimatingOperation[RequestT, AnswerT], Generic[RequestT, AnswerT]):
    """Asks a provider how many tokens a request would read, which nobody is charged for."""

    name: ClassVar[str] = "chat"
    codec_type: ClassVar[type] = Codec

    def estimate(
        self,
        form: Form[RequestT],
        answer: Answer[AnswerT] | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Return nothing: it is free."""
        return Quantities()

    def worst_case(self, form: Form[RequestT], requirements: Requirements) -> WorstCase:
        """Return nothing: it is free."""
        return WorstCase(Quantities(), is_bounded=True)

    def native_media(self, call: Call[RequestT], endpoint: Endpoint) -> tuple[str, ...] | None:
        """Have fetched what a conversation refers to by URL, where the endpoint takes no URLs."""
        return media_to_fetch(call, endpoint)

    def media(self, form: Form[RequestT]) -> set[str]:
        """Return what a conversation refers to by URL."""
        return media_in(form)

    def write(self, response: Any, answer: Answer[AnswerT], *, is_typed: bool) -> None:  # noqa: ANN401 # of each RPC its own
        """Put an answer into the response."""
        if is_typed:
            response.count.CopyFrom(answer.typed)
        else:
            response.json = answer.json


def estimated_tokens(form: Form[Any]) -> int:
    """Return about how many tokens a request has, without its pictures."""
    try:
        return estimated_request(translation_of(form, ANY_TERMS).chat)
    except ConduitError:
        # Of what goes to the dialect's own provider alone.
        return estimate_tokens(len(form.json))


def media_in(form: Form[Any]) -> set[str]:
    """Return what a request refers to by URL."""
    return urls_of(translation_of(form, ANY_TERMS).chat.typed)


def media_to_fetch(call: Call[Any], endpoint: Endpoint) -> tuple[str, ...] | None:
    """Return the addresses that an endpoint reads by itself; None where nothing is fetched."""
    if not endpoint.inline_media:
        return None
    chat = translation_of(call.request, ANY_TERMS).chat
    return endpoint.native_urls if has_urls(chat.typed) else None
