"""OpenAI's embeddings, and the many who speak it.

https://platform.openai.com/docs/api-reference/embeddings
"""

import struct

import msgspec
import orjson
from msgspec.structs import replace

from conduit_providers.codecs.openai.request import fitted_body, headers_of
from conduit_providers.codecs.openai.usage import counts_at, read_usage
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.embeddings import packed, texts_of
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader, parsed
from conduit_providers.operation import TOKEN_INPUT
from conduit_providers.operations.embed import EmbedAnswer, EmbedCall, embed_answer, has_tokens
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


class _Asked(msgspec.Struct):
    encoding_format: object = None


_DECODER = JsonReader(_List)
_decode_asked = msgspec.json.Decoder(_Asked).decode


class OpenAIEmbedCodec:
    """Speaks `POST /embeddings`."""

    def to_upstream(self, call: EmbedCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model.

        InvalidRequest for tokens that we cannot read, where the provider takes texts alone.
        """
        if TOKEN_INPUT not in endpoint.capabilities and has_tokens(call):
            call = _in_texts(call, target.provider_name)
        return HttpRequest(
            "POST",
            target.fill(endpoint.path_for(target.settings), model=call.model),
            headers_of(endpoint),
            fitted_body(call, endpoint, target.provider_name),
        )

    def from_upstream(
        self, response: HttpResponse, call: EmbedCall, endpoint: Endpoint
    ) -> EmbedAnswer:
        """Pass the provider's body on, after a look at its usage."""
        found = read_answer(
            _DECODER, response.body, call.provider, "it is not a list of embeddings"
        )
        if found.error is not None:
            raise error_in_stream(found.error, call.provider)
        if not found.data:
            raise malformed(call.provider, "it has no embeddings")
        counts = read_usage(found.usage)
        if endpoint.usage:
            counts = counts_at(response.body, endpoint.usage, counts)
        usage = counts.quantities() if counts is not None else None
        body = _with_usage(response.body)
        if bytes(found.data[0].embedding)[:1] == b"[" and _asks_base64(call):
            body = _in_base64(body, call.provider)
        return embed_answer(usage=usage, json=body)


def _in_texts(call: EmbedCall, provider: str) -> EmbedCall:
    texts = orjson.dumps(texts_of(call, provider))
    return replace(call, request=call.request.with_member("input", texts))


def _asks_base64(call: EmbedCall) -> bool:
    raw = call.request.json
    return b'"base64"' in raw and _decode_asked(raw).encoding_format == "base64"


def _in_base64(body: bytes, provider: str) -> bytes:
    """Return an answer whose numbers are packed, as the caller asked and the server would not."""
    try:
        answer = parsed(body)
        for entry in answer["data"]:
            if isinstance(entry["embedding"], list):
                entry["embedding"] = packed(entry["embedding"], provider)
    except (msgspec.DecodeError, TypeError, struct.error) as error:
        raise malformed(provider, "an embedding is not a list of numbers") from error
    return orjson.dumps(answer)


def _with_usage(body: bytes) -> bytes:
    """Return an answer that has counts, as OpenAI's always do; Together's have none."""
    if b'"usage"' in body:
        return body
    end = body.rindex(b"}")
    return body[:end] + b',"usage":{"prompt_tokens":0,"total_tokens":0}' + body[end:]


CODEC = OpenAIEmbedCodec()
