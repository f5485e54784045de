"""Cohere's embeddings, version 2 of the API.

https://docs.cohere.com/reference/embed
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from conduit_providers.codecs.cohere.answer import Counts
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.embeddings import texts_of, vectors_answer
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.embed import EmbedAnswer, EmbedCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]

# What others call Cohere's uses.
INPUT_TYPES: Mapping[str, str] = {"query": "search_query", "document": "search_document"}
# Cohere's own parameters, passed on as they are.
NATIVE = ("max_tokens", "priority", "truncate")
_IMAGE = "data:image/"


class _Vectors(msgspec.Struct):
    floats: list[list[float]] | None = msgspec.field(default=None, name="float")


class _Answer(msgspec.Struct):
    id: str = ""
    embeddings: _Vectors | None = None
    meta: Counts | None = None


_DECODER = JsonReader(_Answer)


class CohereEmbedCodec:
    """Speaks `POST /v2/embed`."""

    def to_upstream(self, call: EmbedCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request.

        An input that is a data URL of an image is embedded as an image.
        """
        return HttpRequest(
            "POST",
            target.fill(endpoint.path, model=call.model),
            JSON_HEADERS + tuple(endpoint.headers.items()),
            orjson.dumps(_body(call, endpoint, target.provider_name)),
        )

    def from_upstream(
        self, response: HttpResponse, call: EmbedCall, endpoint: Endpoint
    ) -> EmbedAnswer:
        """Translate the answer. UpstreamError unless it has a vector for each input."""
        found = read_answer(
            _DECODER, response.body, call.provider, "it is not a list of embeddings"
        )
        vectors = found.embeddings.floats if found.embeddings is not None else None
        if vectors is None or len(vectors) != len(call.typed.input):
            raise malformed(call.provider, "it has not one embedding for each input")
        usage = found.meta.quantities() if found.meta is not None else None
        return vectors_answer(vectors, call, usage)


def _body(call: EmbedCall, endpoint: Endpoint, provider: str) -> Json:
    request = call.typed
    unknown: Json = orjson.loads(request.unknown_json or b"{}")
    asked = request.input_type or endpoint.options.input_type
    body: Json = {
        "model": call.model,
        "input_type": INPUT_TYPES.get(asked, asked),
        **_inputs(call, provider),
        # Base64 is our own packing of these.
        "embedding_types": ["float"],
    }
    if request.HasField("dimensions"):
        body["output_dimension"] = request.dimensions
    body |= {name: unknown.pop(name) for name in NATIVE if name in unknown}
    if request.user:
        call.drop("user", provider)
    call.drop_members(unknown, provider)
    return body


def _inputs(call: EmbedCall, provider: str) -> Json:
    texts = texts_of(call, provider)
    if any(text.startswith(_IMAGE) for text in texts):
        return {"inputs": [{"content": [_content(text)]} for text in texts]}
    return {"texts": texts}


def _content(text: str) -> Json:
    if text.startswith(_IMAGE):
        return {"type": "image_url", "image_url": {"url": text}}
    return {"type": "text", "text": text}


CODEC = CohereEmbedCodec()
