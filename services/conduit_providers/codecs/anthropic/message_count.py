"""Anthropic's own count of what a message would read, which is free.

https://platform.claude.com/docs/en/api/messages/count_tokens
"""

import msgspec

from conduit_providers.codecs.anthropic.message import CODEC as MESSAGES
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.inbound.message_form import MessageCall
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.message_count import CountAnswer, count_answer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

PATH = "/count_tokens"


class _Count(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    error: object = None


_READER = JsonReader(_Count)


class AnthropicMessageCountCodec:
    """Speaks `POST /v1/messages/count_tokens`."""

    def to_upstream(self, call: MessageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model."""
        request = MESSAGES.to_upstream(call, endpoint, target)
        return msgspec.structs.replace(request, path=request.path + PATH)

    def from_upstream(
        self, response: HttpResponse, call: MessageCall, endpoint: Endpoint
    ) -> CountAnswer:
        """Pass the provider's body on."""
        input_tokens_in(response.body, call.provider)
        return count_answer(response.body)


def input_tokens_in(body: bytes, provider: str) -> int:
    """Return what was counted. UpstreamError if that is nothing."""
    found = read_answer(_READER, body, provider, "it is not a count")
    if found.error is not None:
        raise error_in_stream(found.error, provider)
    if found.input_tokens is None:
        raise malformed(provider, "it has no count")
    return found.input_tokens


CODEC = AnthropicMessageCountCodec()
