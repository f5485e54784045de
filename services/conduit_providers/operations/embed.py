"""Embeddings: `Embed`.

Embeddings of more inputs than a provider takes at once: one call becomes several, and one again.
How many a model takes is data of the catalog: `max_inputs`.
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.embedding_json import (
    embedding_list_from_json,
    embedding_list_to_json,
    embedding_request_from_json,
    embedding_request_to_json,
)
from conduit.v1.embedding_pb2 import EmbeddingInput, EmbeddingList, EmbeddingRequest
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import Codec
from conduit_providers.model_rows import EmbedModel
from conduit_providers.operation import (
    NOTHING,
    TOKEN_INPUT,
    AnsweredOperation,
    Requirements,
    WorstCase,
    check_parts,
    estimate_tokens,
)
from conduit_providers.quantities import Quantities, plain, total
from conduit_providers.request_reading import RequestReader, Routed
from conduit_providers.spec import Endpoint

EmbedCall = Call[EmbeddingRequest]
EmbedAnswer = Answer[EmbeddingList]
EmbedCodec = Codec[EmbedCall, EmbedAnswer]


def embedding_request(
    *, json: bytes | None = None, typed: EmbeddingRequest | None = None
) -> Form[EmbeddingRequest]:
    """Hold an embedding request."""
    return Form(embedding_request_from_json, embedding_request_to_json, json, typed)


def embed_answer(
    *, usage: Quantities | None, json: bytes | None = None, typed: EmbeddingList | None = None
) -> EmbedAnswer:
    """Hold an embedding answer."""
    return Answer(embedding_list_from_json, embedding_list_to_json, json, typed, usage)


class _Embedding(Routed):
    model: str
    input: str | list[msgspec.Raw]
    dimensions: int | None = None


_read_embedding = RequestReader(_Embedding).read
_TOKENS = frozenset({TOKEN_INPUT})


class EmbedOperation(AnsweredOperation[EmbeddingRequest, EmbeddingList]):
    """Turns texts into vectors."""

    name: ClassVar[str] = "embed"
    codec_type: ClassVar[type] = Codec
    is_divisible: ClassVar[bool] = True

    def form_of(self, request: pb.EmbedRequest) -> Form[EmbeddingRequest]:
        """Return the texts."""
        if request.WhichOneof("form") == "embedding":
            return embedding_request(typed=request.embedding)
        return embedding_request(json=request.json)

    def plain_form(self, body: bytes) -> Form[EmbeddingRequest]:
        """Return the texts."""
        return embedding_request(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read an embedding request."""
        request = _read_embedding(body)
        if not request.input:
            raise InvalidRequest("input must not be empty", field="input")
        return Requirements(
            request.model,
            "embed",
            capabilities=NOTHING if _begins_with_text(request.input) else _TOKENS,
            fallbacks=request.named_fallbacks(),
            session=request.session(),
            tags=request.tags(),
        )

    def estimate(
        self,
        form: Form[EmbeddingRequest],
        answer: EmbedAnswer | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Count characters; vectors are no tokens."""
        return plain(estimate_tokens(len(form.json)))

    def worst_case(self, form: Form[EmbeddingRequest], requirements: Requirements) -> WorstCase:
        """Count a token for each byte: no tokenizer makes more of them."""
        return WorstCase(plain(len(form.json)), is_bounded=True)

    def write(self, response: pb.EmbedResponse, answer: EmbedAnswer, *, is_typed: bool) -> None:
        """Put the vectors into the response."""
        if is_typed:
            response.embeddings.CopyFrom(answer.typed)
        else:
            response.json = answer.json

    def split(self, call: EmbedCall, endpoint: Endpoint) -> Sequence[EmbedCall]:
        """Return calls of as many inputs as the endpoint takes."""
        return split_embedding(call, endpoint)

    def join(self, answers: Sequence[EmbedAnswer]) -> EmbedAnswer:
        """Return all vectors in one answer."""
        return join_embeddings(answers)


def has_tokens(call: EmbedCall) -> bool:
    """Tell whether inputs are tokens."""
    return not _begins_with_text(_read_embedding(call.request.json).input)


def _begins_with_text(given: str | list[msgspec.Raw]) -> bool:
    # Callers send the one or the other.
    return isinstance(given, str) or bytes(given[0])[:1] == b'"'


def split_embedding(call: EmbedCall, endpoint: Endpoint) -> Sequence[EmbedCall]:
    """Return the calls that a call becomes, in order; the call itself if it is small enough."""
    facts: EmbedModel | None = endpoint.facts_of(call.model)
    limit = facts.max_inputs if facts is not None else None
    raw = call.request.json_at_hand
    if limit is None or (raw is not None and raw.count(b",") < limit):
        # Without so many commas there are not so many inputs: no need to take the text apart.
        return (call,)
    if len(call.typed.input) <= limit:
        return (call,)
    inputs = call.typed.input
    check_parts(-(-len(inputs) // limit), "input")
    head = EmbeddingRequest()
    head.CopyFrom(call.typed)
    del head.input[:]
    return [_part(call, head, inputs[at : at + limit]) for at in range(0, len(inputs), limit)]


def join_embeddings(answers: Sequence[EmbedAnswer]) -> EmbedAnswer:
    """Return the answer to the whole call; its usage is the sum, None if a part of it is unknown.

    One answer is passed on as it is.
    """
    if len(answers) == 1:
        return answers[0]
    whole = EmbeddingList()
    whole.CopyFrom(answers[0].typed)
    for answer in answers[1:]:
        whole.data.extend(answer.typed.data)
        whole.usage.prompt_tokens += answer.typed.usage.prompt_tokens
        whole.usage.total_tokens += answer.typed.usage.total_tokens
    for place, vector in enumerate(whole.data):
        vector.index = place
    counted = [answer.usage for answer in answers if answer.usage is not None]
    return embed_answer(usage=total(counted) if len(counted) == len(answers) else None, typed=whole)


def _part(call: EmbedCall, head: EmbeddingRequest, inputs: Sequence[EmbeddingInput]) -> EmbedCall:
    request = EmbeddingRequest()
    request.CopyFrom(head)
    request.input.extend(inputs)
    part = Call(
        embedding_request(typed=request),
        alias=call.alias,
        model=call.model,
        is_strict=call.is_strict,
        provider=call.provider,
        created=call.created,
    )
    # What the parts cannot say, the call could not.
    part.dropped = call.dropped
    return part


OPERATION = EmbedOperation()
