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
from conduit_providers.calls import Answer, Form
from conduit_providers.inbound.caller_operation import CountingOperation, estimated_tokens
from conduit_providers.inbound.message_form import MessageForm, message_request
from conduit_providers.operation import Requirements
from conduit_providers.operations.message import OPERATION as MESSAGES
from conduit_providers.quantities import Quantities

CountAnswer = Answer[MessageTokenCount]
# Providers charge nothing for it.
_NOTHING = Quantities()


def count_answer(json: bytes) -> CountAnswer:
    """Hold an answer."""
    read, write = message_token_count_from_json, message_token_count_to_json
    return Answer(read, write, json, None, _NOTHING)


class MessageCountOperation(CountingOperation[MessageCreation, MessageTokenCount]):
    """Asks a provider how many tokens a message would read."""

    served_as: ClassVar[str] = "message_count"

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

    def estimated(self, form: Form[MessageCreation]) -> CountAnswer:
        """Return about how many tokens a message would read, marked as such."""
        count = {"input_tokens": estimated_tokens(form), "is_estimate": True}
        return count_answer(orjson.dumps(count))


OPERATION = MessageCountOperation()
