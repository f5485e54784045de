"""Gemini's count of what a chat would read, which is free.

https://ai.google.dev/api/tokens: either contents, or the whole request as it would be generated
from, instructions and tools included.
"""

from typing import Any

import msgspec
import orjson

from conduit_providers.codecs.gemini.chat import CODEC as CHATS
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

GENERATE, COUNT = ":generateContent", ":countTokens"


class _Count(msgspec.Struct):
    totalTokens: int | None = None  # noqa: N815 # Google's spelling
    error: object = None


_READER = JsonReader(_Count)


class GeminiTokenCounter:
    """Speaks `POST .../{model}:countTokens`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request around the chat's."""
        request = CHATS.to_upstream(call, endpoint, target)
        model = f"models/{call.model.removeprefix('models/')}"
        body: dict[str, Any] = {"model": model, **orjson.loads(request.body)}
        return msgspec.structs.replace(
            request,
            path=request.path.removesuffix(GENERATE) + COUNT,
            body=orjson.dumps({"generateContentRequest": body}),
        )

    def count(self, response: HttpResponse, provider: str) -> int:
        """Return the tokens."""
        return total_tokens_in(response.body, provider)


def total_tokens_in(body: bytes, provider: str) -> int:
    """Return what was counted. UpstreamError if that is nothing."""
    found = read_answer(_READER, body, provider, "it is not a count")
    if found.error is not None:
        raise error_in_stream(found.error, provider)
    if found.totalTokens is None:
        raise malformed(provider, "it has no count")
    return found.totalTokens


CODEC = GeminiTokenCounter()
