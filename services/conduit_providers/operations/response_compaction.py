"""Conversations made shorter: `CompactResponse`."""

from typing import ClassVar

from conduit.v1 import response_compaction_requests_pb2 as pb
from conduit.v1.response_compaction_requests_json import (
    compacted_conversation_from_json,
    compacted_conversation_to_json,
)
from conduit.v1.response_compaction_requests_pb2 import CompactedConversation
from conduit.v1.response_pb2 import ResponseCreation
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import Codec
from conduit_providers.inbound.caller_operation import estimated_tokens
from conduit_providers.inbound.response_form import ResponseForm, response_request
from conduit_providers.operation import (
    AnsweredOperation,
    Requirements,
    WorstCase,
    estimate_tokens,
)
from conduit_providers.operations.response import OPERATION as RESPONSES
from conduit_providers.quantities import Quantities, plain

CompactionCall = Call[ResponseCreation]
CompactionAnswer = Answer[CompactedConversation]


def compaction_answer(json: bytes, usage: Quantities | None) -> CompactionAnswer:
    """Hold an answer."""
    read, write = compacted_conversation_from_json, compacted_conversation_to_json
    return Answer(read, write, json, None, usage)


class ResponseCompactionOperation(AnsweredOperation[ResponseCreation, CompactedConversation]):
    """Asks a provider to make a conversation shorter, which its model does, for money."""

    name: ClassVar[str] = "chat"
    served_as: ClassVar[str] = "response_compaction"
    codec_type: ClassVar[type] = Codec

    def form_of(self, request: pb.CompactResponseRequest) -> ResponseForm:
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

    def estimate(
        self,
        form: Form[ResponseCreation],
        answer: CompactionAnswer | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Count characters; pictures are not counted."""
        written = emitted if answer is None else estimate_tokens(len(answer.json))
        return plain(estimated_tokens(form), written)

    def worst_case(self, form: Form[ResponseCreation], requirements: Requirements) -> WorstCase:
        """Count a token for each byte that is read; nobody bounds what is written."""
        return WorstCase(plain(len(form.json), 0), is_bounded=False)

    def write(
        self, response: pb.CompactResponseResponse, answer: CompactionAnswer, *, is_typed: bool
    ) -> None:
        """Put the conversation into the response."""
        if is_typed:
            response.compaction.CopyFrom(answer.typed)
        else:
            response.json = answer.json


OPERATION = ResponseCompactionOperation()
