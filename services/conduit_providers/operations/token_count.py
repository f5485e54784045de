"""Counts of what a chat, or a text, would read: `CountTokens`."""

from typing import ClassVar

import msgspec

from conduit.v1 import token_count_pb2 as pb
from conduit.v1.token_count_pb2 import TokenCount, TokenCounting
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Form
from conduit_providers.inbound.caller_operation import CountingOperation, estimated_tokens
from conduit_providers.inbound.token_count_form import (
    TokenCountAnswer,
    TokenCountForm,
    token_count_answer,
    token_count_request,
)
from conduit_providers.operation import Requirements
from conduit_providers.request_reading import RequestReader, Routed


class _Counting(Routed):
    model: str
    prompt: str | None = None
    messages: list[dict[str, msgspec.Raw]] | None = None
    tools: list[dict[str, msgspec.Raw]] | None = None


_read = RequestReader(_Counting).read


class TokenCountOperation(CountingOperation[TokenCounting, TokenCount]):
    """Asks a provider how many tokens a model would read."""

    served_as: ClassVar[str] = "token_count"

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

    def estimated(self, form: Form[TokenCounting]) -> TokenCountAnswer:
        """Return about how many tokens it would be, marked as such."""
        return token_count_answer(estimated_tokens(form), "", is_estimate=True)


OPERATION = TokenCountOperation()
