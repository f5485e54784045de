"""Hugging Face's embeddings.

Two servers, distinguished by the instance's address:

* The router takes the task `feature-extraction` of the provider `hf-inference`: texts in, bare
  vectors out, without counts.
  https://huggingface.co/docs/inference-providers/tasks/feature-extraction
* A dedicated endpoint runs Text Embeddings Inference, which speaks OpenAI's dialect.
  https://huggingface.co/docs/text-embeddings-inference/quick_tour
"""

from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import orjson
from msgspec.structs import replace

from conduit_providers.codecs.huggingface.options import EmbedOptions
from conduit_providers.codecs.openai import embed as openai_embed
from conduit_providers.codecs.openai.request import headers_of
from conduit_providers.codecs.shared.embeddings import texts_of, vectors_answer
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.embed import EmbedAnswer, EmbedCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

ROUTER = "router.huggingface.co"

_DECODER = JsonReader(list[list[float]])


class HuggingFaceEmbedCodec:
    """Speaks `feature-extraction`, and OpenAI's dialect where that is spoken."""

    def to_upstream(self, call: EmbedCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for tokens that we cannot read."""
        if urlsplit(target.base_url).hostname != ROUTER:
            options: EmbedOptions = endpoint.options
            sent = openai_embed.CODEC.to_upstream(call, endpoint, target)
            return replace(sent, path=target.fill(options.dedicated_path, model=call.model))
        # The model's owner and name are two steps of the path.
        path = endpoint.path.replace("{model}", quote(call.model, safe="/-._~"))
        body = orjson.dumps(_body(call, target.provider_name))
        return HttpRequest("POST", path, headers_of(endpoint), body)

    def from_upstream(
        self, response: HttpResponse, call: EmbedCall, endpoint: Endpoint
    ) -> EmbedAnswer:
        """Translate the answer. UpstreamError unless it has a vector for each text."""
        if response.body.lstrip().startswith(b"{"):
            return openai_embed.CODEC.from_upstream(response, call, endpoint)
        try:
            vectors = _DECODER.decode(response.body)
        except msgspec.DecodeError as error:
            # Models that do not pool give a vector for each token.
            raise malformed(call.provider, "it has not one vector for each text") from error
        if len(vectors) != len(call.typed.input):
            raise malformed(call.provider, "it has not one vector for each text")
        return vectors_answer(vectors, call, None)


def _body(call: EmbedCall, provider: str) -> dict[str, Any]:
    request = call.typed
    body: dict[str, Any] = {"inputs": texts_of(call, provider)}
    if request.HasField("dimensions"):
        body["dimensions"] = request.dimensions
    # `normalize`, `prompt_name`, `truncate` and `truncation_direction` are the task's own.
    body |= orjson.loads(request.unknown_json or b"{}")
    for name in ("user", "input_type"):
        if getattr(request, name):
            call.drop(name, provider)
    return body


CODEC = HuggingFaceEmbedCodec()
