"""Counts of what a response would read: `CountResponseTokens`."""

from typing import ClassVar

import orjson

from conduit.v1 import response_count_requests_pb2 as pb
from conduit.v1.response_count_requests_json import (
    response_token_count_from_json,
    response_token_count_to_json,
)
from conduit.v1.response_count_requests_pb2 import ResponseTokenCount
from conduit.v1.response_pb2 import ResponseCreation
from conduit_providers.calls import Answer, Form
from conduit_providers.inbound.caller_operation import CountingOperation, estimated_tokens
from conduit_providers.inbound.response_form import ResponseForm, response_request
from conduit_providers.operation import Requirements
from conduit_providers.operations.response import OPERATION as RESPONSES
from conduit_providers.quantities import Quantities

ResponseCountAnswer = Answer[ResponseTokenCount]
# Providers charge nothing for it.
_NOTHING = Quantities()


def response_count_answer(json: bytes) -> ResponseCountAnswer:
    """Hold an answer."""
    read, write = response_token_count_from_json, response_token_count_to_json
    return Answer(read, write, json, None, _NOTHING)


def counted(tokens: int, *, is_estimate: bool = False) -> ResponseCountAnswer:
    """Hold a count."""
    count = {"object": "response.input_tokens", "input_tokens": tokens}
    return response_count_answer(
        orjson.dumps(count | ({"is_estimate": True} if is_estimate else {}))
    )


class ResponseCountOperation(CountingOperation[ResponseCreation, ResponseTokenCount]):
    """Asks a provider how many tokens a response would read."""

    served_as: ClassVar[str] = "response_count"

    def form_of(self, request: pb.CountResponseTokensRequest) -> ResponseForm:
        """Return the conversation."""
        if request.WhichOneof("form") == "response":
            return response_request(typed=request.response)
        return response_request(json=request.json)

    def plain_form(self, body: bytes) -> ResponseForm:
        """Return the conversation."""
        return response_request(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a request."""
        return RESPONSES.requirements(body, stream=stream)

    def estimated(self, form: Form[ResponseCreation]) -> ResponseCountAnswer:
        """Return about how many tokens a response would read, marked as such."""
        return counted(estimated_tokens(form), is_estimate=True)


OPERATION = ResponseCountOperation()
