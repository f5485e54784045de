"""Reranking on Bedrock: `Rerank`, with the models of Amazon and Cohere alike.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html

AWS does not say in its answers what it bills: queries, of up to 100 documents, of which one with
more than 512 tokens, the query's included, counts as several.
https://aws.amazon.com/bedrock/pricing/
"""

from typing import Any

import msgspec
import orjson

from conduit.v1.rerank_pb2 import Ranking, RerankingRequest
from conduit_providers.calls import Form
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.rankings import (
    Place,
    documents_of,
    ranking_answer,
)
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.rerank import RerankAnswer, RerankCall, estimated_searches
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]

CHUNK_TOKENS = 512
# By how the names of their regions begin.
PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


class _Result(msgspec.Struct, rename="camel"):
    index: int
    relevance_score: float


class _Answer(msgspec.Struct, rename="camel"):
    results: list[_Result]
    next_token: str | None = None


_DECODER = JsonReader(_Answer)


class BedrockRerankCodec:
    """Speaks `POST /rerank` of the agents' runtime."""

    def to_upstream(self, call: RerankCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request; a model's id becomes its ARN in the instance's region."""
        return HttpRequest(
            "POST",
            endpoint.path,
            JSON_HEADERS + tuple(endpoint.headers.items()),
            orjson.dumps(_body(call, target)),
        )

    def from_upstream(
        self, response: HttpResponse, call: RerankCall, endpoint: Endpoint
    ) -> RerankAnswer:
        """Translate the answer. UpstreamError unless it has a place for each document."""
        found = read_answer(_DECODER, response.body, call.provider, "it is not a list of places")
        if found.next_token is not None:
            raise malformed(call.provider, "it is only a part of the places")
        places = [Place(each.index, each.relevance_score) for each in found.results]
        return ranking_answer(places, call, None, Ranking())

    def estimate(self, form: Form[RerankingRequest]) -> Quantities:
        """Count searches."""
        return estimated_searches(form, CHUNK_TOKENS)


def _body(call: RerankCall, target: Target) -> Json:
    request, provider = call.typed, target.provider_name
    model: Json = {"modelArn": _arn(call.model, target.settings.get("region", ""))}
    if request.HasField("max_tokens_per_doc"):
        # Cohere's own; Amazon's model has no such thing.
        if "cohere." in call.model:
            fields = {"max_tokens_per_doc": request.max_tokens_per_doc}
            model["additionalModelRequestFields"] = fields
        else:
            call.drop("max_tokens_per_doc", provider)
    if request.priority:
        call.drop("priority", provider)
    call.drop_members(orjson.loads(request.unknown_json or b"{}"), provider)
    count = len(request.documents)
    return {
        "queries": [{"type": "TEXT", "textQuery": {"text": request.query}}],
        "sources": [_source(each) for each in documents_of(call)],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "modelConfiguration": model,
                "numberOfResults": min(request.top_n, count) if request.top_n else count,
            },
        },
    }


def _source(document: str | Json) -> Json:
    if isinstance(document, str):
        inline: Json = {"type": "TEXT", "textDocument": {"text": document}}
    else:
        inline = {"type": "JSON", "jsonDocument": document}
    return {"type": "INLINE", "inlineDocumentSource": inline}


def _arn(model: str, region: str) -> str:
    if model.startswith("arn:"):
        return model
    partition = next((p for start, p in PARTITIONS.items() if region.startswith(start)), "aws")
    return f"arn:{partition}:bedrock:{region}::foundation-model/{model}"


CODEC = BedrockRerankCodec()
