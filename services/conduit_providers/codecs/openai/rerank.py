"""Reranking at servers that speak OpenAI's dialect otherwise: Cohere's shape, with OpenAI's counts.

https://docs.together.ai/reference/rerank-1 and
https://docs.vllm.ai/en/latest/models/pooling_models/scoring/
"""

from typing import Any

import msgspec
import orjson

from conduit.v1.rerank_pb2 import Ranking, RerankingRequest
from conduit_providers.calls import Form
from conduit_providers.codecs.openai.request import headers_of
from conduit_providers.codecs.shared.rankings import (
    RankedPlace,
    places_of,
    ranking_answer,
    texts_of,
)
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader, parsed
from conduit_providers.operations.rerank import (
    STRUCTURED,
    RerankAnswer,
    RerankCall,
    estimated_tokens,
)
from conduit_providers.quantities import Quantities, plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

Json = dict[str, Any]


class _Counts(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None


class _Answer(msgspec.Struct):
    results: list[RankedPlace] | None = None
    id: str | None = None
    usage: _Counts | None = None
    error: object = None


_DECODER = JsonReader(_Answer)


class OpenAIRerankCodec:
    """Speaks `POST /rerank`."""

    def to_upstream(self, call: RerankCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. UnsupportedCapability for objects where only texts are read."""
        return HttpRequest(
            "POST",
            target.fill(endpoint.path_for(target.settings), model=call.model),
            headers_of(endpoint),
            orjson.dumps(_body(call, endpoint, target.provider_name)),
        )

    def from_upstream(
        self, response: HttpResponse, call: RerankCall, endpoint: Endpoint
    ) -> RerankAnswer:
        """Translate the answer. UpstreamError unless it has a place for each document."""
        try:
            found = _DECODER.decode(response.body)
            # What else is there, such as `model` and `usage`, stays as it is.
            others = parsed(response.body)
        except msgspec.DecodeError as error:
            raise malformed(call.provider, "it is not a list of places") from error
        if found.error is not None:
            raise error_in_stream(found.error, call.provider)
        if found.results is None:
            raise malformed(call.provider, "it has no places")
        ranking = Ranking(id=found.id or "")
        ranking.unknown_json = orjson.dumps(
            {name: value for name, value in others.items() if name not in {"id", "results", "meta"}}
        )
        read = _tokens(found.usage)
        if read is not None:
            ranking.meta.tokens.input_tokens = read
        usage = None if read is None else plain(read)
        return ranking_answer(places_of(found.results), call, usage, ranking)

    def estimate(self, form: Form[RerankingRequest]) -> Quantities:
        """Count tokens."""
        return estimated_tokens(form)


def _tokens(counts: _Counts | None) -> int | None:
    """Return the tokens read; older versions of vLLM tell the total alone, which is the same."""
    if counts is None:
        return None
    return counts.total_tokens if counts.prompt_tokens is None else counts.prompt_tokens


def _body(call: RerankCall, endpoint: Endpoint, provider: str) -> Json:
    request = call.typed
    body: Json = {"model": call.model, "query": request.query}
    if STRUCTURED in endpoint.capabilities:
        # In the caller's own form, with the fields to compare.
        said = orjson.loads(call.request.json)
        body |= {name: said[name] for name in ("documents", "rank_fields") if said.get(name)}
    else:
        body["documents"] = texts_of(call, provider)
    if request.HasField("top_n"):
        body["top_n"] = request.top_n
    for name in ("max_tokens_per_doc", "priority"):
        if request.HasField(name) and name not in endpoint.drop:
            body[name] = getattr(request, name)
        elif getattr(request, name):
            call.drop(name, provider)
    body |= orjson.loads(request.unknown_json or b"{}")
    return body


CODEC = OpenAIRerankCodec()
