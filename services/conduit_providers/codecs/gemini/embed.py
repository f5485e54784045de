"""Gemini's embeddings, and those of Vertex AI.

https://ai.google.dev/api/embeddings and
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from conduit_providers.codecs.gemini.options import EmbedModel
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.embeddings import texts_of, vectors_answer
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.embed import EmbedAnswer, EmbedCall
from conduit_providers.quantities import Quantities, plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]

# Google's words for what others call by Cohere's names.
TASKS: Mapping[str, str] = {
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "query": "RETRIEVAL_QUERY",
}


class _Statistics(msgspec.Struct, rename="camel"):
    token_count: float = 0


class _PredictStatistics(msgspec.Struct):
    token_count: float = 0


class _Vector(msgspec.Struct):
    values: list[float]
    statistics: _Statistics | None = None


class _PredictVector(msgspec.Struct):
    values: list[float]
    statistics: _PredictStatistics | None = None


class _Prediction(msgspec.Struct):
    embeddings: _PredictVector


class _Counts(msgspec.Struct, rename="camel"):
    prompt_token_count: int = 0


class _Answer(msgspec.Struct, rename="camel"):
    embedding: _Vector | None = None
    embeddings: list[_Vector] | None = None
    predictions: list[_Prediction] | None = None
    usage_metadata: _Counts | None = None
    error: object = None

    @property
    def vectors(self) -> Sequence[_Vector | _PredictVector]:
        """The vectors, in order."""
        if self.embedding is not None:
            return [self.embedding]
        if self.predictions is not None:
            return [each.embeddings for each in self.predictions]
        return self.embeddings or []

    def usage(self) -> Quantities | None:
        """Return the tokens read; None if nobody counted them."""
        if self.usage_metadata is not None:
            return plain(self.usage_metadata.prompt_token_count)
        counts = [each.statistics.token_count for each in self.vectors if each.statistics]
        return plain(int(sum(counts))) if counts else None


_DECODER = JsonReader(_Answer)


class GeminiEmbedCodec:
    """Speaks `:batchEmbedContents`, `:embedContent` and `:predict`."""

    def to_upstream(self, call: EmbedCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for tokens that we cannot read."""
        model = call.model.removeprefix("models/")
        texts = texts_of(call, target.provider_name)
        settings = _settings(call, target.provider_name)
        verb, body = _request(endpoint.facts_of(call.model), model, texts, settings)
        return HttpRequest(
            "POST",
            f"{target.fill(endpoint.path, model=model)}:{verb}",
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
        vectors = [each.values for each in found.vectors]
        if found.error is not None:
            raise error_in_stream(found.error, call.provider)
        if len(vectors) != len(call.typed.input):
            raise malformed(call.provider, "it has not one embedding for each text")
        return vectors_answer(vectors, call, found.usage())


def _settings(call: EmbedCall, provider: str) -> Json:
    request = call.typed
    unknown: Json = orjson.loads(request.unknown_json or b"{}")
    settings: Json = {}
    if request.input_type:
        settings["taskType"] = TASKS.get(request.input_type, request.input_type.upper())
    if request.HasField("dimensions"):
        settings["outputDimensionality"] = request.dimensions
    for name, spelled in (("title", "title"), ("task_type", "taskType"), ("taskType", "taskType")):
        if name in unknown:
            settings[spelled] = unknown.pop(name)
    if request.user:
        call.drop("user", provider)
    call.drop_members(unknown, provider)
    return settings


def _content(text: str) -> Json:
    return {"role": "user", "parts": [{"text": text}]}


def _request(
    facts: EmbedModel, model: str, texts: Sequence[str], settings: Json
) -> tuple[str, Json]:
    """Return the verb and the body."""
    if facts.method == "predict":
        return "predict", _prediction(texts, settings)
    if facts.method == "batchEmbedContents":
        head = {"model": f"models/{model}"}
        requests = [head | {"content": _content(text)} | settings for text in texts]
        return "batchEmbedContents", {"requests": requests}
    config = {"embedContentConfig": settings} if settings else {}
    if len(texts) == 1:
        return "embedContent", {"content": _content(texts[0])} | config
    return "batchEmbedContents", {
        "requests": [{"content": _content(text)} | config for text in texts]
    }


def _prediction(texts: Sequence[str], settings: Json) -> Json:
    shared: Json = {}
    if "taskType" in settings:
        shared["task_type"] = settings["taskType"]
    if "title" in settings:
        shared["title"] = settings["title"]
    body: Json = {"instances": [{"content": text} | shared for text in texts]}
    if "outputDimensionality" in settings:
        body["parameters"] = {"outputDimensionality": settings["outputDimensionality"]}
    return body


CODEC = GeminiEmbedCodec()
