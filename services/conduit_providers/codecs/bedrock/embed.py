"""Embeddings on Bedrock, by InvokeModel: each maker of models has a body of its own.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from conduit.v1.embedding_pb2 import EmbeddingRequest
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.bedrock.options import EmbedModel
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.embeddings import texts_of, vectors_answer
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.embed import EmbedAnswer, EmbedCall
from conduit_providers.quantities import count_in, plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]

# Cohere's models demand to know what the vectors are for.
DEFAULT_INPUT_TYPE = "search_document"
TOKENS_READ = "x-amzn-bedrock-input-token-count"


class _ByType(msgspec.Struct):
    float: list[list[float]]


class _Answer(msgspec.Struct, rename="camel"):
    # Titan's: one vector, and how many tokens the text had.
    embedding: list[float] | None = None
    input_text_token_count: int | None = None
    # Cohere's: one for each text, by type if types were asked for.
    embeddings: list[list[float]] | _ByType | None = None

    @property
    def vectors(self) -> Sequence[Sequence[float]]:
        """The vectors, in order."""
        if self.embedding is not None:
            return [self.embedding]
        found = self.embeddings
        return (found.float if isinstance(found, _ByType) else found) or []


_DECODER = JsonReader(_Answer)


class BedrockEmbedCodec:
    """Speaks `POST /model/{modelId}/invoke` with the embedding models of Amazon and Cohere."""

    def to_upstream(self, call: EmbedCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request.

        InvalidRequest for models of other makers, and for tokens that we cannot read.
        Titan takes one text in a request, so the catalog has calls with several split.
        """
        provider = target.provider_name
        texts = texts_of(call, provider)
        unknown: Json = orjson.loads(call.typed.unknown_json or b"{}")
        model: EmbedModel = endpoint.facts_of(call.model)
        if model.maker == "titan":
            body = _titan(call, model, texts, unknown, provider)
        elif model.maker == "cohere":
            body = _cohere(call.typed, texts, unknown)
        else:
            raise InvalidRequest(
                f"{provider} makes embeddings with the models of Amazon Titan and Cohere, and "
                f"{call.model!r} is none of them by its name",
                field="model",
            )
        if call.typed.user:
            call.drop("user", provider)
        call.drop_members(unknown, provider)
        return HttpRequest(
            "POST",
            target.fill(endpoint.path, model=call.model),
            JSON_HEADERS + tuple(endpoint.headers.items()),
            orjson.dumps(body),
        )

    def from_upstream(
        self, response: HttpResponse, call: EmbedCall, endpoint: Endpoint
    ) -> EmbedAnswer:
        """Translate the answer. UpstreamError unless it has a vector for each text."""
        found = read_answer(
            _DECODER, response.body, call.provider, "it is not a list of embeddings"
        )
        if len(found.vectors) != len(call.typed.input):
            raise malformed(call.provider, "it has not one embedding for each text")
        count = found.input_text_token_count
        if count is None:
            count = count_in(response.headers.get(TOKENS_READ, ""))
        usage = None if count is None else plain(count)
        return vectors_answer(found.vectors, call, usage)


def _titan(
    call: EmbedCall, model: EmbedModel, texts: list[str], unknown: Json, provider: str
) -> Json:
    if len(texts) != 1:
        raise InvalidRequest(
            f"{call.model} on {provider} embeds one text in a request, and there are {len(texts)}",
            field="input",
        )
    body: Json = {"inputText": texts[0]}
    request = call.typed
    if request.HasField("dimensions"):
        if model.dimensions:
            *tables, name = model.dimensions
            inside = body
            for table in tables:
                inside = inside.setdefault(table, {})
            inside[name] = request.dimensions
        else:
            call.drop("dimensions", provider)
    if "normalize" in unknown and model.takes_normalize:
        body["normalize"] = unknown.pop("normalize")
    if request.input_type:
        call.drop("input_type", provider)
    return body


def _cohere(request: EmbeddingRequest, texts: list[str], unknown: Json) -> Json:
    body: Json = {
        "texts": texts,
        "input_type": request.input_type or DEFAULT_INPUT_TYPE,
        "embedding_types": ["float"],
    }
    if request.HasField("dimensions"):
        body["output_dimension"] = request.dimensions
    for name in ("truncate", "max_tokens"):
        if name in unknown:
            body[name] = unknown.pop(name)
    return body


CODEC = BedrockEmbedCodec()
