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
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import Codec
from conduit_providers.inbound.caller_form import CallerForm
from conduit_providers.inbound.caller_operation import estimated_tokens, media_in, media_to_fetch
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.content_form import content_request, with_model
from conduit_providers.inbound.content_to_chat import TranslatedContent
from conduit_providers.operation import EstimatingOperation, Requirements, WorstCase
from conduit_providers.quantities import Quantities
from conduit_providers.request_reading import RequestReader, Routed, Unread
from conduit_providers.spec import Endpoint

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


class ContentCountOperation(EstimatingOperation[ContentCounting, ContentTokenCount]):
    """Asks a provider how many tokens a model would read."""

    name: ClassVar[str] = "chat"
    served_as: ClassVar[str] = "content_count"
    codec_type: ClassVar[type] = Codec

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

    def estimate(
        self,
        form: Form[ContentCounting],
        answer: ContentCountAnswer | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Return nothing: it is free."""
        return _NOTHING

    def worst_case(self, form: Form[ContentCounting], requirements: Requirements) -> WorstCase:
        """Return nothing: it is free."""
        return WorstCase(_NOTHING, is_bounded=True)

    def native_media(
        self, call: Call[ContentCounting], endpoint: Endpoint
    ) -> tuple[str, ...] | None:
        """Have fetched what a conversation refers to by URL, where the endpoint takes no URLs."""
        return media_to_fetch(call, endpoint)

    def media(self, form: Form[ContentCounting]) -> set[str]:
        """Return what a conversation refers to by URL."""
        return media_in(form)

    def write(
        self, response: pb.CountContentTokensResponse, answer: ContentCountAnswer, *, is_typed: bool
    ) -> None:
        """Put an answer into the response."""
        if is_typed:
            response.count.CopyFrom(answer.typed)
        else:
            response.json = answer.json

    def estimated(self, form: Form[ContentCounting]) -> ContentCountAnswer:
        """Return about how many tokens it would be, marked as such."""
        return content_count_answer(estimated_tokens(form), is_estimate=True)


OPERATION = ContentCountOperation()
