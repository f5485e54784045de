"""Rerankings: `Rerank`, in the shape of Cohere's API."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Protocol, runtime_checkable

import msgspec

from conduit.v1 import charge_pb2
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.rerank_json import (
    ranking_from_json,
    ranking_to_json,
    reranking_request_from_json,
    reranking_request_to_json,
)
from conduit.v1.rerank_pb2 import Ranking, RerankingRequest
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import Codec
from conduit_providers.operation import AnsweredOperation, Requirements, WorstCase, estimate_tokens
from conduit_providers.quantities import INPUT, Quantities, counted, plain
from conduit_providers.request_reading import RequestReader, Routed

RerankCall = Call[RerankingRequest]
RerankAnswer = Answer[Ranking]

SEARCH_UNIT = int(charge_pb2.UNIT_SEARCH_UNIT)
# A query with so many documents is one search, for all who bill searches.
DOCUMENTS_PER_UNIT = 100
# No provider counts a document with fewer tokens, the query's included, as several.
LEAST_CHUNK_TOKENS = 500
STRUCTURED = "structured_documents"


@runtime_checkable
class RerankCodec(Codec[RerankCall, RerankAnswer], Protocol):
    """Translates rerankings, and knows what its provider bills."""

    def estimate(self, form: Form[RerankingRequest]) -> Quantities:
        """Return about what a reranking uses, where the provider does not count."""
        ...


def reranking_request(
    *, json: bytes | None = None, typed: RerankingRequest | None = None
) -> Form[RerankingRequest]:
    """Hold a reranking request."""
    return Form(reranking_request_from_json, reranking_request_to_json, json, typed)


def rerank_answer(
    *, usage: Quantities | None, json: bytes | None = None, typed: Ranking | None = None
) -> RerankAnswer:
    """Hold a reranking answer."""
    return Answer(ranking_from_json, ranking_to_json, json, typed, usage)


_Document = str | dict[str, msgspec.Raw]


class _Reranking(Routed):
    model: str
    query: str
    documents: list[_Document]
    rank_fields: list[str] | None = None
    # Not needed here; a wrong number is better refused before a provider is asked.
    top_n: Annotated[int, msgspec.Meta(ge=1)] | None = None


_read_reranking = RequestReader(_Reranking).read


class RerankOperation(AnsweredOperation[RerankingRequest, Ranking]):
    """Puts documents in order by their relevance to a query."""

    name: ClassVar[str] = "rerank"
    codec_type: ClassVar[type] = RerankCodec

    def form_of(self, request: pb.RerankRequest) -> Form[RerankingRequest]:
        """Return the query and the documents."""
        if request.WhichOneof("form") == "reranking":
            return reranking_request(typed=request.reranking)
        return reranking_request(json=request.json)

    def plain_form(self, body: bytes) -> Form[RerankingRequest]:
        """Return the request that stands in a body of JSON."""
        return reranking_request(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a reranking request."""
        request = _read_reranking(body)
        if not request.documents:
            raise InvalidRequest("documents must not be empty", field="documents")
        is_structured = any(_is_structured(each, request.rank_fields) for each in request.documents)
        capabilities = frozenset({STRUCTURED} if is_structured else ())
        return Requirements(
            request.model,
            "rerank",
            capabilities=capabilities,
            fallbacks=request.named_fallbacks(),
            session=request.session(),
            tags=request.tags(),
        )

    def estimate(
        self,
        form: Form[RerankingRequest],
        answer: RerankAnswer | None,
        emitted: int,
        codec: RerankCodec,
        facts: object,
    ) -> Quantities:
        """Count what the codec's provider bills."""
        return codec.estimate(form)

    def worst_case(self, form: Form[RerankingRequest], requirements: Requirements) -> WorstCase:
        """Count a token for each byte, and the searches of so many, whichever is billed."""
        try:
            request = form.typed
        except InvalidRequest:
            # No provider will be asked.
            return WorstCase(plain(len(form.json)), is_bounded=True)
        documents = len(request.documents)
        read = len(form.json) + documents * len(request.query.encode())
        chunks = documents + read // LEAST_CHUNK_TOKENS
        searches = -(-chunks // DOCUMENTS_PER_UNIT)
        return WorstCase(counted(((INPUT, read), (SEARCH_UNIT, searches))), is_bounded=True)

    def write(self, response: pb.RerankResponse, answer: RerankAnswer, *, is_typed: bool) -> None:
        """Put the order into the response."""
        if is_typed:
            response.ranking.CopyFrom(answer.typed)
        else:
            response.json = answer.json


def estimated_tokens(form: Form[RerankingRequest]) -> Quantities:
    """Count characters: the query's once for each document, as models read pairs of them."""
    lengths = _lengths(form)
    return plain(sum(map(estimate_tokens, lengths)) if lengths else estimate_tokens(len(form.json)))


def estimated_searches(form: Form[RerankingRequest], chunk_tokens: int) -> Quantities:
    """Count documents; one that has more tokens than a chunk, with the query, counts as several."""
    chunks = [-(-estimate_tokens(length) // chunk_tokens) for length in _lengths(form)]
    return counted(((SEARCH_UNIT, max(1, -(-sum(chunks) // DOCUMENTS_PER_UNIT))),))


def _lengths(form: Form[RerankingRequest]) -> Sequence[int]:
    """Return the characters of each document with the query; none of what is not readable."""
    try:
        request = form.typed
    except InvalidRequest:
        return ()
    query = len(request.query)
    texts = (each.text or str(each.object) for each in request.documents)
    return [query + len(text) for text in texts]


def _is_structured(document: _Document, rank_fields: Sequence[str] | None) -> bool:
    """Return whether a document is more than a text."""
    if isinstance(document, str):
        return False
    members = document.keys() & set(rank_fields) if rank_fields else set(document)
    return members != {"text"}


OPERATION = RerankOperation()
