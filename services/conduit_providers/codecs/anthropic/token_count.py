"""Anthropic's count of what a chat would read, which is free.

https://platform.claude.com/docs/en/api/messages/count_tokens; anthropic, the Python SDK:
types.message_count_tokens_params has the members that are taken.
"""

import msgspec
import orjson

from conduit_providers.codecs.anthropic.chat import CODEC as CHATS
from conduit_providers.codecs.anthropic.message_count import PATH, input_tokens_in
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_TAKEN = frozenset(
    {"messages", "model", "system", "tools", "tool_choice", "thinking", "output_config"}
    | {"cache_control"}
)


class AnthropicTokenCounter:
    """Speaks `POST /v1/messages/count_tokens`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request out of the chat's."""
        request = CHATS.to_upstream(call, endpoint, target)
        members = orjson.loads(request.body)
        body = orjson.dumps({name: members[name] for name in members if name in _TAKEN})
        return msgspec.structs.replace(request, path=request.path + PATH, body=body)

    def count(self, response: HttpResponse, provider: str) -> int:
        """Return the tokens."""
        return input_tokens_in(response.body, provider)


CODEC = AnthropicTokenCounter()
