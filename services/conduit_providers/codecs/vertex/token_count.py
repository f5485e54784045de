"""Vertex AI's count of what a chat with Gemini would read, which is free.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens: the
members of a chat stand in the request itself. google-genai 3.6.1, models.count_tokens.
"""

import msgspec
import orjson

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.gemini.token_count import COUNT, GENERATE, total_tokens_in
from conduit_providers.codecs.vertex.chat import CODEC as CHATS
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_TAKEN = frozenset({"contents", "systemInstruction", "tools", "generationConfig"})


class VertexTokenCounter:
    """Speaks `POST .../{model}:countTokens`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request out of the chat's. UnsupportedCapability for Claude."""
        request = CHATS.to_upstream(call, endpoint, target)
        if not request.path.endswith(GENERATE):
            message = f"{target.provider_name} counts no tokens of this model beforehand"
            raise UnsupportedCapability(message, capability="token_counts")
        members = orjson.loads(request.body)
        return msgspec.structs.replace(
            request,
            path=request.path.removesuffix(GENERATE) + COUNT,
            body=orjson.dumps({name: members[name] for name in members if name in _TAKEN}),
        )

    def count(self, response: HttpResponse, provider: str) -> int:
        """Return the tokens."""
        return total_tokens_in(response.body, provider)


CODEC = VertexTokenCounter()
