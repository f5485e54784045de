"""Counts of what generated content would read: `CountContentTokens`."""

from typing import ClassVar

import msgspec
import orjson

from conduit.v1 import content_requests_pb2 as pb
from conduit.v1.content_json import (
    content_counting_from_json,
    content_counting_to_json,
    content_token_count_from_json,
    content_token_count_to_json,
)
from conduit.v1.content_pb2 import ContentCounting, ContentTokenCount
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Answer, Form
from conduit_providers.inbound.caller_form import CallerForm
from conduit_providers.inbound.caller_operation import CountingOperation, estimated_tokens
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.content_form import content_request, with_model
from conduit_providers.inbound.content_to_chat import TranslatedContent
from conduit_providers.operation import Requirements
from conduit_providers.quantities import Quantities
from conduit_providers.request_reading import RequestReader, Routed, Unread

ContentCountAnswer = Answer[ContentTokenCount]
# Providers charge nothing for it.
_NOTHING = Quantities()
_SAYS_NOTHING = (b"null", b"[]", b'""', b"{}")


class _Counting(Routed):
    model: str
    contents: Unread = msgspec.UNSET
    generateContentRequest: dict[str, msgspec.Raw] | None = None  # noqa: N815 # Google's spelling
    generate_content_request: dict[str, msgspec.Raw] | None = None


_read = RequestReader(_Counting).read


class ContentCountForm(CallerForm[ContentCounting, TranslatedContent]):
    """A request; its chat is made once for all attempts."""

    def _translation(self, terms: ChatTerms) -> TranslatedContent:
        counting = self.typed
        whole = counting.generate_content_request_json
        body = whole or orjson.dumps({"contents": orjson.loads(counting.contents_json or b"null")})
        return content_request(json=with_model(body, counting.model)).chat(terms)


def content_count_answer(count: int, *, is_estimate: bool = False) -> ContentCountAnswer:
    """Hold a count, for which nobody is charged."""
    said = {"totalTokens": count} | ({"isEstimate": True} if is_estimate else {})
    read, write = content_token_count_from_json, content_token_count_to_json
    return Answer(read, write, orjson.dumps(said), None, _NOTHING)


def _form(*, json: bytes | None = None, typed: ContentCounting | None = None) -> ContentCountForm:
    return ContentCountForm(content_counting_from_json, content_counting_to_json, json, typed)


class ContentCountOperation(CountingOperation[ContentCounting, ContentTokenCount]):
    """Asks a provider how many tokens a model would read."""

    served_as: ClassVar[str] = "content_count"

    def form_of(self, request: pb.CountContentTokensRequest) -> ContentCountForm:
        """Return what is counted, with the model that the request names beside it."""
        if request.WhichOneof("form") == "counting":
            if not request.counting.model:
                request.counting.model = request.model
            return _form(typed=request.counting)
        return _form(json=with_model(request.json, request.model))

    def plain_form(self, body: bytes) -> ContentCountForm:
        """Return what is counted."""
        return _form(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a request."""
        asked = _read(body)
        whole = asked.generateContentRequest or asked.generate_content_request
        contents = asked.contents
        if not whole and (contents is msgspec.UNSET or bytes(contents) in _SAYS_NOTHING):
            raise InvalidRequest("contents must not be empty", field="contents")
        return Requirements(asked.model, "chat", session=asked.session(), tags=asked.tags())

    def estimated(self, form: Form[ContentCounting]) -> ContentCountAnswer:
        """Return about how many tokens it would be, marked as such."""
        return content_count_answer(estimated_tokens(form), is_estimate=True)


OPERATION = ContentCountOperation()
