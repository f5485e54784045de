"""OpenAI's embeddings, and the many who speak it.

https://platform.openai.com/docs/api-reference/embeddings
"""

import msgspec

from conduit_providers.codecs.openai.request import embed_body, headers_of
from conduit_providers.codecs.openai.usage import counts_at, read_usage
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.embed import EmbedAnswer, EmbedCall, embed_answer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Vector(msgspec.Struct):
    # Numbers, or base64 of floats; either way they are passed on as they are.
    embedding: msgspec.Raw


class _List(msgspec.Struct):
    data: list[_Vector] | None = None
    usage: object = None
    error: object = None


_DECODER = JsonReader(_List)


class OpenAIEmbedCodec:
    """Speaks `POST /embeddings`."""

    def to_upstream(self, call: EmbedCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model."""
        return HttpRequest(
            "POST",
            target.fill(endpoint.path_for(target.settings), model=call.model),
            headers_of(endpoint),
            embed_body(call, endpoint, target.provider_name),
        )

    def from_upstream(
        self, response: HttpResponse, call: EmbedCall, endpoint: Endpoint
    ) -> EmbedAnswer:
        """Pass the provider's body on, after a look at its usage."""
        try:
            found = _DECODER.decode(response.body)
        except msgspec.DecodeError as error:
            raise malformed(call.provider, "it is not a list of embeddings") from error
        if found.error is not None:
            raise error_in_stream(found.error, call.provider)
        if not found.data:
            raise malformed(call.provider, "it has no embeddings")
        counts = read_usage(found.usage)
        if endpoint.usage:
            counts = counts_at(response.body, endpoint.usage, counts)
        usage = counts.quantities() if counts is not None else None
        return embed_answer(usage=usage, json=_with_usage(response.body))


def _with_usage(body: bytes) -> bytes:
    """Return an answer that has counts, as OpenAI's always do; Together's have none."""
    if b'"usage"' in body:
        return body
    end = body.rindex(b"}")
    return body[:end] + b',"usage":{"prompt_tokens":0,"total_tokens":0}' + body[end:]


CODEC = OpenAIEmbedCodec()
