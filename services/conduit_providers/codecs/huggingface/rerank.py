"""Reranking by Text Embeddings Inference, which dedicated endpoints of Hugging Face run.

https://huggingface.co/docs/text-embeddings-inference/quick_tour#rerankers

The router of inference providers has no such task.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec
import orjson

from conduit.v1.rerank_pb2 import Ranking, RerankingRequest
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Form
from conduit_providers.codecs.huggingface.embed import ROUTER
from conduit_providers.codecs.openai.request import headers_of
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.rankings import (
    Place,
    ranking_answer,
    texts_of,
)
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.rerank import RerankAnswer, RerankCall, estimated_tokens
from conduit_providers.quantities import Quantities, count_in, plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

Json = dict[str, Any]

# The server's own parameters, passed on as they are.
NATIVE = ("raw_scores", "truncate", "truncation_direction")
# router/src/http/types.rs
TOKENS_READ = "x-compute-tokens"


class _Rank(msgspec.Struct):
    index: int
    score: float


_DECODER = JsonReader(list[_Rank])


class HuggingFaceRerankCodec:
    """Speaks `POST /rerank` of Text Embeddings Inference."""

    def to_upstream(self, call: RerankCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request.

        UnsupportedCapability for documents that are more than texts, and at the router.
        """
        provider = target.provider_name
        if urlsplit(target.base_url).hostname == ROUTER:
            raise UnsupportedCapability(
                f"{provider} is the router of inference providers, which rank nothing; an instance "
                "with the address of a dedicated endpoint does",
                capability="rerank",
            )
        body = orjson.dumps(_body(call, provider))
        return HttpRequest("POST", endpoint.path, headers_of(endpoint), body)

    def from_upstream(
        self, response: HttpResponse, call: RerankCall, endpoint: Endpoint
    ) -> RerankAnswer:
        """Translate the answer. UpstreamError unless it has a place for each document."""
        found = read_answer(_DECODER, response.body, call.provider, "it is not a list of places")
        ranking, usage = Ranking(), None
        tokens_read = count_in(response.headers.get(TOKENS_READ, ""))
        if tokens_read is not None:
            ranking.meta.tokens.input_tokens = tokens_read
            usage = plain(tokens_read)
        return ranking_answer([Place(r.index, r.score) for r in found], call, usage, ranking)

    def estimate(self, form: Form[RerankingRequest]) -> Quantities:
        """Count tokens."""
        return estimated_tokens(form)


def _body(call: RerankCall, provider: str) -> Json:
    request = call.typed
    unknown: Json = orjson.loads(request.unknown_json or b"{}")
    # Cohere cuts off what is too long, and this server would refuse it.
    body: Json = {"query": request.query, "texts": texts_of(call, provider), "truncate": True}
    body |= {name: unknown.pop(name) for name in NATIVE if name in unknown}
    for name in ("max_tokens_per_doc", "priority"):
        if getattr(request, name):
            call.drop(name, provider)
    call.drop_members(unknown, provider)
    return body


CODEC = HuggingFaceRerankCodec()
