"""Counts of what a message would read: `CountMessageTokens`."""

from typing import ClassVar

import orjson

from conduit.v1 import message_requests_pb2 as pb
from conduit.v1.message_answer_json import (
    message_token_count_from_json,
    message_token_count_to_json,
)
from conduit.v1.message_answer_pb2 import MessageTokenCount
from conduit.v1.message_pb2 import MessageCreation
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import Codec
from conduit_providers.inbound.caller_operation import estimated_tokens, media_in, media_to_fetch
from conduit_providers.inbound.message_form import MessageForm, message_request
from conduit_providers.operation import EstimatingOperation, Requirements, WorstCase
from conduit_providers.operations.message import OPERATION as MESSAGES
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint

CountAnswer = Answer[MessageTokenCount]
# Providers charge nothing for it.
_NOTHING = Quantities()


def count_answer(json: bytes) -> CountAnswer:
    """Hold an answer."""
    read, write = message_token_count_from_json, message_token_count_to_json
    return Answer(read, write, json, None, _NOTHING)


class MessageCountOperation(EstimatingOperation[MessageCreation, MessageTokenCount]):
    """Asks a provider how many tokens a message would read."""

    name: ClassVar[str] = "chat"
    served_as: ClassVar[str] = "message_count"
    codec_type: ClassVar[type] = Codec

    def form_of(self, request: pb.CountMessageTokensRequest) -> MessageForm:
        """Return the conversation."""
        if request.WhichOneof("form") == "message":
            return message_request(typed=request.message)
        return message_request(json=request.json)

    def plain_form(self, body: bytes) -> MessageForm:
        """Return the conversation."""
        return message_request(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a request."""
        return MESSAGES.requirements(body, stream=stream)

    def estimate(
        self,
        form: Form[MessageCreation],
        answer: CountAnswer | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Return nothing: it is free."""
        return _NOTHING

    def worst_case(self, form: Form[MessageCreation], requirements: Requirements) -> WorstCase:
        """Return nothing: it is free."""
        return WorstCase(_NOTHING, is_bounded=True)

    def native_media(
        self, call: Call[MessageCreation], endpoint: Endpoint
    ) -> tuple[str, ...] | None:
        """Have fetched what a conversation refers to by URL, where the endpoint takes no URLs."""
        return media_to_fetch(call, endpoint)

    def media(self, form: Form[MessageCreation]) -> set[str]:
        """Return what a conversation refers to by URL."""
        return media_in(form)

    def write(
        self, response: pb.CountMessageTokensResponse, answer: CountAnswer, *, is_typed: bool
    ) -> None:
        """Put an answer into the response."""
        if is_typed:
            response.count.CopyFrom(answer.typed)
        else:
            response.json = answer.json

    def estimated(self, form: Form[MessageCreation]) -> CountAnswer:
        """Return about how many tokens a message would read, marked as such."""
        count = {"input_tokens": estimated_tokens(form), "is_estimate": True}
        return count_answer(orjson.dumps(count))


OPERATION = MessageCountOperation()
