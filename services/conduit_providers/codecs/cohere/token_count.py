"""Cohere's tokens of a text; what chats are wrapped in it does not count.

https://docs.cohere.com/reference/tokenize; cohere 7.3.1, the Python SDK: raw_base_client.tokenize
"""

import msgspec
import orjson

from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

_PATH = "/v1/tokenize"
_MOST_CHARACTERS = 65_536


class _Tokens(msgspec.Struct):
    tokens: list[int] | None = None


_READER = JsonReader(_Tokens)


class CohereTokenCounter:
    """Speaks `POST /v1/tokenize`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request. UnsupportedCapability for more than one text, and for long ones."""
        text = _text_of(call)
        if not 0 < len(text) <= _MOST_CHARACTERS:
            message = f"{target.provider_name} counts the tokens of one short text alone"
            raise UnsupportedCapability(message, capability="token_counts")
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        body = orjson.dumps({"text": text, "model": call.model})
        return HttpRequest("POST", target.fill(_PATH), headers, body)

    def count(self, response: HttpResponse, provider: str) -> int:
        """Return the tokens."""
        found = read_answer(_READER, response.body, provider, "it is not a list of tokens")
        if found.tokens is None:
            raise malformed(provider, "it has no tokens")
        return len(found.tokens)


def _text_of(call: ChatCall) -> str:
    """Return the text that is all of a chat; empty where there is more to it."""
    chat = call.typed
    if chat.tools or len(chat.messages) != 1 or chat.messages[0].role != CHAT_ROLE_USER:
        return ""
    content = chat.messages[0].content
    return content[0].text if len(content) == 1 else ""


CODEC = CohereTokenCounter()
