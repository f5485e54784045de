"""Ollama's embeddings.

https://docs.ollama.com/api/embed
"""

import base64
import struct
from typing import Any

import msgspec
import orjson

from conduit.v1.embedding_pb2 import EmbeddingList
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import EmbedAnswer, EmbedCall, embed_answer
from conduit_providers.failures import error_in_stream, garbage
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.usage import Usage
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]
# Ollama's own parameters, passed on as they are.
NATIVE = ("truncate", "keep_alive", "options")


class _Answer(msgspec.Struct):
    model: str = ""
    embeddings: list[list[float]] = []
    prompt_eval_count: int | None = None
    error: object = None


_DECODER = msgspec.json.Decoder(_Answer)


class OllamaEmbedCodec:
    """Speaks `POST /api/embed`."""

    def to_upstream(self, call: EmbedCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. UnsupportedCapability for inputs that are tokens."""
        request = call.typed
        if any(not each.HasField("text") for each in request.input):
            raise UnsupportedCapability(
                f"{target.provider_name} embeds texts, not tokens", capability="token_input"
            )
        body: Json = {"model": call.model, "input": [each.text for each in request.input]}
        if request.HasField("dimensions"):
            body["dimensions"] = request.dimensions
        unknown: Json = orjson.loads(request.unknown_json or b"{}")
        body |= {name: unknown.pop(name) for name in NATIVE if name in unknown}
        untaken = [name for name, value in unknown.items() if value is not None]
        untaken += [name for name in ("input_type", "user") if getattr(request, name)]
        for name in untaken:
            call.drop(name, target.provider_name)
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        return HttpRequest("POST", target.fill(endpoint.path), headers, orjson.dumps(body))

    def from_upstream(
        self, response: HttpResponse, call: EmbedCall, endpoint: Endpoint
    ) -> EmbedAnswer:
        """Translate the answer. UpstreamError unless it has a vector for each text."""
        try:
            found = _DECODER.decode(response.body)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise garbage(call.provider, "it is not a list of embeddings") from error
        if found.error is not None:
            raise error_in_stream(found.error, call.provider)
        if len(found.embeddings) != len(call.typed.input):
            raise garbage(call.provider, "it has not one embedding for each text")
        return _answer(found, call)


def _answer(found: _Answer, call: EmbedCall) -> EmbedAnswer:
    vectors = EmbeddingList(object="list", model=found.model or call.model)
    is_base64 = call.typed.encoding_format == "base64"
    for place, values in enumerate(found.embeddings):
        vector = vectors.data.add(object="embedding", index=place).embedding
        if is_base64:
            vector.base64 = base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
        else:
            vector.floats.values.extend(values)
    # OpenAI's answers always have counts.
    vectors.usage.SetInParent()
    if found.prompt_eval_count is None:
        return embed_answer(usage=None, typed=vectors)
    vectors.usage.prompt_tokens = vectors.usage.total_tokens = found.prompt_eval_count
    return embed_answer(usage=Usage(input_tokens=found.prompt_eval_count), typed=vectors)


CODEC = OllamaEmbedCodec()
