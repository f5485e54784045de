"""Rerankings in all dialects: documents go in, their places and scores come out."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from conduit.v1.rerank_json import reranking_object_to_json
from conduit.v1.rerank_pb2 import Ranking, RerankingDocument, RerankingObject
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.failures import malformed
from conduit_providers.operations.rerank import (
    STRUCTURED,
    RerankAnswer,
    RerankCall,
    rerank_answer,
)
from conduit_providers.quantities import Quantities

Json = dict[str, Any]


class Place(NamedTuple):
    """A document's number in the request, and how relevant it is."""

    document: int
    score: float


class RankedPlace(msgspec.Struct):
    """A result as Cohere has it, and those who follow Cohere."""

    index: int
    relevance_score: float


def places_of(results: Iterable[RankedPlace]) -> list[Place]:
    """Return results of Cohere's shape as places."""
    return [Place(each.index, each.relevance_score) for each in results]


def documents_of(call: RerankCall) -> list[str | Json]:
    """Return the documents with no more members than are to be compared."""
    return [_document(each, call.typed.rank_fields) for each in call.typed.documents]


def texts_of(call: RerankCall, provider: str) -> list[str]:
    """Return the documents as texts. UnsupportedCapability if one has more than a text."""
    return [_text(each, provider) for each in documents_of(call)]


def checked(places: list[Place], call: RerankCall) -> list[Place]:
    """Return places in order, as many as asked for.

    UpstreamError unless there are so many, each of a document, and no document has two.
    """
    request, count = call.typed, len(call.typed.documents)
    wanted = min(request.top_n, count) if request.HasField("top_n") else count
    numbers = {place.document for place in places}
    is_right = len(numbers) == len(places) >= wanted and numbers <= set(range(count))
    if not is_right:
        raise malformed(call.provider, "it has not one place for each document")
    return sorted(places, key=lambda place: -place.score)[:wanted]


def ranking_answer(
    places: list[Place], call: RerankCall, usage: Quantities | None, ranking: Ranking
) -> RerankAnswer:
    """Return places as Cohere's answers have them. UpstreamError if they are not right.

    `ranking` has the provider's other members. Documents are the caller's own, if asked for: no
    provider has to send them back.
    """
    request = call.typed
    for place in checked(places, call):
        result = ranking.results.add(index=place.document, relevance_score=place.score)
        if request.return_documents:
            result.document.CopyFrom(as_object(request.documents[place.document]))
    return rerank_answer(usage=usage, typed=ranking)


def as_object(document: RerankingDocument) -> RerankingObject:
    """Return a document as answers have it."""
    if document.HasField("object"):
        return document.object
    return RerankingObject(text=document.text)


def _document(document: RerankingDocument, fields: Iterable[str]) -> str | Json:
    if not document.HasField("object"):
        return document.text
    members = reranking_object_to_json(document.object)
    chosen = set(fields) or members.keys()
    return {name: value for name, value in members.items() if name in chosen}


def _text(document: str | Json, provider: str) -> str:
    if isinstance(document, str):
        return document
    text = document.get("text")
    if len(document) != 1 or not isinstance(text, str):
        raise UnsupportedCapability(
            f"{provider} ranks texts, not objects with other members than `text`",
            capability=STRUCTURED,
        )
    return text
