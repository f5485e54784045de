"""Ollama's embeddings.

https://docs.ollama.com/api/embed
"""

from typing import Any

import msgspec
import orjson

from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.embeddings import texts_of, vectors_answer
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.embed import EmbedAnswer, EmbedCall
from conduit_providers.quantities import plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]
# Ollama's own parameters, passed on as they are.
NATIVE = ("truncate", "keep_alive", "options")


class _Answer(msgspec.Struct):
    model: str = ""
    embeddings: list[list[float]] = []
    prompt_eval_count: int | None = None
    # In nanoseconds, told as they are.
    total_duration: object = None
    load_duration: object = None
    error: object = None


_DECODER = JsonReader(_Answer)


class OllamaEmbedCodec:
    """Speaks `POST /api/embed`."""

    def to_upstream(self, call: EmbedCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for tokens that we cannot read."""
        request = call.typed
        texts = texts_of(call, target.provider_name)
        body: Json = {"model": call.model, "input": texts}
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
        found = read_answer(
            _DECODER, response.body, call.provider, "it is not a list of embeddings"
        )
        if found.error is not None:
            raise error_in_stream(found.error, call.provider)
        if len(found.embeddings) != len(call.typed.input):
            raise malformed(call.provider, "it has not one embedding for each text")
        count = found.prompt_eval_count
        usage = None if count is None else plain(count)
        return vectors_answer(found.embeddings, call, usage, found.model, _durations(found))


def _durations(found: _Answer) -> bytes:
    told = {"total_duration": found.total_duration, "load_duration": found.load_duration}
    # What JSON can be written of: durations are nanoseconds.
    members = {name: n for name, n in told.items() if isinstance(n, int) and 0 <= n < 2**63}
    return orjson.dumps(members) if members else b""


CODEC = OllamaEmbedCodec()
