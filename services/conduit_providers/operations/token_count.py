"""Counts of what a chat, or a text, would read: `CountTokens`."""

from typing import ClassVar

import msgspec

from conduit.v1 import token_count_pb2 as pb
from conduit.v1.token_count_pb2 import TokenCount, TokenCounting
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call, Form
from conduit_providers.codec import Codec
from conduit_providers.inbound.caller_operation import estimated_tokens, media_in, media_to_fetch
from conduit_providers.inbound.token_count_form import (
    TokenCountAnswer,
    TokenCountForm,
    token_count_answer,
    token_count_request,
)
from conduit_providers.operation import EstimatingOperation, Requirements, WorstCase
from conduit_providers.quantities import Quantities
from conduit_providers.request_reading import RequestReader, Routed
from conduit_providers.spec import Endpoint


class _Counting(Routed):
    model: str
    prompt: str | None = None
    messages: list[dict[str, msgspec.Raw]] | None = None
    tools: list[dict[str, msgspec.Raw]] | None = None


_read = RequestReader(_Counting).read
# Providers charge nothing for it.
_NOTHING = Quantities()


class TokenCountOperation(EstimatingOperation[TokenCounting, TokenCount]):
    """Asks a provider how many tokens a model would read."""

    name: ClassVar[str] = "chat"
    served_as: ClassVar[str] = "token_count"
    codec_type: ClassVar[type] = Codec

    def form_of(self, request: pb.CountTokensRequest) -> TokenCountForm:
        """Return what is counted."""
        if request.WhichOneof("form") == "counting":
            return token_count_request(typed=request.counting)
        return token_count_request(json=request.json)

    def plain_form(self, body: bytes) -> TokenCountForm:
        """Return what is counted."""
        return token_count_request(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a request."""
        asked = _read(body)
        if bool(asked.prompt) == bool(asked.messages):
            message = "Exactly one of prompt and messages must say something"
            raise InvalidRequest(message, field="prompt" if asked.messages else "messages")
        return Requirements(
            asked.model,
            "chat",
            fallbacks=asked.named_fallbacks(),
            session=asked.session(),
            tags=asked.tags(),
        )

    def estimate(
        self,
        form: Form[TokenCounting],
        answer: TokenCountAnswer | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Return nothing: it is free."""
        return _NOTHING

    def worst_case(self, form: Form[TokenCounting], requirements: Requirements) -> WorstCase:
        """Return nothing: it is free."""
        return WorstCase(_NOTHING, is_bounded=True)

    def native_media(self, call: Call[TokenCounting], endpoint: Endpoint) -> tuple[str, ...] | None:
        """Have fetched what a conversation refers to by URL, where the endpoint takes no URLs."""
        return media_to_fetch(call, endpoint)

    def media(self, form: Form[TokenCounting]) -> set[str]:
        """Return what a conversation refers to by URL."""
        return media_in(form)

    def write(
        self, response: pb.CountTokensResponse, answer: TokenCountAnswer, *, is_typed: bool
    ) -> None:
        """Put an answer into the response."""
        if is_typed:
            response.count.CopyFrom(answer.typed)
        else:
            response.json = answer.json

    def estimated(self, form: Form[TokenCounting]) -> TokenCountAnswer:
        """Return about how many tokens it would be, marked as such."""
        return token_count_answer(estimated_tokens(form), "", is_estimate=True)


OPERATION = TokenCountOperation()
