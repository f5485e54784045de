"""Cohere's reranking, version 2 of the API.

https://docs.cohere.com/reference/rerank

Models are billed by the search unit: a query with up to 100 documents, of which one with more than
500 tokens, the query's included, counts as several.
https://docs.cohere.com/docs/how-does-cohere-pricing-work
"""

from typing import Any

import msgspec
import orjson

from conduit.v1.json_runtime import JsonError
from conduit.v1.rerank_json import ranking_from_json
from conduit.v1.rerank_pb2 import Ranking, RerankingRequest
from conduit_providers.calls import Form
from conduit_providers.codecs.shared.rankings import (
    RankedPlace,
    as_object,
    checked,
    places_of,
    texts_of,
)
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader, parsed
from conduit_providers.operations.rerank import (
    SEARCH_UNIT,
    RerankAnswer,
    RerankCall,
    estimated_searches,
    rerank_answer,
)
from conduit_providers.quantities import INPUT, Quantities, counted
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]

CHUNK_TOKENS = 500


class _Units(msgspec.Struct):
    # Numbers with a fraction, as all of Cohere's counts.
    search_units: float | None = None
    input_tokens: float | None = None


class _Meta(msgspec.Struct):
    billed_units: _Units | None = None

    def usage(self) -> Quantities | None:
        """Return what is billed; None if nothing is reported."""
        units = self.billed_units
        if units is None or (units.search_units is None and units.input_tokens is None):
            return None
        read, searches = int(units.input_tokens or 0), int(units.search_units or 0)
        return counted(((INPUT, read), (SEARCH_UNIT, searches)))


class _Answer(msgspec.Struct):
    results: list[RankedPlace]
    meta: _Meta | None = None


_DECODER = JsonReader(_Answer)


class CohereRerankCodec:
    """Speaks `POST /v2/rerank`, whose shape is the contract's own."""

    def to_upstream(self, call: RerankCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. UnsupportedCapability for documents that are more than texts."""
        return HttpRequest(
            "POST",
            target.fill(endpoint.path, model=call.model),
            JSON_HEADERS + tuple(endpoint.headers.items()),
            orjson.dumps(_body(call, target.provider_name)),
        )

    def from_upstream(
        self, response: HttpResponse, call: RerankCall, endpoint: Endpoint
    ) -> RerankAnswer:
        """Pass the answer on. UpstreamError unless its places are those of documents."""
        try:
            found = _DECODER.decode(response.body)
            document = parsed(response.body) if call.typed.return_documents else None
        except msgspec.DecodeError as error:
            raise malformed(call.provider, "it is not a list of places") from error
        usage = found.meta.usage() if found.meta is not None else None
        checked(places_of(found.results), call)
        if document is None:
            return rerank_answer(usage=usage, json=response.body)
        # Cohere does not send them back.
        ranking = _ranking(document, call.provider)
        for result in ranking.results:
            result.document.CopyFrom(as_object(call.typed.documents[result.index]))
        return rerank_answer(usage=usage, typed=ranking)

    def estimate(self, form: Form[RerankingRequest]) -> Quantities:
        """Count searches."""
        return estimated_searches(form, CHUNK_TOKENS)


def _ranking(document: object, provider: str) -> Ranking:
    try:
        return ranking_from_json(document)
    except JsonError as error:
        raise malformed(provider, "it is no ranking") from error


def _body(call: RerankCall, provider: str) -> Json:
    request = call.typed
    body: Json = {
        "model": call.model,
        "query": request.query,
        "documents": texts_of(call, provider),
    }
    for name in ("top_n", "max_tokens_per_doc", "priority"):
        if request.HasField(name):
            body[name] = getattr(request, name)
    # Such as `relevant_spans`.
    body |= orjson.loads(request.unknown_json or b"{}")
    return body


CODEC = CohereRerankCodec()
